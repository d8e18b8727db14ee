"""How an image is made the network's input: as it is done for the weights by those who publish them."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from bench_lib.core.case import PUBLISHED, Case, model_kind
from bench_lib.core.real_images import Preprocessing
from bench_lib.workload.timm_network import timm_config

RESIZED = 256 / 224  # for ImageNet: the shorter side of the resized image, relative to the square cut from its middle
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of the channels red, green, blue


def preprocessing_of(case: Case) -> Preprocessing:
    """How images are prepared for the case.

    For published weights of torchvision it is what torchvision names with them (`weights.transforms()`), and for a
    network of timm what timm names with it, whatever its weights. Otherwise it is what is usual for ImageNet. At
    another image size than theirs, the side of the resized image keeps its ratio to the side of the square.
    """
    if model_kind(case.model) == "timm":
        return of_timm(case.model, case.image_size)
    if model_kind(case.model) == "torchvision" and case.weights == PUBLISHED:
        return of_torchvision(case.model, case.image_size)
    return of_imagenet(case.image_size)


def of_imagenet(image_size: int) -> Preprocessing:
    """What torchvision's ImageNet classifiers were trained with, at first, for a square of `image_size` pixels."""
    return Preprocessing(
        resize=round(image_size * RESIZED), crop=image_size, mean=list(MEAN), std=list(STD), interpolation="bilinear",
        source="imagenet",
    )  # fmt: skip


def of_torchvision(name: str, image_size: int) -> Preprocessing:
    """What torchvision names with the weights that it publishes for the network."""
    from torchvision import models

    own = models.get_model_weights(name).DEFAULT.transforms()
    ratio = own.resize_size[0] / own.crop_size[0]
    return Preprocessing(
        resize=round(image_size * ratio), crop=image_size, mean=list(own.mean), std=list(own.std),
        interpolation=own.interpolation.value, source="torchvision_weights",
    )  # fmt: skip


def of_timm(model: str, image_size: int) -> Preprocessing:
    """What timm names with the network; its `crop_pct` is the side of the square relative to the resized image's."""
    own = timm_config(model)
    return Preprocessing(
        resize=math.floor(image_size / own.crop_pct), crop=image_size, mean=list(own.mean), std=list(own.std),
        interpolation=own.interpolation, squashed=own.crop_mode == "squash", source="timm",
    )  # fmt: skip


def transform(how: Preprocessing) -> Callable[[Any], torch.Tensor]:
    """What makes a PIL image in RGB a float32 tensor, `[3, crop, crop]`, as `how` says."""
    return partial(prepare, how=how)


def prepare(picture: Any, how: Preprocessing) -> torch.Tensor:
    """A PIL image in RGB as a float32 tensor, `[3, crop, crop]`."""
    from torchvision.transforms import InterpolationMode, functional

    size = [how.resize] * (2 if how.squashed else 1)  # one number is the shorter side
    resized = functional.resize(picture, size, InterpolationMode(how.interpolation), antialias=True)
    cut = functional.pil_to_tensor(functional.center_crop(resized, [how.crop]))
    return functional.normalize(functional.convert_image_dtype(cut), how.mean, how.std)
