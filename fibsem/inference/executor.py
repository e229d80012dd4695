"""Where slabs are labelled: in processes of this machine or on a Dask cluster.

Both are executors of `concurrent.futures`. Slabs are independent; each is written once by the
process that labels it, into stores that all processes reach, and a process that dies loses the slab
it was at. Only the process that started them writes the ledger.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fibsem.data.preprocessing import Correction
from fibsem.data.volumes import VoxelNm, open_volume
from fibsem.errors import UserError
from fibsem.inference.budget import held_gib
from fibsem.inference.ledger import Ledger, SliceRecord
from fibsem.inference.options import Options, Precision
from fibsem.inference.outputs import Outputs
from fibsem.inference.segmenter import Scorer, Segmenter
from fibsem.inference.slab import Slab, SlabWorker
from fibsem.inference.tiles import choose_tiling
from fibsem.processes import (
    confine,
    core_shares,
    die_with_parent,
    peak_rss_gib,
    visible_accelerators,
)

#: Processes that may die between two finished slabs before the work is given up.
MOST_DEATHS = 3
#: Seconds to wait for the first worker of a cluster: queues take their time.
WORKER_WAIT_S = 600

Load = Callable[[], Segmenter]


@dataclass(frozen=True)
class Job:
    """One segmentation as processes elsewhere know it; small, and made of what can be sent.

    Attributes
    ----------
    name
        Tells this segmentation from others that a process may have worked on.
    volume, value_range
        What is opened.
    load
        Gives the segmenter; a function that can be pickled.
    folder, voxel_nm, options
        Of the outputs.
    correction, precision, side
        What was decided before the first slab.
    """

    name: str
    volume: Path
    value_range: tuple[float, float] | None
    load: Load
    folder: Path
    voxel_nm: VoxelNm
    options: Options
    correction: Correction
    precision: Precision
    side: int | None


@dataclass(frozen=True)
class SlabResult:
    """What comes back of a slab."""

    start: int
    slices: list[SliceRecord]
    seconds: dict[str, float]
    peak_rss_gib: float


#: The worker of the segmentation that this process is at: networks are built and traced once.
_workers: dict[str, SlabWorker] = {}
_alone = threading.Lock()


def label_slab(job: Job, slab: Slab) -> SlabResult:
    """Label one slab of a job in this process."""
    with _alone:  # a Dask worker may have several threads, the networks have all the cores
        if job.name not in _workers:
            _workers.clear()
            _workers[job.name] = _open(job)
        worker = _workers[job.name]
        worker.stages.seconds.clear()
        results: list[SlabResult] = []

        def finished(start: int, slices: list[SliceRecord]) -> None:
            seconds = dict(worker.stages.seconds)
            results.append(SlabResult(start, slices, seconds, peak_rss_gib()))

        segmenter = worker.segmenter
        outputs = Outputs(
            job.folder, worker.volume.shape, job.voxel_nm, job.options,
            segmenter.classes, segmenter.temperature,
        )  # fmt: skip
        with outputs.opened():
            worker.run([slab], outputs, finished)
        return results[0]


def _open(job: Job) -> SlabWorker:
    volume = open_volume(
        job.volume, value_range=job.value_range, gaps=job.options.missing == "skip"
    )
    segmenter = job.load()
    scorer = Scorer(segmenter, job.precision)
    held = held_gib(volume, segmenter.halo[0], job.options)
    tiling = choose_tiling(scorer, volume.shape[1:], job.options.memory_gib, job.side, held)
    return SlabWorker(
        volume, job.correction, segmenter, scorer, tiling, uncertainty=job.options.uncertainty
    )


def run_elsewhere(
    job: Job, ledger: Ledger, depth: int, show: Callable[[str, int, int], None]
) -> list[SlabResult]:
    """Label all missing slabs in other processes; enters each into the ledger as it comes.

    Raises
    ------
    UserError
        If processes keep dying, or the scheduler does not answer.
    """
    results: list[SlabResult] = []
    deaths, slabs = 0, -(-depth // ledger.slab)
    show("slabs", len(ledger.slabs), slabs)
    while missing := list(ledger.missing(depth)):
        before = len(results)
        options = job.options
        where = _dask(options.scheduler) if options.scheduler else _processes(options.workers)
        try:
            with where as executor:
                futures = [executor.submit(label_slab, job, slab) for slab in missing]
                for future in as_completed(futures):
                    result = future.result()
                    ledger.finish(result.start, result.slices)
                    results.append(result)
                    show("slabs", len(ledger.slabs), slabs)
        except BrokenProcessPool as error:
            deaths = 1 if len(results) > before else deaths + 1
            if deaths > MOST_DEATHS:
                raise UserError(
                    f"`workers` must live long enough for a slab, but {deaths} died without "
                    "finishing one; memory_gib is for each of them. The same command goes on."
                ) from error
    return results


@contextmanager
def _processes(count: int) -> Iterator[Executor]:
    """Processes of this machine; ended at once when the work is stopped."""
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin, initargs=(context.Value("i", 0), count)
    )
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    executor.shutdown()


def _begin(turn: Any, count: int) -> None:
    """First thing in a process of the pool: its share of the cores, or an accelerator."""
    with turn.get_lock():
        k, turn.value = turn.value, turn.value + 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the one who started it, too
    die_with_parent()
    accelerators = visible_accelerators()
    confine(
        core_shares(count)[k % count],
        accelerators[k % len(accelerators)] if accelerators else None,
    )


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    """An executor on a Dask cluster; a slab whose worker dies is given to another one."""
    try:
        from distributed import Client, KilledWorker
        from distributed.comm.core import CommClosedError
    except ImportError as error:
        raise UserError(
            "`scheduler` needs Dask: pip install 'fibsem-sweep[distributed]'."
        ) from error
    try:
        client = Client(address, timeout=20, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise _no_cluster(address, error) from error
    try:
        client.wait_for_workers(1, timeout=WORKER_WAIT_S)
        yield client.get_executor(retries=MOST_DEATHS, pure=False)  # type: ignore[no-untyped-call]
    except (TimeoutError, CancelledError, CommClosedError, KilledWorker) as error:
        raise _no_cluster(address, error) from error
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _no_cluster(address: str, error: BaseException) -> UserError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(
        f"`scheduler` must be a Dask scheduler with workers that live, but {address} is not "
        f"({reason}); the same command goes on."
    )
