"""How often a network answers right, from the verdicts on labelled images that records hold; and two cases compared.

The accuracy is the network's on these images. It does not say how it would be on images of another kind.
"""

from collections.abc import Sequence

from bench_lib.core.proportions import Paired, wilson
from bench_lib.core.real_images import Labelled


def least_right(processes: Sequence[Labelled | None]) -> Labelled | None:
    """Of the processes of one case, what the one with the fewest right first answers found.

    None if any of them had no labels, or if they did not all answer the same images.
    """
    if None in processes or len({one.images_id for one in processes}) != 1:
        return None
    return min(processes, key=lambda one: one.top1.count("1"))


def label_figures(processes: Sequence[Labelled | None]) -> dict[str, float]:
    """The shares of right answers of one case with their intervals, and the number of images; empty without any."""
    found = least_right(processes)
    if found is None:
        return {}
    figures = {"labelled_images": len(found.top1)}
    for name, verdicts in (("top1", found.top1), ("top5", found.top5)):
        if verdicts:
            share = wilson(verdicts.count("1"), len(verdicts))
            figures |= {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}
    return figures


def compare_top1(first: Sequence[Labelled | None], second: Sequence[Labelled | None]) -> Paired | None:
    """The first answers of two cases to the same images, each from its processes; None if the images are not the same.

    Of each case, the process with the fewest right answers counts.
    """
    one, other = least_right(first), least_right(second)
    if one is None or other is None or one.images_id != other.images_id:
        return None
    return Paired.of(one.top1, other.top1)
