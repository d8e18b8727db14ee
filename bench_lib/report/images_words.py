"""Which images went into the network: synthetic ones, or those of a folder, with what was skipped there."""

from bench_lib.core.real_images import RealData
from bench_lib.report.phrases import appendix, records_with_images
from bench_lib.report.report import Report
from bench_lib.text.language import number, tr, tr_n
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import span


def images_sentence(report: Report) -> str:
    """Which images went into the network, and what was done to them beforehand."""
    if not report.grid.data:
        return tr(
            "**Data format:** synthetic, random images ~{nbsp}N(0,{nbsp}1), the same for all. Reading and preparing "
            "images is not measured."
        )
    return f"{folder_sentence(report)} {prepared_sentence(report)}"


def prepared_sentence(report: Report) -> str:
    """How the images of a folder were prepared, and what was done on which of them."""
    how = [one.preprocessing for one in records_with_images(report.records) if one.preprocessing]
    if any(one.source != "imagenet" for one in how):
        return tr(
            "They were decoded and prepared beforehand as is published for this network (resized, the square in the "
            "middle, channels normalised), and that is not in the measured speed (its cost: {where}). "
            "Speed was measured on the first batch, outputs were compared on all images taken.",
            where=appendix("time"),
        )
    return tr(
        "They were decoded and prepared beforehand, as is usual for ImageNet (the shorter side 256/224 of the size, "
        "the square in the middle, channels normalised), and that is not in the measured speed (its cost: {where}). "
        "Speed was measured on the first batch, outputs were compared on all images taken.",
        where=appendix("time"),
    )


def folder_sentence(report: Report) -> str:
    """Which folder the images are from and, where a record tells it, how many it holds, were taken and were skipped."""
    data, name = records_with_images(report.records), quoted(report.grid.data)
    if not data:
        return tr("**Data format:** real images from the folder <code>{folder}</code>.", folder=name)
    taken = tr(
        "**Data format:** real images from the folder <code>{folder}</code> ({found} in it, {used} taken, evenly from "
        "the list).",
        folder=name, found=number(max(one.found for one in data), 0),
        used=span(min(one.used for one in data), max(one.used for one in data), digits=0),
    )  # fmt: skip
    most = max(data, key=lambda one: one.skipped)
    return f"{taken} {skipped_sentence(most)}" if most.skipped else taken


def skipped_sentence(data: RealData) -> str:
    """How many files of the folder were skipped, and what is wrong with the first of them."""
    return tr_n(
        "{n}{nbsp}file that cannot be read was skipped: <code>{name}</code> ({fault}).",
        "{n}{nbsp}files that cannot be read were skipped, the first is <code>{name}</code> ({fault}).",
        data.skipped, name=quoted(data.first_skipped), fault=quoted(data.first_fault),
    )  # fmt: skip
