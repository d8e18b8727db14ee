"""The report's language: the translation of its messages (gettext and Babel), and how it writes numbers.

The code holds the messages in English, `locale/ru.po` holds their Russian. `tr`, `tr_p` and `tr_n` are called when a
sentence is made, never when a module is imported, because the language is chosen after the imports.
"""

import gettext
import io
import math
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

Language = Literal["ru", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
DEFAULT: Language = "ru"
NBSP = "\u00a0"
SEPARATORS = {"ru": (NBSP, ","), "en": (",", ".")}  # of thousands, of decimals
CATALOG = Path(__file__).parent / "locale" / "ru.po"

chosen: Language = DEFAULT


def use(language: Language) -> None:
    """Choose the language of everything that is written from now on; raise `ValueError` for an unknown one."""
    global chosen
    if language not in LANGUAGES:
        raise ValueError(f"there is no report in {language!r}; the languages are {', '.join(LANGUAGES)}")
    chosen = language


def tr(message: str, /, **fields: Any) -> str:
    """The message in the report's language, its {fields} filled in; {nbsp} in it is a non-breaking space."""
    return in_language(message, chosen).format(nbsp=NBSP, **fields)


def in_language(message: str, language: Language) -> str:
    """The message in a language, its {fields} not yet filled in."""
    return _catalog(language).gettext(message)


def tr_p(context: str, message: str, /, **fields: Any) -> str:
    """As `tr`, for an English text that has several translations: `context` names one (`genitive`, `column`)."""
    return _catalog(chosen).pgettext(context, message).format(nbsp=NBSP, **fields)


def tr_n(one: str, many: str, count: int, /, **fields: Any) -> str:
    """As `tr`, in the singular or plural that `count` requires; {n} is the count as the language writes it.

    `one` and `many` are the English singular and plural.
    """
    return _catalog(chosen).ngettext(one, many, count).format(n=number(count, 0), nbsp=NBSP, **fields)


def mark(message: str) -> str:
    """Return the message unchanged. This puts it into the catalog; `tr` translates it where it is used."""
    return message


def number(value: float | None, digits: int | None = None) -> str:
    """The number as text: thousands separated, with `digits` decimals or about three significant figures.

    Russian writes 1 234,5, English 1,234.5. A missing value (None or NaN) is a dash.
    """
    if value is None or math.isnan(value):
        return "—"
    digits = decimals(value) if digits is None else digits
    thousands, point = SEPARATORS[chosen]
    return f"{value:_.{digits}f}".replace(".", point).replace("_", thousands)


def decimals(value: float) -> int:
    """How many decimals show about three significant figures of a number."""
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    return min(4, max(0, 2 - magnitude))


@cache
def _catalog(language: Language) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = io.BytesIO()
    with CATALOG.open("rb") as file:
        write_mo(compiled, read_po(file, locale="ru"))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
