"""Tables of many rows: most are set aside while a page is made; then the HTML gets them back, and the PDF a note."""

import re
from copy import deepcopy
from html import unescape

from nbformat import NotebookNode

from bench_lib.text.language import number, tr

LONG = 100  # rows of a table; those after them are set aside


def set_aside(nb: NotebookNode) -> tuple[NotebookNode, dict[str, str]]:
    """Take the rows after the first `LONG` out of each table; return the notebook with marks, and the rows by mark.

    Parsing ten thousand rows takes longer than all else, and typesetting them takes minutes and gigabytes.
    """
    nb, rest = deepcopy(nb), {}

    def mark(body: re.Match) -> str:
        starts = [found.start() for found in re.finditer("<tr", body[2])]
        if len(starts) <= LONG:
            return body[0]
        name = f"<!--rows {len(rest)}-->"
        rest[name] = body[2][starts[LONG] :]
        return body[1] + body[2][: starts[LONG]] + name + body[3]

    for cell in nb.cells:
        for output in cell.get("outputs", []):
            if html := output.get("data", {}).get("text/html"):
                output.data["text/html"] = re.sub("(<tbody>)(.*?)(</tbody>)", mark, "".join(html), flags=re.DOTALL)
    return nb, rest


def with_numbers(rows: str) -> str:
    """Give cells without letters the class `number`, as the exporter does for cells that are in the page it parses."""

    def mend(cell: re.Match) -> str:
        return cell[0] if any(map(str.isalpha, unescape(cell[2]))) else f'<td class="{cell[1]} number">{cell[2]}</td>'

    return re.sub(r'<td class="([^"]*)" *>([^<]*)</td>', mend, rows)


def left_out(rows: str) -> str:
    """The row that stands in the PDF for those set aside: how many they are, and that the HTML has them."""
    cells, count = rows[: rows.index("</tr>")].count("<td"), rows.count("<tr")
    words = tr(
        "These are the table's first {shown} rows; the HTML version of the report (report.html) has {more} more.",
        shown=LONG, more=number(count, 0),
    )  # fmt: skip
    return f'<tr><td colspan="{cells}">{words}</td></tr>'
