"""Records → sentences: what network and what images were measured, and what preparing images costs."""

import math

import pandas as pd

from bench_lib.cases import Grid
from bench_lib.language import mark, tr, tr_n
from bench_lib.narrative import at, few
from bench_lib.origins import kind
from bench_lib.records import RealData, Record
from bench_lib.summary import Summary
from bench_lib.words import number, percent, quoted, span


def network(grid: Grid) -> str:
    """Which network it is, and where its weights come from."""
    name, origin = f"<code>{quoted(grid.model)}</code>", kind(grid.model)
    whence = {
        "torchvision": tr("{name} from torchvision", name=name),
        "function": tr("function {name}", name=name),
        "onnx": tr("ONNX file {name}", name=name),
    }
    whole = f"{quoted(grid.title)} ({whence[origin]})"
    if origin == "onnx":
        return tr("**Network:** {network} with the weights in that file.", network=whole)
    if grid.weights:
        return tr("**Network:** {network} with weights from the file <code>{file}</code>.", network=whole,
                  file=quoted(grid.weights))  # fmt: skip
    if origin == "function":
        return tr(
            "**Network:** {network} with the weights that the function gives (seed {seed}): speed does not depend on "
            "the values of the weights.",
            network=whole, seed=grid.seed,
        )  # fmt: skip
    return tr(
        "**Network:** {network} with random weights (seed {seed}): speed does not depend on the values of the weights.",
        network=whole, seed=grid.seed,
    )  # fmt: skip


def images(report: Summary) -> str:
    """What went into the network."""
    if not report.grid.data:
        return tr(
            "**Data format:** synthetic, random images ~{nbsp}N(0,{nbsp}1), the same for all. Reading and preparing "
            "images is not measured."
        )
    prepared = tr(
        "They were decoded and prepared beforehand, as is usual for ImageNet (the shorter side 256/224 of the size, "
        "the square in the middle, channels normalised), and that is not in the measured speed: section 3 says what "
        "preparation costs. Speed was measured on the first batch, outputs were compared on all images taken."
    )
    return f"{folder(report)} {prepared}"


def folder(report: Summary) -> str:
    """Where the images are from, how many there are and how many of them were taken, where a case tells it."""
    data, name = told(report.records), quoted(report.grid.data)
    if not data:
        return tr("**Data format:** real images from the folder <code>{folder}</code>.", folder=name)
    return tr(
        "**Data format:** real images from the folder <code>{folder}</code> ({found} in it, {used} taken, evenly from "
        "the list).",
        folder=name, found=number(max(one.found for one in data), 0),
        used=span(min(one.used for one in data), max(one.used for one in data), digits=0),
    )  # fmt: skip


def told(records: list[Record]) -> list[RealData]:
    """What the records tell of real images."""
    return [record.data for record in records if record.data]


def has_random_weights(grid: Grid) -> bool:
    """Whether the weights are drawn, as far as a grid tells: a function may return trained ones."""
    return kind(grid.model) == "torchvision" and not grid.weights


def unknown(grid: Grid) -> list[str]:
    """Why nothing here tells how well the network recognises."""
    weights = [tr("the weights are random")] if has_random_weights(grid) else []
    return [*weights, tr("the images have no labels") if grid.data else tr("the images are synthetic")]


def compared(report: Summary) -> list[str]:
    """How many real images outputs were compared on."""
    used = [one.used for one in told(report.records)]
    if not used:
        return []
    each = span(min(used), max(used), digits=0)
    return [tr("Outputs were compared on real images, {count} per configuration.", count=each)]


def quantization(report: Summary) -> list[str]:
    """How int8 came about, and what its error does not tell."""
    ran = [record.ran for record in report.records if record.status == "ok" and record.case.precision == "int8"]
    counts = [one["calibration_images"] for one in ran if "calibration_images" in one]
    if not counts:
        return []
    ranges = (
        mark(
            "**int8** is quantisation after training: the ranges were taken from real images ({count} of them), the "
            "same that the error was measured on."
        )
        if report.grid.data
        else mark(
            "**int8** is quantisation after training: the ranges were taken from synthetic random images ({count} of "
            "them), of the same kind as those that the error was measured on."
        )
    )
    return [f"{tr(ranges, count=span(min(counts), max(counts), digits=0))} {untold_of_int8(report.grid)}"]


def untold_of_int8(grid: Grid) -> str:
    """What the error of int8 does not tell, and where to learn it."""
    if has_random_weights(grid) and grid.data:
        return tr(
            "The weights are random, so these rows do not say what int8 costs in recognition: check that on your own "
            "trained network."
        )
    if has_random_weights(grid):
        return tr(
            "The weights are random as well, so these rows do not say what int8 costs in recognition: check that on "
            "your own trained network, calibrated with your own images."
        )
    if grid.data:
        return tr("They have no labels: check the share of right answers in int8 on labelled images.")
    return tr(
        "These rows do not say what int8 costs in recognition: calibrate the network with your own images (parameter "
        "`data`)."
    )


def real_data(report: Summary) -> str:
    """Profile real models on real data: what of this was done here."""
    grid = report.grid
    if not grid.data and has_random_weights(grid):
        return tr(
            "**Real models and data.** Here the images are synthetic and the weights random: that does not affect the "
            "network's speed, but reading, decoding and preparing images is not part of it. Before you choose, measure "
            "your own network (parameter `model`) together with the preparation of data."
        )
    if not grid.data:
        return tr(
            "**Real models and data.** The network is your own and the images are synthetic: that does not affect the "
            "network's speed, but reading, decoding and preparing images is not part of it. A run with a folder of "
            "images (parameter `data`) will show what they cost."
        )
    sentences = [of_real_images(report)]
    if has_random_weights(grid):
        sentences.append(
            tr("The weights are random: that does not affect speed, but says nothing of the accuracy of recognition.")
        )
    return " ".join(sentences)


def of_real_images(report: Summary) -> str:
    """That the images are real, and what they take beside the figures, where the cases tell it."""
    cases = report.measured.dropna(subset=["decode_ms", "preprocess_ms"])
    if cases.empty:
        return tr("**Real models and data.** The images are real.")
    total = cases.decode_ms + cases.preprocess_ms
    return tr(
        "**Real models and data.** The images are real, and decoding and preparing them is not part of the speed: in "
        "one thread that takes {time}{nbsp}ms per image (section 3), on top of these figures.",
        time=span(total.min(), total.max()),
    )


def preparation(report: Summary) -> list[str]:
    """What decoding, preprocessing and copying take beside inference, for each image size; nothing without data."""
    cases = report.measured.dropna(subset=["decode_ms", "preprocess_ms"])
    lines = few([beside_inference(rows, size) for size, rows in cases.groupby("image_size")])
    if lines and not report.machine.get("gpu"):
        lines.append(
            tr("There is no copying to a device: inference runs on the processor, and shares it with preparation.")
        )
    return lines


def beside_inference(rows: pd.DataFrame, size: int) -> str:
    """One image size: the preparation of an image in one thread, and how many threads the fastest case would need."""
    decode_ms, preprocess_ms, best = rows.decode_ms.median(), rows.preprocess_ms.median(), rows.loc[rows.fps.idxmax()]
    threads = math.ceil((decode_ms + preprocess_ms) * best.fps / 1e3)
    keeps_up = (
        tr("one such thread is enough")
        if threads == 1
        else tr_n("to keep up, it takes at least {n}{nbsp}such thread",
                  "to keep up, it takes at least {n}{nbsp}such threads", threads)
    )  # fmt: skip
    text = tr(
        "**Preparing an image** of {size}×{size} (one processor thread, outside the measured speed): decoding takes "
        "{decoding}{nbsp}ms, resizing and normalising {resizing}{nbsp}ms. Inference, where FPS is highest ({where}), "
        "takes {inference}{nbsp}ms per image: {keeps_up}.",
        size=size, decoding=number(decode_ms), resizing=number(preprocess_ms), where=at(best),
        inference=number(1e3 / best.fps), keeps_up=keeps_up,
    )  # fmt: skip
    if best.copy_ms != best.copy_ms:
        return text
    copying = tr(
        "Copying that batch to the GPU takes {time}{nbsp}ms, {share} of its time/batch.",
        time=number(best.copy_ms), share=percent(best.copy_ms / best.latency_ms),
    )  # fmt: skip
    return f"{text} {copying}"
