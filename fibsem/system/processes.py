"""Processes on one machine: their shares of cores and accelerators, and their common end."""

from __future__ import annotations

import atexit
import contextlib
import gc
import itertools
import logging
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import forkserver, util
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from threadpoolctl import threadpool_limits

from fibsem.errors import UserError
from fibsem.system.threads import start_beside

#: Seconds that a process has to end after it was asked to.
PATIENCE_S = 5.0
#: Longest temporary folder in bytes: with /pymp-12345678/listener-12345678 a socket may have 107.
LONGEST_TEMPORARY = 107 - 32
#: Index of the start time among the fields of ``/proc/PID/stat`` that follow the name.
STARTED = 19
#: Objects made since the youngest were last looked through for cyclic garbage; Python's is 700.
YOUNG = 20_000
#: Number of commands that this process has begun.
_COMMANDS = itertools.count()
#: Temporary folders to use instead of one that is too long.
SHORT_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")


def forking(*modules: str) -> ForkServerContext:
    """Return a context whose processes start fast: forked from a server with these modules loaded.

    The modules are imported once for all processes, and not used in the server. The server ignores
    a closed terminal: if it ended, its children would be taken for gone while they end cleanly.

    Raises
    ------
    UserError
        If no temporary folder has a path short enough for the server's socket.
    """
    _have_short_folder()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # the server inherits it
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _have_short_folder() -> None:
    """Choose a temporary folder whose path is short enough for the server's socket.

    Schedulers set long paths with the names of job and user, but a socket's path has 107 bytes.
    """
    folder, default = tempfile.gettempdir(), tempfile.tempdir
    if len(os.fsencode(folder)) <= LONGEST_TEMPORARY:
        return
    usable = (path for path in SHORT_TEMPORARY if os.access(path, os.W_OK | os.X_OK))
    if (short := next(usable, None)) is None:
        raise UserError(
            f"`TMPDIR` must have at most {LONGEST_TEMPORARY} bytes where processes are started, "
            f"but got {folder}; the choices are a shorter one or one worker, without "
            "search.isolate."
        )
    tempfile.tempdir = short
    try:
        util.get_temp_dir()  # created once, in the current `tempdir`
    finally:
        tempfile.tempdir = default


def core_shares(count: int) -> list[set[int]]:
    """Divide the cores among workers; return one set each, shared if there are more workers.

    >>> shares = core_shares(1)
    >>> shares[0] == os.sched_getaffinity(0)
    True
    """
    cores = sorted(os.sched_getaffinity(0))
    if count >= len(cores):
        return [{cores[k % len(cores)]} for k in range(count)]
    return [set(cores[k::count]) for k in range(count)]


def visible_accelerators() -> list[str]:
    """Return the accelerators by their names in ``CUDA_VISIBLE_DEVICES``; empty without any."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name and name != "-1"]
    return sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))


def confine(cores: set[int], accelerator: str | None) -> None:
    """Restrict this process to cores and an accelerator; call it before TensorFlow is loaded."""
    os.sched_setaffinity(0, cores)
    threadpool_limits(len(cores))  # NumPy's pools counted all cores when they were loaded
    if accelerator is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = accelerator


def command_began() -> float:
    """Return the start of the running command on the clock of ``time.perf_counter``.

    The first command of a process began with the process. A further command, such as a job of
    ``--multirun``, and any command in a process of another kind, such as a notebook, begins now.
    """
    now, main = time.perf_counter(), getattr(sys.modules["__main__"], "__spec__", None)
    is_command = main is not None and main.name.startswith("fibsem.")
    return now - _age_s() if is_command and next(_COMMANDS) == 0 else now


def _age_s() -> float:
    """Return the seconds since this process was started, or 0 if they cannot be read."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[STARTED])
        since_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        return 0.0
    return max(0.0, since_boot_s - ticks / os.sysconf("SC_CLK_TCK"))


def peak_rss_gib() -> float:
    """Return the peak memory of this process in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def rss_gib() -> float:
    """Return the current memory of this process in GiB, or its peak without ``/proc``."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_rss_gib()
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def machine_gib() -> float:
    """Return the physical memory of this machine in GiB."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def stop(*processes: BaseProcess) -> None:
    """End child processes: ask them once, and kill those that do not end in time."""
    for process in ask_to_end(*processes):
        process.kill()
    for process in processes:
        process.join()


def ask_to_end(*processes: BaseProcess) -> list[BaseProcess]:
    """Ask child processes to end, wait up to ``PATIENCE_S``, and return those still alive."""
    alive = [process for process in processes if process.is_alive()]
    for process in alive:
        process.terminate()
    until = time.monotonic() + PATIENCE_S
    for process in alive:
        process.join(max(0.0, until - time.monotonic()))
    return [process for process in alive if process.is_alive()]


def die_with_parent() -> None:
    """End this process when its parent is gone, so that a killed command leaves no orphans."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    start_beside(watch)


def collect_seldom() -> None:
    """Have Python look for cyclic garbage more seldom; called where a process of a command begins.

    TensorFlow and MLflow bring a million objects, none of them garbage. By default Python goes
    through all that are loaded a dozen times in a command, a tenth of the time of a short one. The
    oldest objects are still looked through between two trials, when Keras forgets its networks.
    """
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Skip Python's teardown when the process ends after this block has succeeded.

    Python frees everything it has loaded: with TensorFlow that takes two seconds of processor time
    for memory that the system reclaims anyway. Threads are still waited for, and functions that
    the block registered with :mod:`atexit` still run; after an exception Python ends as usual,
    with its exit code.
    """
    done = False

    def leave() -> None:
        if not done:
            return
        logging.shutdown()  # registered earlier, so it would run after this
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # the reader may be gone
                stream.flush()
        os._exit(0)

    atexit.register(leave)  # registered first, called last
    yield
    done = True
