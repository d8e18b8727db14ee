"""Text from a file, escaped for a sentence in Markdown or HTML."""

import re
import unicodedata

from bench_lib.text.language import NBSP

MARKUP = re.compile(r"""[!"#$&'*/<>?@\[\\\]^_`{|}~]|(?<=www)\.""", re.IGNORECASE)


def quoted(text: str) -> str:
    """Text from a file (a reason, a GPU's name, a title), escaped so that Markdown and HTML do not read it as markup.

    Each character that either could read as markup becomes a character reference, which both show as the character.
    White space, line breaks included, becomes single spaces. Control characters, which a page cannot hold, become
    U+FFFD.
    """
    line = re.sub(rf"[^\S{NBSP}]+", " ", text).strip()
    shown = "".join("\ufffd" if unicodedata.category(mark)[0] == "C" else mark for mark in line)
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", shown)
