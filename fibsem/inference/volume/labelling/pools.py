"""Label slabs in processes of this machine; if one dies, the others continue."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from fibsem.errors import UserError
from fibsem.inference.volume.labelling.remote import RemoteSegmentation, SlabResult
from fibsem.inference.volume.labelling.slab import Slab
from fibsem.system.advice import WORKERS
from fibsem.system.processes import (
    collect_seldom,
    confine,
    core_shares,
    die_with_parent,
    forking,
    visible_accelerators,
)
from fibsem.system.secrets import guard_output

#: Function with which a process labels a slab.
Label = Callable[[RemoteSegmentation, Slab], SlabResult]


class ProcessDiedError(Exception):
    """A process of this machine died while it labelled a slab."""

    def __init__(self, slab: Slab) -> None:
        super().__init__(f"slices {slab[0]} to {slab[1] - 1}")
        self.slab = slab


class _Pools(Executor):
    """Executor of several pools of one process each, since a broken pool ends all its processes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._context = multiprocessing.get_context("forkserver")
        self._threads = ThreadPoolExecutor(count)
        self._pools = {k: self._pool(k) for k in range(count)}
        forking("fibsem.inference.volume.labelling.slab")  # last: it loads TensorFlow for seconds
        self._free: SimpleQueue[int] = SimpleQueue()
        for k in self._pools:
            self._free.put(k)

    def _pool(self, k: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1, mp_context=self._context, initializer=_begin, initargs=(k, self._count)
        )

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
        """Submit a slab to the next free process; ``args`` are a job and the slab."""
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
        # processes before the threads that started them: a thread ends when its process does
        self._threads.shutdown(wait=False, cancel_futures=cancel_futures)
        for pool in self._pools.values():
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)
        self._threads.shutdown(wait=wait)


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Yield an executor with processes of this machine, which end at once if the block raises.

    Raises
    ------
    UserError
        If the system has no shared memory.
    """
    before = set(multiprocessing.active_children())
    try:
        executor = _Pools(count)
    except OSError as error:
        raise UserError(
            f"`{WORKERS}` needs shared memory, but the system has none ({error.strerror}, "
            f"/dev/shm); {WORKERS.at(1)} does not."
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
    """Set up the k-th process with its share of the cores, and an accelerator if there is one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends us
    die_with_parent()
    collect_seldom()
    guard_output()
    accelerators = visible_accelerators()
    confine(
        core_shares(count)[k % count],
        accelerators[k % len(accelerators)] if accelerators else None,
    )
