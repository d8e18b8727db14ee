"""`bench pipeline`: a case from JPEG files to answers. Each stage is timed alone, then all of them together."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from bench_lib.core.case import Case
from bench_lib.core.engine import Engine, compute_device, data_type
from bench_lib.core.lifetime import end_with_parent, temporary_folder
from bench_lib.core.reason import Reason
from bench_lib.core.timing import Clock, batch_times_ms
from bench_lib.measure import system
from bench_lib.measure.processor import most_threads
from bench_lib.results.pipeline import Pipeline, Pipelined, PipelineGrid
from bench_lib.scenarios.resume import measure_left
from bench_lib.scenarios.worker import build_for_thread, check_answers, run_in_process
from bench_lib.workload.image_files import image_paths
from bench_lib.workload.images import check_folder, check_readable, decode_next
from bench_lib.workload.preprocessing import preprocessing_of, transform

AHEAD = 2  # batches that each worker prepares ahead: PyTorch's own default
GRAIN = 8  # pixels over which generated photographs vary; their JPEGs take about one byte for two or three pixels


class Photos(Dataset):
    """An endless data set: the image files over and over, decoded and preprocessed as for the case."""

    def __init__(self, paths: Sequence[Path], case: Case) -> None:
        self._paths, self._prepare = list(paths), transform(preprocessing_of(case))
        self._dtype = data_type(case.precision)

    def __len__(self) -> int:
        """A number that no measurement reaches: the files are taken over and over."""
        return 10**12

    def __getitem__(self, number: int) -> torch.Tensor:
        """The image of this number as a tensor, `[3, image_size, image_size]`; one that is not readable is skipped."""
        places = ((number + step) % len(self._paths) for step in range(len(self._paths)))
        picture, _ = decode_next((self._paths[place] for place in places), [], time.perf_counter)
        return self._prepare(picture).to(self._dtype)


def measure_pipeline(grid: PipelineGrid, folder: Path) -> Pipeline:
    """Measure each case of the grid from files to answers, and write `pipeline.json` into the folder after each.

    Cases that the file holds already, of the same grid on this machine, are kept. Raise `InputError` if the grid's
    folder of images is absent or has none.
    """
    machine = system.describe()
    workers = grid.workers or most_threads()
    with photographs(grid) as paths:
        size = round(sum(path.stat().st_size for path in paths) / len(paths))

        def add_case(kept: list[Pipelined], case: Case) -> list[Pipelined]:
            return [*kept, measure_pipeline_case(case, grid, paths, workers)]

        def facts(_begun: Pipeline | None) -> dict[str, int]:
            return {"images": len(paths), "image_bytes": size}

        parts = {case.id: case for case in grid.cases()}
        return measure_left(Pipeline, grid, machine, folder, parts, add_case, facts=facts, unit="case")


@contextlib.contextmanager
def photographs(grid: PipelineGrid) -> Iterator[list[Path]]:
    """The image files of the grid's folder or, without one, generated files that are deleted when this is closed.

    Raise `InputError` for a folder without images, or with too many that cannot be decoded.
    """
    if grid.data:
        check_folder(grid.data)
        paths = sorted(image_paths(grid.data))
        check_readable(paths)
        yield paths
        return
    with temporary_folder() as folder:
        yield [write_photo(Path(folder) / f"{number:05}.jpg", number, grid) for number in range(grid.photos)]


def write_photo(path: Path, seed: int, grid: PipelineGrid) -> Path:
    """Write a JPEG of smooth random colours, drawn from the seed, and return its path."""
    from PIL import Image

    draw, size = np.random.default_rng(seed), (grid.photo_width, grid.photo_height)
    coarse = draw.integers(0, 256, (max(1, size[1] // GRAIN), max(1, size[0] // GRAIN), 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path, quality=90)
    return path


def measure_pipeline_case(case: Case, grid: PipelineGrid, paths: Sequence[Path], workers: int) -> Pipelined:
    """Measure the case in a fresh process. What goes wrong is not raised but kept as the reason in `failed`."""
    found = run_in_process(case.engine, pipeline_rates, case, grid, paths, workers)
    return Pipelined(case=case, failed=found) if isinstance(found, Reason) else found


def pipeline_rates(case: Case, grid: PipelineGrid, paths: Sequence[Path], workers: int) -> Pipelined:
    """Build the engine, time each stage alone and then all together, and check the engine's output.

    Raise `Unavailable` if the case cannot run here, and `Inexact` if the output is wrong.
    """
    engine = build_for_thread(case, grid.seed)
    infer_ips = 1e3 * case.batch_size / batch_times_ms(engine, grid.limits)["throughput"]
    loader = DataLoader(
        Photos(paths, case), case.batch_size, num_workers=workers,
        prefetch_factor=AHEAD, pin_memory=compute_device().type == "cuda", multiprocessing_context="spawn",
        worker_init_fn=end_worker_with_parent,
    )  # fmt: skip
    batches, ahead = iter(loader), AHEAD * workers
    rates = {
        "decode_ips": images_per_second(lambda: next(batches), case.batch_size, grid.window_s, ahead),
        "copy_ips": images_per_second(copy_step(engine, next(batches)), case.batch_size, grid.window_s, 1),
        "infer_ips": infer_ips,
        "whole_ips": images_per_second(
            lambda: fill_and_infer(engine, next(batches)), case.batch_size, grid.window_s, ahead
        ),
    }
    check_answers(engine, case, grid.seed)
    return Pipelined(case=case, workers=workers, **rates)


def end_worker_with_parent(_number: int) -> None:
    """Let a process that decodes images end with the one that infers them."""
    end_with_parent()


def copy_step(engine: Engine, batch: torch.Tensor) -> Callable[[], None]:
    """A function that copies this batch to where the engine reads its input, and waits until it is there."""

    def copy() -> None:
        engine.fill(batch)
        engine.synchronize()

    return copy


def fill_and_infer(engine: Engine, batch: torch.Tensor) -> None:
    """Copy the batch to where the engine reads its input, wait, infer, and wait for that.

    The copy needs a wait of its own, because a runtime may infer on another stream than the one that copies.
    """
    copy_step(engine, batch)()
    engine.run()
    engine.synchronize()


def images_per_second(
    step: Callable[[], object], images: int, seconds: float, ahead: int, clock: Clock = time.perf_counter
) -> float:
    """Repeat `step`, which handles `images` images, for at least `seconds` seconds; return images a second.

    The first `ahead` steps are not counted: the workers prepared that many batches while nobody took any, so those come
    at once and say nothing about the rate.
    """
    for _ in range(ahead):
        step()
    start, steps = clock(), 0
    while (elapsed := clock() - start) < seconds or not steps:
        step()
        steps += 1
    return steps * images / elapsed
