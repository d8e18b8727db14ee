"""Networks with the weights that torchvision or timm publishes for them (`weights: DEFAULT`).

They come from the cache of these packages. What is not there is downloaded into it: nothing else here reaches out.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from bench_lib.core.case import PUBLISHED, TIMM, model_kind
from bench_lib.core.errors import InputError, error_text
from bench_lib.workload.timm_network import import_timm, timm_config


def check_published(model: str) -> None:
    """Raise `InputError` for a model that nobody publishes weights for: a function of the user's own."""
    if model_kind(model) == "function":
        raise InputError(
            f"weights {PUBLISHED} are those that torchvision or timm publishes, and {model} is a function; let it load "
            "its weights itself, or give a file"
        )


def published_network(model: str) -> nn.Module:
    """The network with its published weights; raise `InputError` if they are neither kept here nor can be had."""
    if model_kind(model) == "timm":
        return published_by_timm(model)
    from torchvision import models

    weights = models.get_model_weights(model).DEFAULT
    with loading(model, weights.url, checkpoints()):
        return models.get_model(model, weights=weights, progress=False)


def checkpoints() -> str:
    """The folder in which PyTorch keeps what it downloads."""
    return f"{torch.hub.get_dir()}/checkpoints"


def published_by_timm(model: str) -> nn.Module:
    """The network of timm with its published weights; a copy that is kept here is taken without asking for a newer."""
    timm, config = import_timm(model), timm_config(model)
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # otherwise each of its tries is a line on the terminal
    kept = try_to_load_from_cache(config.hf_hub_id, "model.safetensors") if config.hf_hub_id else None
    overlay = {"file": kept} if isinstance(kept, str) else None
    hub = f"{constants.ENDPOINT}/{config.hf_hub_id}", constants.HF_HUB_CACHE
    with loading(model, *(hub if config.hf_hub_id else (config.url, checkpoints()))):
        return timm.create_model(model.removeprefix(TIMM), pretrained=True, pretrained_cfg_overlay=overlay)


@contextmanager
def loading(model: str, source: str, cache: str) -> Iterator[None]:
    """Make what goes wrong in the block an `InputError`: there is no copy and no connection, or the copy is broken."""
    try:
        yield
    except OSError as error:  # also of urllib, and of Hugging Face's hub
        raise InputError(
            f"weights {PUBLISHED} of {model}: there is no copy in {cache}, and {source} cannot be reached "
            f"({error_text(error)}); where there is a connection, save them by torch.save(net.state_dict(), 'net.pt'), "
            "and give that file"
        ) from None
    except Exception as error:  # of unpickling, of safetensors, of a wrong hash
        raise InputError(
            f"weights {PUBLISHED} of {model}: the copy in {cache} is damaged ({type(error).__name__}: "
            f"{error_text(error)}); delete it there, so that it is downloaded again"
        ) from None
