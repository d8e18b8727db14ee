"""The chapters of a report: the main part, whose chapters are numbered, and the appendices, which have letters."""

from IPython.display import Markdown, display

from bench_lib.report.phrases import APPENDICES, appendix_letter
from bench_lib.report.report import Report
from bench_lib.results.pipeline import Pipeline
from bench_lib.results.scaling import Scaling
from bench_lib.results.serving import Serving
from bench_lib.text.language import mark, tr

LOADS = (Serving, Scaling, Pipeline)
MAIN = {
    "aim": mark("## 1. Aim"),
    "conditions": mark("## 2. Conditions"),
    "results": mark("## 3. Results"),
    "interpretation": mark("## 4. Interpretation"),
    "conclusions": mark("## 5. Conclusions and recommendations"),
}


def chapter(report: Report, name: str) -> None:
    """Display the heading of a chapter, a key of `MAIN` or of `APPENDICES`; that of loads only if any was measured."""
    if name == "load" and not any(map(report.result, LOADS)):
        return
    if name in MAIN:
        display(Markdown(tr(MAIN[name])))
    else:
        display(Markdown(f"## {tr('Appendix {letter}.', letter=appendix_letter(name))} {tr(APPENDICES[name])}"))
