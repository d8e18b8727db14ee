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
    return _catalog(chosen).gettext(message).format(nbsp=NBSP, **fields)


def tr_p(context: str, message: str, /, **fields: Any) -> str:
    """As `tr`, where the same English needs unlike words: the context says which (`genitive`, `column`)."""
    return _catalog(chosen).pgettext(context, message).format(nbsp=NBSP, **fields)


def tr_n(one: str, many: str, count: int, /, **fields: Any) -> str:
    """As `tr`, in the form that agrees with the count; {n} stands for the count as the language writes it."""
    return _catalog(chosen).ngettext(one, many, count).format(n=number(count, 0), nbsp=NBSP, **fields)


def mark(message: str) -> str:
    """The message itself: named here for the catalog, and translated by `tr` where it is used."""
    return message


def stored(text: str) -> str:
    """A sentence that a record keeps in Russian, in the report's language where the catalog holds it."""
    return text if chosen == DEFAULT else _english().get(text, text)


def told(reason: str, detail: str) -> str:
    """Why there is no figure: the reason in Russian, the detail in English (the last line of a traceback)."""
    if chosen == DEFAULT or not reason:
        return reason
    lines = detail.strip().splitlines() or [stored(reason)]
    return lines[-1 if lines[0].startswith("Traceback") else 0]


def number(value: float | None, digits: int | None = None) -> str:
    """A number with thousands set apart; without `digits`, about three significant figures. A missing value is a dash.

    Russian writes 1 234,5, English 1,234.5.
    """
    if value is None or math.isnan(value):
        return "—"
    if digits is None:
        magnitude = math.floor(math.log10(abs(value))) if value else 0
        digits = min(4, max(0, 2 - magnitude))
    thousands, point = SEPARATORS[chosen]
    return f"{value:_.{digits}f}".replace(".", point).replace("_", thousands)


@cache
def _catalog(language: Language) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo

    compiled = io.BytesIO()
    write_mo(compiled, _messages())
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@cache
def _english() -> dict[str, str]:
    return {message.string: message.id for message in _messages() if isinstance(message.id, str)}


def _messages():
    from babel.messages.pofile import read_po

    with CATALOG.open("rb") as file:
        return read_po(file, locale="ru")
