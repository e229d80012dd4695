"""Where slabs are labelled: in processes of this machine or on a Dask cluster.

Both are executors of `concurrent.futures`. Slabs are independent; each is written once by the
process that labels it, into stores that all processes reach, and a process that dies loses the slab
it was at, and no other. Only the process that started them writes the ledger.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from fibsem.data.volumes import Manner, VoxelNm, reopen
from fibsem.errors import UserError, first_line
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import ANEW, Options
from fibsem.inference.volume.entries import SliceRecord
from fibsem.inference.volume.ledger import Ledger
from fibsem.inference.volume.outputs import Outputs
from fibsem.inference.volume.plan import SegmentationPlan
from fibsem.inference.volume.slab import Slab, SlabWorker
from fibsem.inference.volume.witness import of_volume, witnessed
from fibsem.system.processes import (
    confine,
    core_shares,
    die_with_parent,
    forking,
    peak_rss_gib,
    visible_accelerators,
)
from fibsem.system.secrets import guard_output

#: Processes that may die between two finished slabs before the work is given up.
MOST_DEATHS = 3
#: Seconds to wait for the first worker of a cluster: queues take their time.
WORKER_WAIT_S = 600

Load = Callable[[], Segmenter]


@dataclass(frozen=True)
class RemoteSegmentation:
    """One segmentation as processes elsewhere get it; small, and made of what can be sent.

    Attributes
    ----------
    name
        Tells this segmentation from others that a process may have worked on.
    volume, manner, value_range
        What is opened, and how.
    load, identity
        Gives the segmenter; a function that can be pickled. And which one it must be.
    folder, voxel_nm, options
        Of the outputs.
    plan
        What holds for all slabs.
    anew
        What labels the volume anew, as refusals name it.
    """

    name: str
    volume: Path
    manner: Manner
    value_range: tuple[float, float] | None
    load: Load = field(repr=False)  # knows the address of the store, and Dask logs what fails
    identity: str
    folder: Path
    voxel_nm: VoxelNm
    options: Options
    plan: SegmentationPlan
    anew: str = ANEW


@dataclass(frozen=True)
class SlabResult:
    """What comes back of a slab; ``read`` are the digests of the slices around it."""

    start: int
    slices: list[SliceRecord]
    read: dict[int, str]
    seconds: dict[str, float]
    peak_rss_gib: float


#: The worker of the segmentation that this process is at, and what it has read: networks are built
#: and traced once.
_workers: dict[str, tuple[SlabWorker, dict[int, str]]] = {}
_alone = threading.Lock()


def label_slab(job: RemoteSegmentation, slab: Slab) -> SlabResult:
    """Label one slab of a job in this process."""
    with _alone:  # a Dask worker may have several threads, the networks have all the cores
        if job.name not in _workers:
            _workers.clear()
            _workers[job.name] = _open(job)
        worker, read_as = _workers[job.name]
        halo = worker.segmenter.halo[0]
        worker.stages.seconds.clear()
        results: list[SlabResult] = []

        def finished(start: int, slices: list[SliceRecord]) -> None:
            seconds = dict(worker.stages.seconds)
            near = range(start - halo, start + len(slices) + halo)
            read = {z: digest for z, digest in read_as.items() if z in near}
            results.append(SlabResult(start, slices, read, seconds, peak_rss_gib()))

        segmenter = worker.segmenter
        outputs = Outputs(
            job.folder, worker.volume.shape, job.voxel_nm, job.options,
            segmenter.classes, segmenter.platt,
        )  # fmt: skip
        with outputs.opened():
            worker.run([slab], outputs, finished)
        return results[0]


def _open(job: RemoteSegmentation) -> tuple[SlabWorker, dict[int, str]]:
    read_as: dict[int, str] = {}
    film = reopen(job.volume, job.manner, job.value_range)
    volume = witnessed(film, read_as, of_volume(job.anew))
    segmenter = job.load().with_views(job.options.symmetry)
    if segmenter.identity != job.identity:
        raise UserError(
            "`weights` must not change while a volume is segmented, but they are those of model "
            f"{segmenter.identity} by now, and the slabs so far are of {job.identity}; the choices "
            f"are the former ones or {job.anew}."
        )
    worker = SlabWorker(
        volume, job.plan.correction, segmenter, Scorer(segmenter, job.plan.precision),
        job.plan.tiling, uncertainty=job.options.uncertainty, extent=job.plan.extent,
    )  # fmt: skip
    return worker, read_as


def run_elsewhere(
    job: RemoteSegmentation, ledger: Ledger, depth: int, show: Callable[[str, int, int], None]
) -> list[SlabResult]:
    """Label all missing slabs in other processes; enters each into the ledger as it comes.

    Raises
    ------
    UserError
        If processes keep dying, or the scheduler does not answer.
    """
    results: list[SlabResult] = []
    options, slabs = job.options, -(-depth // ledger.slab)
    most = MOST_DEATHS * (1 if options.scheduler else options.workers)
    show("slabs", len(ledger.slabs), slabs)
    where = _dask(options.scheduler) if options.scheduler else _processes(options.workers)
    with where as executor:
        deaths = 0
        pending = {executor.submit(label_slab, job, slab) for slab in ledger.missing(depth)}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    result = future.result()
                except ProcessDiedError as error:
                    deaths += 1
                    if deaths > most:
                        raise UserError(
                            f"`workers` must live long enough for a slab, but {deaths} died "
                            "without finishing one; memory_gib is for each of them. The same "
                            "command goes on."
                        ) from error
                    pending.add(executor.submit(label_slab, job, error.slab))
                    continue
                deaths = 0
                ledger.finish(result.start, result.slices, result.read)
                results.append(result)
                show("slabs", len(ledger.slabs), slabs)
    return results


#: How a process labels a slab.
Label = Callable[[RemoteSegmentation, Slab], SlabResult]


class ProcessDiedError(Exception):
    """A process of this machine died at a slab."""

    def __init__(self, slab: Slab) -> None:
        super().__init__(f"slices {slab[0]} to {slab[1] - 1}")
        self.slab = slab


class _Pools(Executor):
    """Processes of this machine, each a pool of its own: a broken pool ends all its processes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._context = forking("fibsem.inference.volume.slab")
        self._threads = ThreadPoolExecutor(count)
        self._pools = {k: self._pool(k) for k in range(count)}
        self._free: SimpleQueue[int] = SimpleQueue()
        for k in self._pools:
            self._free.put(k)

    def _pool(self, k: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1, mp_context=self._context, initializer=_begin, initargs=(k, self._count)
        )

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
        """Label a slab in the process that is free next; ``args`` are a job and the slab."""
        return self._threads.submit(self._run, fn, *args)

    def _run(
        self,
        fn: Label,
        job: RemoteSegmentation,
        slab: Slab,
    ) -> SlabResult:
        k = self._free.get()
        try:
            return self._pools[k].submit(fn, job, slab).result()
        except BrokenProcessPool as error:
            self._pools[k] = self._pool(k)
            raise ProcessDiedError(slab) from error
        finally:
            self._free.put(k)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        # the processes before the threads that began them: each ends when its own does
        self._threads.shutdown(wait=False, cancel_futures=cancel_futures)
        for pool in self._pools.values():
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)
        self._threads.shutdown(wait=wait)


@contextmanager
def _processes(count: int) -> Iterator[Executor]:
    """Processes of this machine; ended at once when the work is stopped."""
    before = set(multiprocessing.active_children())
    try:
        executor = _Pools(count)
    except OSError as error:
        raise UserError(
            f"`workers` needs shared memory, but the system has none ({error.strerror}, /dev/shm); "
            "workers=1 does not."
        ) from error
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    executor.shutdown()


def _begin(k: int, count: int) -> None:
    """First thing in the k-th process: its share of the cores, or an accelerator."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the one who started it, too
    die_with_parent()
    guard_output()
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
    except (OSError, ValueError, TypeError) as error:  # the last where tls:// has no certificate
        raise _no_cluster(address, error) from error
    try:
        client.wait_for_workers(1, timeout=WORKER_WAIT_S)
        yield client.get_executor(retries=MOST_DEATHS, pure=False)  # type: ignore[no-untyped-call]
    except (TimeoutError, CancelledError, CommClosedError, KilledWorker) as error:
        raise _no_cluster(address, error) from error
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _no_cluster(address: str, error: BaseException) -> UserError:
    return UserError(
        f"`scheduler` must be a Dask scheduler with workers that live, but {address} is not "
        f"({first_line(error)}); the same command goes on."
    )
