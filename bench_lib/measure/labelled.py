"""Which of the labelled images an engine answers right. All of them go through it once, after it has been timed."""

import itertools
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from bench_lib.core.case import Case
from bench_lib.core.engine import Engine
from bench_lib.core.real_images import TOP, Labelled
from bench_lib.measure.accuracy import answers
from bench_lib.measure.processor import most_threads
from bench_lib.workload.image_files import UnreadableImage, load_picture
from bench_lib.workload.images import check_skipped
from bench_lib.workload.labelled import (
    LabelledFile,
    check_classes,
    check_is_classifier,
    images_id,
    labelled_files,
)
from bench_lib.workload.preprocessing import preprocessing_of, transform

THREADS = 4  # that decode, at most
AHEAD = 16  # images that are decoded before they are asked for, at most

Prepare = Callable[[Any], torch.Tensor]


def measure_labelled(engine: Engine, case: Case) -> Labelled:
    """Let the engine answer all labelled images of the case's folder in its batches, and tell which are right.

    No more than a batch and `AHEAD` images are in memory at once. Raise `UnreadableImages` if too many cannot be
    decoded, and `InputError` if the labels do not fit the folder or the network.
    """
    files, how = labelled_files(case.data, case.labels), preprocessing_of(case)
    answered, hits, skipped = [], [], []
    with warnings.catch_warnings(), ThreadPoolExecutor(min(THREADS, most_threads())) as pool:
        warnings.simplefilter("ignore")  # filters are the process's, and each thread would put back another's
        coming = prepared_ahead(pool, files, transform(how), skipped)
        while batch := list(itertools.islice(coming, case.batch_size)):
            outputs = answers(engine, torch.stack([pixels for _, pixels in batch]), case.batch_size)[0]
            check_is_classifier(outputs.shape, case.model)
            answered += [file for file, _ in batch]
            hits.append(hits_of(outputs, [file.label for file, _ in batch]))
    check_skipped(skipped, len(answered))
    classes = outputs.shape[1]
    check_classes(case.data, case.labels, classes, case.model)
    first = skipped[0] if skipped else None
    return Labelled(
        top1=verdicts(torch.cat(hits)[:, :1]), top5=verdicts(torch.cat(hits)) if classes > TOP else None,
        images_id=images_id(answered, case.data), classes=classes, preprocessing=how, skipped=len(skipped),
        first_skipped=first.name if first else "", first_fault=first.fault if first else "",
    )  # fmt: skip


def prepared_ahead(
    pool: ThreadPoolExecutor, files: Sequence[LabelledFile], prepare: Prepare, skipped: list[UnreadableImage]
) -> Iterator[tuple[LabelledFile, torch.Tensor]]:
    """Each file that can be decoded, in order, with its image, `[3, size, size]`; others are appended to `skipped`.

    While one is used, the pool decodes the next ones, up to `AHEAD`.
    """
    coming, waiting = iter(files), deque()
    while True:
        more = itertools.islice(coming, AHEAD - len(waiting))
        waiting.extend((file, pool.submit(decode, file.path, prepare)) for file in more)
        if not waiting:
            return
        file, made = waiting.popleft()
        try:
            pixels = made.result()
        except UnreadableImage as error:
            skipped.append(error)
        else:
            yield file, pixels


def decode(path: Path, prepare: Prepare) -> torch.Tensor:
    """The image in a file as the network takes it, `[3, size, size]`; raise `UnreadableImage` if it does not decode."""
    return prepare(load_picture(path))


def hits_of(outputs: torch.Tensor, labels: Sequence[int]) -> torch.Tensor:
    """Whether each of the first `TOP` answers to an image is its class: `[images, TOP]`, in the order of the answers.

    `outputs` are `[images, classes]`. Of equal scores the class with the lower index comes first.
    """
    ordered = outputs.float().argsort(dim=1, descending=True, stable=True)[:, :TOP]
    return ordered == torch.tensor(labels).unsqueeze(1)


def verdicts(hits: torch.Tensor) -> str:
    """A character for each image, "1" if any of its hits (`[images, answers]`) is true, otherwise "0"."""
    return "".join("1" if hit else "0" for hit in hits.any(dim=1).tolist())
