"""Images are prepared as those do it who publish the weights, and the record tells how."""

import numpy as np
import pytest
import torch
from helpers import pictures
from PIL import Image
from torchvision import models
from torchvision.transforms import v2

from bench_lib.core.case import Case
from bench_lib.workload.images import read_images
from bench_lib.workload.preprocessing import of_imagenet, preprocessing_of, transform

HERE = torch.device("cpu")


def picture(size=(500, 375), seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*reversed(size), 3), np.uint8))


def published(model, image_size):
    return preprocessing_of(Case(engine="pytorch", model=model, weights="DEFAULT", image_size=image_size))


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (40, 33), (224, 224)])
@pytest.mark.parametrize("side", [32, 224, 299])
def test_imagenet_s_is_resizing_with_antialiasing_cutting_and_normalizing(size, side):
    mean, sd = torch.tensor([[[0.485]], [[0.456]], [[0.406]]]), torch.tensor([[[0.229]], [[0.224]], [[0.225]]])
    image = picture(size, side)
    cut = v2.Compose([v2.Resize(round(side * 256 / 224)), v2.CenterCrop(side), v2.PILToTensor()])(image)
    found = transform(of_imagenet(side))(image)
    assert (found.dtype, found.shape) == (torch.float32, (3, side, side))
    assert torch.equal((255 * (found * sd + mean)).round().to(torch.uint8), cut)  # each pixel is the same
    assert torch.allclose(found, (cut / 255 - mean) / sd, atol=1e-6)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_images_of_a_folder_are_prepared_so_and_the_record_tells_it(tmp_path, kind):
    path = pictures.write(tmp_path, 16, kind, side=300)[0]
    theirs = models.ResNet18_Weights.IMAGENET1K_V1.transforms()(Image.open(path))
    read = read_images(Case(engine="pytorch", data=str(tmp_path)), HERE)
    assert torch.allclose(read.pixels[0], theirs, atol=1e-6)
    assert read.facts(None).preprocessing == of_imagenet(224)


@pytest.mark.parametrize("model", models.list_models(module=models))
def test_published_weights_of_torchvision_get_their_own_at_their_own_size(model):
    own = models.get_model_weights(model).DEFAULT.transforms()
    found = published(model, own.crop_size[0])
    assert [found.resize] == own.resize_size
    assert torch.equal(transform(found)(picture()), own(picture()))


def test_at_another_size_the_ratio_is_kept():
    found = published("inception_v3", 598)  # theirs is 342 and 299
    assert (found.resize, found.crop, found.source) == (684, 598, "torchvision_weights")
    assert published("efficientnet_b0", 224).interpolation == "bicubic"
    assert published("vit_h_14", 100).resize == 100  # theirs is 518 and 518


def test_weights_of_one_s_own_get_imagenet_s():
    for model, weights in (("inception_v3", ""), ("inception_v3", "net.pt"), ("nets:build", ""), ("net.onnx", "")):
        case = Case(engine="pytorch", model=model, weights=weights, image_size=299)
        assert preprocessing_of(case) == of_imagenet(299)
    assert (of_imagenet(224).resize, of_imagenet(224).source) == (256, "imagenet")
