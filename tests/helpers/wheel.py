"""The library as `pip install .` would install it, into a folder."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("bench_lib", "notebooks", "params", "outputs/seed", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def install(folder: Path) -> Path:
    """Build a wheel, without a network, from a copy of the project, and return the folder that it is unpacked into."""
    source, built, target = folder / "source", folder / "wheel", folder / "site-packages"
    for name in SOURCES:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    built.mkdir()
    done = subprocess.run([sys.executable, "-c", BUILD, built], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(target)
    return target


def contents(folder: Path) -> dict[str, bytes]:
    """The files in a folder, but for what Python itself compiles."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
