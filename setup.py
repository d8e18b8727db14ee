"""Copies the folders beside the library that commands need into a wheel; all else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BESIDE = ("notebooks/*.ipynb", "params/**/*.yaml", "outputs/seed/results.csv")


class BuildWithProject(build_py):
    """Builds the library as setuptools does, and copies the files of `BESIDE` into it; not for `pip install -e`."""

    def run(self) -> None:
        """Build into `build_lib`."""
        super().run()
        for path in () if self.editable_mode else sorted(file for pattern in BESIDE for file in Path().glob(pattern)):
            target = Path(self.build_lib, "bench_lib", "project", path)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(str(path), str(target))


setup(cmdclass={"build_py": BuildWithProject})
