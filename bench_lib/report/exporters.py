"""An executed report notebook → one offline HTML file, or a PDF: nbconvert's `bench-html` and `bench-pdf`."""

import signal
import subprocess
import sys
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from traitlets import default
from traitlets.config import Config

from bench_lib.core.files import write_bytes
from bench_lib.report import typeset
from bench_lib.report.long_tables import left_out, set_aside, with_numbers
from bench_lib.text import language
from bench_lib.text.language import tr

TEMPLATES_FOLDER = Path(__file__).parent / "templates"


ABSENT = {
    typeset.NO_PANGO: (
        "The PDF needs WeasyPrint with Pango: `apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0`, "
        "or `conda install -c conda-forge pango`; the HTML report needs neither."
    ),
    typeset.NO_FONTS: (
        "The PDF needs fonts, and fontconfig finds none: `apt-get install fonts-dejavu-core`, or `conda install "
        "-c conda-forge fonts-conda-ecosystem`; the HTML report does not need them."
    ),
}


class PDFUnavailable(RuntimeError):
    """No PDF can be made here; the message says what to install, or what went wrong."""


class ReportHTMLExporter(HTMLExporter):
    """One HTML file with its styles and images inside: no script, no request, no code cells.

    The title is `nb.metadata.title`, or else the notebook's name; the language is `nb.metadata.lang`, or else Russian.
    """

    export_from_notebook = "Report (HTML)"

    @property
    def default_config(self) -> Config:
        """What differs from nbconvert's HTML; the user's configuration overrides it."""
        config = super().default_config
        config.HTMLExporter.update(
            template_name="report",
            extra_template_basedirs=[str(TEMPLATES_FOLDER)],
            embed_images=True,
            exclude_input=True,
            exclude_anchor_links=True,
        )
        # Neither scripts nor widgets: such an output is shown by its next best representation.
        kinds = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"]
        config.NbConvertBase.display_data_priority = kinds
        return config

    def get_prefix_root_dirs(self) -> list[str]:
        """Where nbconvert's own templates lie: beside this Python, if it is there, whatever templates Jupyter finds."""
        own = Path(sys.prefix, "share", "jupyter")
        return [str(own)] if (own / "nbconvert" / "templates").is_dir() else super().get_prefix_root_dirs()

    def from_notebook_node(self, nb: NotebookNode, resources: dict | None = None, **kw) -> tuple[str, dict]:
        """Return the page and nbconvert's resources.

        Raises ValueError when the page would load something that is not inside it.
        """
        page, rest, resources = self._page(nb, resources, **kw)
        for mark, rows in rest.items():
            page = page.replace(mark, with_numbers(rows))
        return page, resources

    def _page(self, nb: NotebookNode, resources: dict | None, **kw) -> tuple[str, dict[str, str], dict]:
        """The page with marks in place of the rows that `set_aside` returns."""
        nb, rest = set_aside(nb)
        language.use(nb.metadata.get("lang", language.DEFAULT))
        self.language_code = language.chosen
        html, resources = super().from_notebook_node(nb, resources, **kw)
        return _finish(html), rest, resources


class ReportPDFExporter(ReportHTMLExporter):
    """The same page on A4, typeset by WeasyPrint: tagged (PDF/UA-1), searchable, with bookmarks."""

    export_from_notebook = "Report (PDF)"
    output_mimetype = "application/pdf"

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".pdf"

    @default("template_extension")
    def _template_extension_default(self) -> str:
        return ".html.j2"

    def from_notebook_node(self, nb: NotebookNode, resources: dict | None = None, **kw) -> tuple[bytes, dict]:
        """Return the PDF and nbconvert's resources.

        Raises PDFUnavailable where WeasyPrint cannot start or crashes, and ValueError as the HTML exporter does.
        """
        page, rest, resources = self._page(nb, resources, **kw)
        for mark, rows in rest.items():
            page = page.replace(mark, left_out(rows))
        return _pdf(page), resources


def write_html(notebook: Path, target: Path) -> Path:
    """Write the executed `notebook` to `target` as one HTML file, whole or not at all; return `target`.

    Raises FileNotFoundError for a missing notebook, ValueError when it refers to something outside itself.
    """
    return _write(ReportHTMLExporter(), notebook, target)


def write_pdf(notebook: Path, target: Path) -> Path:
    """Write the executed `notebook` to `target` as a PDF, whole or not at all; return `target`.

    Raises PDFUnavailable where Pango or fonts are missing, and the errors of `write_html`.
    """
    return _write(ReportPDFExporter(), notebook, target)


def _write(exporter: HTMLExporter, notebook: Path, target: Path) -> Path:
    body, _ = exporter.from_filename(str(notebook))
    write_bytes(target, body if isinstance(body, bytes) else body.encode())
    return target


def _pdf(html: str) -> bytes:
    """The page as a PDF; raise `PDFUnavailable`, also if the process that typesets it crashes."""
    command = [sys.executable, "-P", typeset.__file__]  # -P: nothing is imported from the folder that it lies in
    done = subprocess.run(command, input=html.encode(), capture_output=True)
    told = done.stderr.decode(errors="replace")
    if done.returncode:
        raise PDFUnavailable(ABSENT.get(done.returncode) or _failure(done.returncode, told))
    sys.stderr.write(told)
    return done.stdout


def _failure(status: int, told: str) -> str:
    """Why WeasyPrint made no PDF, in a sentence; `told` is what its process wrote to standard error."""
    if status < 0:
        return f"WeasyPrint crashed ({signal.Signals(-status).name}); the HTML report is whole."
    last = told.strip().rpartition("\n")[2]
    return f"WeasyPrint failed ({last or f'exit status {status}'}); the HTML report is whole."


def _finish(html: str) -> str:
    """Add a heading, contents and table scopes, keep the links that lead somewhere.

    Raise `ValueError` for what is not inside the page.
    """
    soup = BeautifulSoup(html, "html.parser")
    for element in soup.select("script, link"):
        element.decompose()
    for element in soup.select("[src]"):
        if not element["src"].startswith("data:"):
            raise ValueError(
                f"The report refers to {element['src']!r}, but is one file: embed the image as a data: URI."
            )
    if not soup.h1:
        soup.main.insert(0, _tag(f"<h1>{escape(soup.title.get_text())}</h1>"))
    _add_contents(soup)
    for link in soup.select('a[href^="#"]'):
        if not soup.find(id=link["href"][1:]):
            link.unwrap()  # what it leads to is not on this page
    for table in soup.select("table"):
        _mend_table(table)
    return str(soup)


def _tag(html: str) -> Tag:
    return BeautifulSoup(html, "html.parser").contents[0].extract()


def _add_contents(soup: BeautifulSoup) -> None:
    """Number the h2 and h3 headings in their ids, and list them before the first one."""
    chapters: list[list[Tag]] = []
    for heading in soup.select("main h2, main h3"):
        if heading.name == "h2" or not chapters:
            chapters.append([])
        chapters[-1].append(heading)
    if not chapters:
        return

    def entry(heading: Tag, *numbers: int, below: str = "") -> str:
        heading["id"] = "-".join(["section", *map(str, numbers)])
        return f'<li><a href="#{heading["id"]}">{escape(heading.get_text(" ", strip=True))}</a>{below}</li>'

    items = ""
    for i, (chapter, *sections) in enumerate(chapters, start=1):
        inner = "".join(entry(section, i, j) for j, section in enumerate(sections, start=1))
        items += entry(chapter, i, below=f"<ol>{inner}</ol>" if inner else "")
    block = chapters[0][0]
    while block.parent is not soup.main:
        block = block.parent
    title = tr("Contents")
    block.insert_before(_tag(f'<nav aria-label="{title}"><p class="nav-title">{title}</p><ol>{items}</ol></nav>'))


def _mend_table(table: Tag) -> None:
    """Give the table its own scrolling box, which the keyboard reaches too, and its headers their scope.

    A cell without letters is a number, perhaps with its interval or unit sign: `.number` stays on one line.
    """
    for header in table.select("th:not([scope])"):
        header["scope"] = "col" if header.find_parent("thead") else "row"
    for cell in table.select("td"):
        if not any(map(str.isalpha, cell.get_text())):
            cell["class"] = [*cell.get_attribute_list("class"), "number"]
    name = escape(table.caption.get_text(" ", strip=True) if table.caption else tr("Table"), quote=True)
    table.wrap(_tag(f'<div class="table" role="region" aria-label="{name}" tabindex="0"></div>'))
