"""How a grid says which class an image of a folder is of: the `Labels` of a case."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bench_lib.core.errors import shortened

FOLDERS = "folders"  # the class folders, sorted by name, are classes 0, 1, …
LARGEST_CLASS = 10**6 - 1
LONGEST_NAME = 255  # bytes that a folder's name may have


def known_labels(labels: Any) -> Any:
    """Return labels unchanged: empty, the word `folders`, or classes by the names of folders; else `ValueError`."""
    if isinstance(labels, dict) and labels:
        for folder, index in labels.items():
            check_label(folder, index)
    elif labels not in ("", FOLDERS):
        raise ValueError(
            f"{shortened(repr(labels), 60)} is neither the word {FOLDERS} nor a mapping from the names of class "
            "folders to classes, such as {cat: 0, dog: 1}; write one of these"
        )
    return labels


def check_label(folder: Any, index: Any) -> None:
    """Raise `ValueError` unless this can be a folder's name and a class's place in the network's answer."""
    name = shortened(repr(folder), 60)
    if not isinstance(folder, str):
        raise ValueError(f"the folder {name} is not a text; write its name in quotes")
    if len(folder.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        raise ValueError(f"the folder {name} has a longer name than a folder can have; mend it")
    if type(index) is not int or not 0 <= index <= LARGEST_CLASS:
        raise ValueError(
            f"the class of {name} is {shortened(repr(index), 60)}; it must be a whole number from 0 to "
            f"{LARGEST_CLASS}, the class's place in the network's answer"
        )


def check_has_data(case: Any) -> Any:
    """Return a case or a grid unchanged; raise `ValueError` if it has labels without the folder of their images."""
    if case.labels and not case.data:
        raise ValueError("labels are given without data; name the folder of images in data, or remove labels")
    return case


Labels = Annotated[
    str | dict[str, int], BeforeValidator(known_labels), Field(exclude_if=lambda labels: not labels)
]  # fmt: skip
