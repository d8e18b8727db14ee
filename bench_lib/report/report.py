"""What a report is made of: a run's table of cases, what else was measured into its folder, and where figures go."""

from dataclasses import dataclass, fields
from pathlib import Path

from bench_lib.analysis.case_table import CaseTable
from bench_lib.core.errors import InputError
from bench_lib.results.result_file import Kind, read_result
from bench_lib.results.run_folder import Run
from bench_lib.text import language


@dataclass(frozen=True)
class Report(CaseTable):
    """A run's table together with the run's folder; every section of the report is made from this alone.

    `folder` is None where only records are known: what other commands write beside them then counts as not measured.
    Figures are saved in `figures_folder`, or else in `folder`, and `suffix` ends their names (`.en`).
    """

    folder: Path | None = None
    suffix: str = ""
    figures_folder: Path | None = None

    @classmethod
    def of(cls, table: CaseTable, folder: str | Path | None = None, suffix: str = "") -> "Report":
        """A report of a table that was already read or made."""
        known = {field.name: getattr(table, field.name) for field in fields(CaseTable)}
        return cls(**known, folder=None if folder is None else Path(folder), suffix=suffix)

    @classmethod
    def read(cls, folder: str | Path, suffix: str = "") -> "Report":
        """Read a run's folder; raise `InputError` if it holds no run or a broken file."""
        return cls.of(CaseTable.read(folder), folder, suffix)

    def result(self, kind: type[Kind]) -> Kind | None:
        """What a command wrote beside the records, such as `Serving`; None where it did not run.

        Raise `InputError` if the file is broken.
        """
        return None if self.folder is None else read_result(kind, self.folder)

    def figure_path(self, name: str) -> Path | None:
        """The PNG file that the figure of this name is saved as; None where there is no folder to save it in."""
        folder = self.figures_folder or self.folder
        return None if folder is None else folder / f"{name}{self.suffix}.png"


def read_report(folder: str | Path, lang: str = "", suffix: str = "") -> Report:
    """Read a run, after choosing the language (`ru`, `en`; empty: the run's own) that everything is then written in.

    Raise `InputError` if the folder holds no run or a broken file.
    """
    language.use(lang or Run(folder).grid().lang)
    return Report.read(folder, suffix)


def open_report(folder: str | Path, lang: str = "", suffix: str = "") -> Report:
    """As `read_report`, for a run of one network: raise `InputError` for one of several."""
    report = read_report(folder, lang, suffix)
    if report.several_networks:
        raise InputError(f"{folder}: holds a run of several networks; its report is made by notebooks/networks.ipynb")
    return report


def open_networks(folder: str | Path, lang: str = "", suffix: str = "") -> Report:
    """As `read_report`, for a run of several networks: raise `InputError` for one of a single network."""
    report = read_report(folder, lang, suffix)
    if not report.several_networks:
        raise InputError(f"{folder}: holds a run of one network; its report is made by notebooks/report.ipynb")
    return report
