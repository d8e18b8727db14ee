"""What this machine has beside Python, and what to install where a test needs more."""

import shutil
import warnings

import pytest


def has_pango():
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "HarfBuzz-Subset")  # a PDF comes without it too
            import weasyprint  # noqa: F401
    except OSError:
        return False
    return True


CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
NEEDS_PANGO = pytest.mark.skipif(
    not has_pango(), reason="no Pango here: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
)
