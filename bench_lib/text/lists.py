"""Lists inside a sentence, and a selection from many values."""

from collections.abc import Sequence

from bench_lib.text.language import tr


def listed(words: Sequence[str]) -> str:
    """The words with commas between them, and “and” before the last."""
    return tr(" and ").join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def listed_few(words: Sequence[str], most: int = 12) -> str:
    """As `listed`; of more than `most` words, only the first `most`, and how many more there are."""
    if len(words) <= most:
        return listed(words)
    return listed([*words[:most], tr("{n} more", n=len(words) - most)])


def spread_out(values: Sequence, most: int) -> list:
    """At most `most` of the values, evenly spaced, with the first and the last among them."""
    if len(values) <= most:
        return list(values)
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]
