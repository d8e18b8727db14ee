"""Networks of timm (`timm:NAME`), an optional package, which is imported only where one is asked for."""

import difflib
from functools import partial
from types import ModuleType
from typing import Any

from torch import nn

from bench_lib.core.case import PUBLISHED, TIMM
from bench_lib.core.errors import InputError
from bench_lib.workload.own_function import refused
from bench_lib.workload.weights_file import State, fit_classes

COMMAND = "pip install -c constraints.txt -e '.[timm]'"
NEAR = 6  # names that a sentence offers at most


def import_timm(model: str) -> ModuleType:
    """The package; raise `InputError` with the command that installs it where it cannot be imported."""
    try:
        import timm
    except ImportError as error:
        raise InputError(f"model {model!r} needs timm, which is not installed ({error}); {COMMAND}") from None
    return timm


def check_timm(model: str, weights: str) -> None:
    """Raise `InputError` unless timm has a network of that name and, if they are asked for, publishes its weights."""
    timm, name = import_timm(model), model.removeprefix(TIMM)
    known = {*timm.list_models(), *timm.list_models(include_tags=True)}
    if name not in known:
        near = difflib.get_close_matches(name, sorted(known), NEAR, cutoff=0.5)
        raise InputError(
            f"unknown model {model!r}; near to it timm has {', '.join(near) or 'none'}; give one of the names that "
            "timm.list_models() shows"
        )
    if weights == PUBLISHED and not timm.is_model_pretrained(name):
        raise InputError(f"weights {PUBLISHED}: timm publishes none for {name}; give a file, or another network")


def timm_config(model: str) -> Any:
    """What timm knows of the network's weights (its `PretrainedCfg`): their source, the classifier's name."""
    return import_timm(model).models.get_pretrained_cfg(model.removeprefix(TIMM))


def network_from_timm(model: str, state: State) -> nn.Module:
    """Timm's network with random weights, of as many classes as `state` has (weights by name, may be empty).

    Raise `InputError` if it cannot be built.
    """
    timm, classifier = import_timm(model), timm_config(model).classifier
    first = classifier if isinstance(classifier, str) else next(iter(classifier or ()), "")
    with refused(f"model {model!r} cannot be built"):
        build = partial(timm.create_model, model.removeprefix(TIMM), pretrained=False)
        return fit_classes(build, state, lambda _own: f"{first}.weight")
