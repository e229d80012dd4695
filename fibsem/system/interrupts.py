"""Ctrl-C, SIGTERM and a closed terminal end a command cleanly, never amid what is to be whole.

Python raises KeyboardInterrupt between any two instructions of the main thread. Between the
statements of a transaction that leaves a connection which still holds the database's lock, and the
clean-up that follows, which has something to write there too, waits for it in vain. TensorFlow
calls Python while it traces and differentiates: raised there, it is lost or ends the process.
But nobody waits for a server that does not answer: what is held back is raised after a while.
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


#: Seconds after which an interrupt that came at a bad moment is tried again.
AGAIN_S = 0.01
#: Seconds that a block may hold an interrupt back.
HELD_S = 10.0
#: Seconds that a command has for its end after Ctrl-C.
END_S = 20.0
#: Exit code of a process that was asked to end, and has ended cleanly.
INTERRUPTED = 130

#: The signal that stands for one which is heard only once, where it is held back and repeated.
MEANT = {int(signal.SIGHUP): int(signal.SIGTERM)}


@dataclass
class _State:
    """How many blocks the main thread is in that are not to be interrupted, and what waits.

    ``once`` says that only the first signal counts, ``heard`` whether it has come, and ``again``
    that it is repeated.
    """

    depth: int = 0
    waiting: BaseException | None = None
    once: bool = False
    heard: bool = False
    again: bool = False


_state = _State()


def stopped() -> str:
    """What a command that was stopped says at last."""
    return f"stopped; {same_command()} goes on from here"


def end_cleanly(
    *signals: signal.Signals, at_most_s: float | None = None, once: bool = False
) -> None:
    """Let signals raise KeyboardInterrupt, but not within :func:`uninterrupted`.

    Parameters
    ----------
    signals
        Some of :data:`fibsem.system.threads.STOPS`. What ``nohup`` lets a process ignore is
        ignored; what it was begun with blocked, see :func:`fibsem.system.processes.forking`, is let
        through.
    at_most_s
        Seconds after the first signal at which the process is ended for sure, wherever its main
        thread hangs; None: never.
    once
        Whether only the first signal counts: a terminal and the process that began this one may
        both ask, and the second shall not cut off the end that has begun.
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
    """Have a thread learn of signals at once: Python's handlers wait until native code returns."""
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
    if _state.depth and not asked:  # who asks twice does not want to wait
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
    """Once: shell and system both say that a terminal is closed, and nobody is there to insist."""
    signal.signal(number, signal.SIG_IGN)
    leave_closed_terminal()
    _interrupt(MEANT[number], frame)


def _ask_again(held: BaseException, number: int) -> None:
    """Repeat a signal whose interrupt still waits."""
    if _state.waiting is held:
        _repeat(number)


def _repeat(number: int) -> None:
    """Send a signal to this process once more, unless somebody else handles it by now."""
    if _is_ours(number):
        _state.again = True
        os.kill(os.getpid(), number)


def _is_ours(number: int) -> bool:
    return signal.getsignal(number) is _interrupt


def raise_soon(error: BaseException) -> None:
    """Raise an error in the main thread, where it may be interrupted next; from any thread."""
    if _state.waiting is None:
        _state.waiting = error


def forget(error: BaseException) -> None:
    """Take back what :func:`raise_soon` was given, where it has not been raised yet."""
    if _state.waiting is error:
        _state.waiting = None


def _in_finaliser(frame: FrameType | None) -> bool:
    """Whether Python is at ``__del__`` or a weak reference's callback: what they raise is lost."""
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_code.co_filename == weakref.__file__:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interrupt back until the block has ended; a second one is not held back.

    Only the main thread is ever interrupted: in others this does nothing.
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
    """Raise what was held back, here: for blocks that take long, between two of their steps."""
    waiting = _state.waiting
    if waiting is not None and threading.current_thread() is threading.main_thread():
        _state.waiting = None
        raise waiting


def every_call(
    around: Callable[[Any], AbstractContextManager[Any]],
) -> Callable[[type[C]], type[C]]:
    """Class decorator: every call of a public method happens within a context.

    Parameters
    ----------
    around
        Makes the context of an object.
    """

    def decorate(cls: type[C]) -> type[C]:
        for name, member in vars(cls).items():
            if name.startswith("_") or not inspect.isfunction(member):
                continue
            if not inspect.isgeneratorfunction(inspect.unwrap(member)):
                setattr(cls, name, _within(around, member))
        return cls

    return decorate


def _within(
    around: Callable[[Any], AbstractContextManager[Any]], function: Callable[P, R]
) -> Callable[P, R]:
    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with around(args[0]):
            return function(*args, **kwargs)

    return call


def whole_calls(cls: type[C]) -> type[C]:
    """Class decorator: no call of a public method is interrupted before it has returned."""
    return every_call(lambda _: uninterrupted())(cls)
