"""axe-core finds no serious fault in a report, by day and by night, on a phone and on a wide screen."""

import pytest
from helpers.here import CHROMIUM, NEEDS_CHROMIUM

SERIOUS = {"serious", "critical"}


def faults(page, scheme, width):
    """What axe-core finds serious, `(rule, impact, the first such element)`, and how wide the page is in pixels."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        # The page itself refuses every script, axe-core too.
        context = browser.new_context(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 844})
        tab = context.new_page()
        tab.goto(page.as_uri())
        found = Axe().run(tab).response["violations"]
        wide = tab.evaluate("document.documentElement.scrollWidth")
        browser.close()
    return [(rule["id"], rule["impact"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in SERIOUS], wide


@NEEDS_CHROMIUM
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_no_serious_fault_and_the_page_does_not_scroll_sideways(run, scheme, width):
    assert faults(run / "report.html", scheme, width) == ([], width)


@NEEDS_CHROMIUM
def test_axe_would_find_a_fault(run, tmp_path):
    text = (run / "report.html").read_text(encoding="utf-8")
    (tmp_path / "pale.html").write_text(text.replace("--text: #1b1f24", "--text: #dddddd"), encoding="utf-8")
    assert [rule for rule, *_ in faults(tmp_path / "pale.html", "light", 390)[0]] == ["color-contrast"]
