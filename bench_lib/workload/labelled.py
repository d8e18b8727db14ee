"""The labelled images of a folder: each is of the class that its class folder is of.

A class folder lies directly in the folder of the images; whatever is in folders below it counts to its class, as in
torchvision's `ImageFolder`. Images beside the class folders have no label, and are not counted.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench_lib.core.case import weights_are_random
from bench_lib.core.errors import InputError
from bench_lib.core.labels import FOLDERS
from bench_lib.workload.image_files import image_paths, is_shown, shown

NAMED = 5  # folders that a sentence names at most


class LabelledFile(NamedTuple):
    """An image file and the index of its class in the network's answer."""

    path: Path
    label: int


def check_labels(model: str, weights: str, data: str, labels: str | dict[str, int]) -> None:
    """Raise `InputError` if these labels cannot be used: the weights are random, or they do not fit the folder."""
    if weights_are_random(model, weights):
        raise InputError(
            f"labels are given, but the weights of {model} are random, and no accuracy can be told from those; add "
            "weights (DEFAULT, or a file), or remove labels"
        )
    labelled_files(data, labels)


def check_is_classifier(shape: Sequence[int | None], model: str) -> None:
    """Raise `InputError` unless the shape of a network's first output is `[images, classes]`."""
    if len(shape) != 2:
        raise InputError(
            f"labels are given, and {model} answers {list(shape[1:])} to an image, not its classes; remove labels"
        )


def check_classes(data: str, labels: str | dict[str, int], classes: int, model: str) -> None:
    """Raise `InputError` if the labels do not fit a network that answers so many classes."""
    label_of = labels_by_folder(data, labels)
    if labels == FOLDERS and len(label_of) != classes:
        raise InputError(
            f"labels: {FOLDERS} makes {len(label_of)} classes of the folders in {data!r}, and {model} answers "
            f"{classes}; name the class of each folder instead, such as labels: {{cat: 281}}"
        )
    for name, label in label_of.items():
        if label >= classes:
            raise InputError(
                f"labels: the class of {shown(name)!r} is {label}, and {model} answers {classes} classes, 0 to "
                f"{classes - 1}; correct it"
            )


def labels_by_folder(data: str, labels: str | dict[str, int]) -> dict[str, int]:
    """The class of each class folder by its name, sorted; raise `InputError` if `labels` and the folders differ."""
    with os.scandir(data) as entries:
        names = sorted(entry.name for entry in entries if is_shown(entry.name) and entry.is_dir())
    if not names:
        raise InputError(
            f"data {data!r}: there are no folders in it, and labels need one for each class; sort the images into such "
            "folders, or remove labels"
        )
    if labels == FOLDERS:
        return {name: index for index, name in enumerate(names)}
    if strange := [name for name in names if name not in labels]:
        raise InputError(f"data {data!r}: labels do not name {few_names(strange)}; add them, or move them away")
    if absent := [name for name in labels if name not in names]:
        raise InputError(f"labels name {few_names(absent)}, and {data!r} has no such folders; correct or remove them")
    return {name: labels[name] for name in names}


def few_names(names: Sequence[str]) -> str:
    """At most `NAMED` names of folders, and how many more there are."""
    told = ", ".join(repr(shown(name)) for name in names[:NAMED])
    return f"{told} and {len(names) - NAMED} more" if len(names) > NAMED else told


def labelled_files(data: str, labels: str | dict[str, int]) -> list[LabelledFile]:
    """All labelled image files in the order of their paths.

    Raise `InputError` if a class folder holds no image, or if links put a file into folders of two classes.
    """
    files = []
    for name, label in labels_by_folder(data, labels).items():
        paths = sorted(image_paths(os.path.join(data, name)))
        if not paths:
            raise InputError(f"data {data!r}: the class folder {shown(name)!r} holds no image; put some there")
        files += [LabelledFile(path, label) for path in paths]
    check_one_label(files)
    return files


def check_one_label(files: Sequence[LabelledFile]) -> None:
    """Raise `InputError` if a file is reached by paths with different labels."""
    known: dict[tuple[int, int], LabelledFile] = {}
    for file in files:
        found = os.stat(file.path)
        other = known.setdefault((found.st_dev, found.st_ino), file)
        if other.label != file.label:
            raise InputError(
                f"data: {shown(str(other.path))!r} and {shown(str(file.path))!r} are one file, and of different "
                "classes; remove the link"
            )


def images_id(files: Sequence[LabelledFile], data: str) -> str:
    """SHA-256 of the files' paths within the folder and their labels: equal where the same images were answered."""
    digest = hashlib.sha256()
    for path, label in files:
        digest.update(os.fsencode(path.relative_to(data)) + f"\0{label}\n".encode())
    return digest.hexdigest()
