"""Words from a file, made safe for a sentence in Markdown or HTML."""

import re
import unicodedata

from bench_lib.text.language import NBSP

MARKUP = re.compile(r"""[!"#$&'*/<>?@\[\\\]^_`{|}~]|(?<=www)\.""", re.IGNORECASE)


def quoted(text: str) -> str:
    """Words from a file (a reason, a GPU's name, a title) for a sentence in Markdown or HTML: never read as markup.

    What either could read as markup becomes a character reference, which both show as the character itself; line
    breaks become spaces, and control characters, which a page cannot hold, U+FFFD.
    """
    line = re.sub(rf"[^\S{NBSP}]+", " ", text).strip()
    shown = "".join("\ufffd" if unicodedata.category(mark)[0] == "C" else mark for mark in line)
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", shown)
