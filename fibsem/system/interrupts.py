"""End a command cleanly on Ctrl-C, SIGTERM or a closed terminal, but not within a critical block.

Python raises KeyboardInterrupt between any two instructions of the main thread. Raised within a
transaction, it leaves a connection that still holds the database's lock, and the clean-up, which
writes to the same database, waits for that lock in vain. TensorFlow calls Python while it traces
and differentiates: an exception raised there is lost or ends the process. To avoid waiting forever
for a server that does not answer, a held interrupt is raised after a time limit.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import signal
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from fibsem.system.again import same_command
from fibsem.system.streams import leave_closed_terminal
from fibsem.system.threads import start_beside

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


#: Seconds after which an interrupt that arrived in a finaliser is sent again.
AGAIN_S = 0.01
#: Seconds that a block may hold an interrupt back.
HELD_S = 10.0
#: Seconds that a command has to end after Ctrl-C, SIGTERM or a closed terminal.
END_S = 20.0
#: Exit code of a process that was asked to end and ended cleanly.
INTERRUPTED = 130

#: Signal that is sent in place of one which is handled only once, when it is held and repeated.
MEANT = {int(signal.SIGHUP): int(signal.SIGTERM)}


@dataclass
class _State:
    """Number of uninterruptible blocks the main thread is in, and the interrupt that is held back.

    ``once``: only the first signal counts; ``heard``: it has arrived; ``again``: the next signal is
    a repetition sent by this process.
    """

    depth: int = 0
    waiting: BaseException | None = None
    once: bool = False
    heard: bool = False
    again: bool = False


_state = _State()


def stopped() -> str:
    """Return the last message of a command that was stopped."""
    return f"stopped; {same_command()} goes on from here"


def end_cleanly(
    *signals: signal.Signals, at_most_s: float | None = None, once: bool = False
) -> None:
    """Make signals raise KeyboardInterrupt, but not within :func:`uninterrupted`.

    Parameters
    ----------
    signals
        Some of :data:`fibsem.system.threads.STOPS`. SIGHUP stays ignored under ``nohup``; signals
        that were blocked when the process started (see :func:`fibsem.system.processes.forking`)
        are unblocked.
    at_most_s
        Seconds after the first signal at which the process is ended in any case, even if its main
        thread hangs; None: never.
    once
        Whether only the first signal counts: the terminal and the parent process may both send
        one, and the second must not cut off a shutdown that has begun.
    """
    _state.once, _state.heard = once, False
    for number in signals:
        if number != signal.SIGHUP:
            signal.signal(number, _interrupt)
        elif signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _hang_up)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    if at_most_s is not None:
        _end_for_sure(signals, at_most_s)


def _end_for_sure(signals: tuple[signal.Signals, ...], seconds: float) -> None:
    """Watch for signals in a thread: Python's handlers wait until native code returns."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))

    def wait() -> None:
        while True:
            number = ours.recv(1)[0]
            if number not in signals:
                continue
            time.sleep(seconds)
            if _is_ours(MEANT.get(number, number)):
                with contextlib.suppress(OSError):  # the terminal may be closed
                    os.write(2, f"{stopped()}\n".encode())
                theirs.close()
                os._exit(INTERRUPTED)

    start_beside(wait)


def _interrupt(number: int, frame: FrameType | None) -> None:
    again, _state.again = _state.again, False
    if _state.once and _state.heard and not again:
        return
    _state.heard = True
    asked = isinstance(_state.waiting, KeyboardInterrupt)
    if _state.depth and not asked:  # a second request is not held back
        held = _state.waiting = KeyboardInterrupt()
        timer = threading.Timer(HELD_S, _ask_again, (held, number))
        timer.daemon = True
        timer.start()
        return
    if _in_finaliser(frame):
        threading.Timer(AGAIN_S, _repeat, (number,)).start()
        return
    _state.waiting = None
    raise KeyboardInterrupt


def _hang_up(number: int, frame: FrameType | None) -> None:
    """Handle SIGHUP once: shell and kernel may both send it when a terminal is closed."""
    signal.signal(number, signal.SIG_IGN)
    leave_closed_terminal()
    _interrupt(MEANT[number], frame)


def _ask_again(held: BaseException, number: int) -> None:
    """Repeat a signal if its interrupt is still held back."""
    if _state.waiting is held:
        _repeat(number)


def _repeat(number: int) -> None:
    """Send a signal to this process again, unless its handler has been replaced."""
    if _is_ours(number):
        _state.again = True
        os.kill(os.getpid(), number)


def _is_ours(number: int) -> bool:
    return signal.getsignal(number) is _interrupt


def raise_soon(error: BaseException) -> None:
    """Raise an error in the main thread at its next interruption point; callable from any thread.

    Ignored if an error is already waiting.
    """
    if _state.waiting is None:
        _state.waiting = error


def forget(error: BaseException) -> None:
    """Withdraw an error given to :func:`raise_soon`, unless it has been raised."""
    if _state.waiting is error:
        _state.waiting = None


def _in_finaliser(frame: FrameType | None) -> bool:
    """Return whether Python runs ``__del__`` or a weak reference's callback, which lose errors."""
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_code.co_filename == weakref.__file__:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interrupt back until the block has ended; a second interrupt is raised at once.

    Only the main thread is interrupted: in other threads this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
        if not _state.depth:
            interruption_point()


def interruption_point() -> None:
    """Raise an error that was held back; long uninterruptible blocks call this between steps."""
    waiting = _state.waiting
    if waiting is not None and threading.current_thread() is threading.main_thread():
        _state.waiting = None
        raise waiting


def every_call(
    around: Callable[[Any], AbstractContextManager[Any]],
) -> Callable[[type[C]], type[C]]:
    """Class decorator: run every call of a public method, generators excepted, within a context.

    Parameters
    ----------
    around
        Makes a context manager from the instance.
    """

    def decorate(cls: type[C]) -> type[C]:
        for name, member in vars(cls).items():
            if name.startswith("_") or not inspect.isfunction(member):
                continue
            if not inspect.isgeneratorfunction(inspect.unwrap(member)):
                setattr(cls, name, _wrapped(around, member))
        return cls

    return decorate


def _wrapped(
    around: Callable[[Any], AbstractContextManager[Any]], function: Callable[P, R]
) -> Callable[P, R]:
    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with around(args[0]):
            return function(*args, **kwargs)

    return call
