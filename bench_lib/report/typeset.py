"""Typesets a page with WeasyPrint: `python typeset.py <page.html >page.pdf`; nothing of the library is imported here.

It is run as a process of its own, because WeasyPrint rests on native code, which can end a process.
"""

import sys
import warnings

NO_PANGO, NO_FONTS = 3, 4  # exit statuses


def typeset(html: str) -> bytes:
    """The page as a tagged PDF; only what lies inside it is loaded.

    Raise `ImportError` or `OSError` where WeasyPrint cannot start, and `UserWarning` where there are no fonts.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "HarfBuzz-Subset")  # fonts are embedded without it too, only larger
        warnings.filterwarnings("error", ".*FontConfig")
        import weasyprint
        from weasyprint.urls import URLFetcher

        page = weasyprint.HTML(string=html, url_fetcher=URLFetcher(allowed_protocols=["data"]))
        return page.write_pdf(pdf_variant="pdf/ua-1")


def main() -> int:
    """Read the page, write the PDF, and return the exit status."""
    html = sys.stdin.buffer.read().decode()
    try:
        pdf = typeset(html)
    except (ImportError, OSError):  # OSError: the package is there, Pango is not
        return NO_PANGO
    except UserWarning:
        return NO_FONTS
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
