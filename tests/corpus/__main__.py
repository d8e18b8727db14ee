"""Make the corpus: small files and folders of every kind that a fault was found with.

    PYTHONPATH=tests python -m corpus FOLDER

Each module of this package has `make(folder)`, which writes its files into the folder and needs nothing else.
"""

import importlib
import pkgutil
import sys
from pathlib import Path

import corpus


def make_all(folder: Path) -> None:
    """Write the files of every module of the corpus, each into a folder of its name."""
    for module in pkgutil.iter_modules(corpus.__path__):
        if module.name != "__main__":
            target = folder / module.name
            target.mkdir(parents=True)
            importlib.import_module(f"corpus.{module.name}").make(target)


if __name__ == "__main__":
    make_all(Path(sys.argv[1]))
