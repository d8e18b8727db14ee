"""Numbers and words in the style of the report's language."""

from bench_lib.text import language
from bench_lib.text.language import NBSP, SEPARATORS, number, tr_n

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plain(value: float) -> str:
    """A number as a person wrote it in a parameter file: 0,5 and 10, not 0,500 and 10,0."""
    return f"{value:g}".replace(".", SEPARATORS[language.chosen][1])


def percent(share: float) -> str:
    """A share as percent: 41 %, 4,1 %, 0,12 %."""
    return per_cent(number(100 * share, percent_decimals(share)))


def percent_decimals(share: float) -> int:
    """How many decimals `percent` writes for a share."""
    return 0 if share >= 0.1 or share == 0 else 1 if share >= 0.01 else 2


def per_cent(figure: str) -> str:
    """A figure with the percent sign; Russian puts a non-breaking space between them."""
    return f"{figure}{NBSP}%" if language.chosen == "ru" else f"{figure}%"


def scientific(value: float) -> str:
    """A number such as 4,4·10⁻⁷ (in English 4.4×10⁻⁷); zero is 0."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    sign = "·" if language.chosen == "ru" else "×"
    figure = mantissa.replace(".", SEPARATORS[language.chosen][1])
    return f"{figure}{sign}10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def span(low: float, high: float, unit: str = "", digits: int | None = None) -> str:
    """«1,6–13» for a range, one figure where both ends read the same."""
    first, last = number(low, digits), number(high, digits)
    return f"{first}{unit}" if first == last else f"{first}–{last}{unit}"


def times(ratio: float) -> str:
    """A ratio as “1.8 times”; the noun agrees with the number as written."""
    return _so_many_times(_ratio(ratio), ratio)


def between(low: float, high: float) -> str:
    """“1.2–1.8 times” for a range, “1.2 times” where both ends read the same."""
    first, last = _ratio(low), _ratio(high)
    return _so_many_times(last if first == last else f"{first}–{last}", high)


def _ratio(ratio: float) -> str:
    text = number(ratio, 2 if ratio < 2 else 1 if ratio < 10 else 0)
    point = SEPARATORS[language.chosen][1]
    return text.removesuffix(f"{point}00").removesuffix(f"{point}0")


def _so_many_times(written: str, last: float) -> str:
    """The number `written` with “time” or “times”; `last` is its value or, for a range, that of the upper end.

    In Russian the noun agrees with a whole number, and takes the form used after 2 where the number has a fraction.
    English always has the plural, even in “1 times”.
    """
    count = 2 if language.chosen == "en" or "," in written.split("–")[-1] else round(last)
    return tr_n("{ratio}{nbsp}time", "{ratio}{nbsp}times", count, ratio=written)
