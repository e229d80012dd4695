"""Processes on one machine: what each may use, and how they end together."""

from __future__ import annotations

import atexit
import contextlib
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

#: Seconds that a process has for its end.
PATIENCE_S = 5.0
#: Bytes of a folder in which a socket, /pymp-12345678/listener-12345678, has no more than 107.
LONGEST_TEMPORARY = 107 - 32
#: Place of the start among the fields of ``/proc/PID/stat``, behind the name.
STARTED = 19
#: Folders that are there in its place.
SHORT_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")


def forking(*modules: str) -> ForkServerContext:
    """Where processes come from that begin at once: from a server that has loaded these modules.

    It has used nothing of them; they are loaded once, however many processes there are. A terminal
    that is closed does not end it, whose children would be taken for gone while they end cleanly.

    Raises
    ------
    UserError
        If no folder for temporary files has a path that the server's socket can lie in.
    """
    _have_short_folder()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # which it inherits
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _have_short_folder() -> None:
    """See that the socket of the server, which is one of this process's temporary files, has room.

    Schedulers set long names, of the job and its user, where a socket has 107 bytes.
    """
    given, kept = tempfile.gettempdir(), tempfile.tempdir
    if len(os.fsencode(given)) <= LONGEST_TEMPORARY:
        return
    usable = (place for place in SHORT_TEMPORARY if os.access(place, os.W_OK | os.X_OK))
    if (short := next(usable, None)) is None:
        raise UserError(
            f"`TMPDIR` must have at most {LONGEST_TEMPORARY} bytes where processes are started, "
            f"but got {given}; the choices are a shorter one or one worker, without search.isolate."
        )
    tempfile.tempdir = short
    try:
        util.get_temp_dir()  # made once, in the folder of that moment
    finally:
        tempfile.tempdir = kept


def core_shares(count: int) -> list[set[int]]:
    """The cores of each worker: all of them, dealt out; shared where there are more workers.

    >>> shares = core_shares(1)
    >>> shares[0] == os.sched_getaffinity(0)
    True
    """
    cores = sorted(os.sched_getaffinity(0))
    if count >= len(cores):
        return [{cores[k % len(cores)]} for k in range(count)]
    return [set(cores[k::count]) for k in range(count)]


def visible_accelerators() -> list[str]:
    """Accelerators by the number that ``CUDA_VISIBLE_DEVICES`` knows them by; none without any."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name and name != "-1"]
    return sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))


def confine(cores: set[int], accelerator: str | None) -> None:
    """Give this process its share of the machine, before TensorFlow looks around."""
    os.sched_setaffinity(0, cores)
    threadpool_limits(len(cores))  # those of NumPy have looked around when they were loaded
    if accelerator is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = accelerator


def command_began() -> float:
    """When the command of this process began, by ``time.perf_counter``: with its process.

    In a process that is no command of this package, as a notebook, it begins now.
    """
    now, main = time.perf_counter(), getattr(sys.modules["__main__"], "__spec__", None)
    if main is None or not main.name.startswith("fibsem."):
        return now
    return now - _age_s()


def _age_s() -> float:
    """Seconds since this process was started; 0 where the system does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[STARTED])
        since_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        return 0.0
    return max(0.0, since_boot_s - ticks / os.sysconf("SC_CLK_TCK"))


def peak_rss_gib() -> float:
    """Most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def rss_gib() -> float:
    """Memory that this process holds now; the most that it ever held where nobody tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_rss_gib()
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def machine_gib() -> float:
    """Memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def stop(*processes: BaseProcess) -> None:
    """End child processes: asked to, once, and killed where they do not answer."""
    for process in ask_to_end(*processes):
        process.kill()
    for process in processes:
        process.join()


def ask_to_end(*processes: BaseProcess) -> list[BaseProcess]:
    """Ask child processes to end, and give them their time; those that are there after it."""
    alive = [process for process in processes if process.is_alive()]
    for process in alive:
        process.terminate()
    until = time.monotonic() + PATIENCE_S
    for process in alive:
        process.join(max(0.0, until - time.monotonic()))
    return [process for process in alive if process.is_alive()]


def die_with_parent() -> None:
    """End this process when that which began it is gone: a killed command leaves no orphans."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    start_beside(watch)


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Let a process whose work in this block is done end without taking itself apart.

    Python's own end of a process looks through and frees all that it has loaded: with TensorFlow
    two seconds of processor time after the last line, for memory that the system takes back anyway.
    Threads are waited for and what others registered with :mod:`atexit` in the block is done; an
    end by an exception is Python's own, with its exit code.
    """
    done = False

    def leave() -> None:
        if not done:
            return
        logging.shutdown()  # registered before, so it would come after
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                stream.flush()
        os._exit(0)

    atexit.register(leave)  # the first to be registered is the last that is called
    yield
    done = True
