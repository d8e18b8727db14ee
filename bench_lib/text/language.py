"""The report's language: English messages in the code, their Russian in `locale/ru.po`, by gettext and Babel; numbers.

`tr` and its kin are called where a sentence is made, not where a module is imported: the language is chosen in between.
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
    """Write all that follows in this language. Raise ValueError if there is no such one."""
    global chosen
    if language not in LANGUAGES:
        raise ValueError(f"there is no report in {language!r}; the languages are {', '.join(LANGUAGES)}")
    chosen = language


def tr(message: str, /, **fields: Any) -> str:
    """The message in the report's language, its {fields} filled in; {nbsp} is a space that does not break."""
    return in_language(message, chosen).format(nbsp=NBSP, **fields)


def in_language(message: str, language: Language) -> str:
    """The message in a language, its {fields} not yet filled in."""
    return _catalog(language).gettext(message)


def tr_p(context: str, message: str, /, **fields: Any) -> str:
    """As `tr`, where the same English needs unlike words: the context says which (`genitive`, `column`)."""
    return _catalog(chosen).pgettext(context, message).format(nbsp=NBSP, **fields)


def tr_n(one: str, many: str, count: int, /, **fields: Any) -> str:
    """As `tr`, in the form that agrees with the count; {n} stands for the count as the language writes it."""
    return _catalog(chosen).ngettext(one, many, count).format(n=number(count, 0), nbsp=NBSP, **fields)


def mark(message: str) -> str:
    """The message itself: named here for the catalog, and translated by `tr` where it is used."""
    return message


def number(value: float | None, digits: int | None = None) -> str:
    """A number with thousands set apart; without `digits`, about three significant figures. A missing value is a dash.

    Russian writes 1 234,5, English 1,234.5.
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
