"""Ctrl-C and SIGTERM end a command cleanly, never in the middle of what must be done whole.

Python raises KeyboardInterrupt between any two instructions of the main thread. Between the
statements of a transaction that leaves a connection which still holds the database's lock, and the
clean-up that follows, which has something to write there too, waits for it in vain. TensorFlow
calls Python while it traces and differentiates: raised there, it is lost or ends the process.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


#: Seconds after which an interrupt that came at a bad moment is tried again.
AGAIN_S = 0.01


@dataclass
class _State:
    """How many blocks the main thread is in that are not to be interrupted, and what waits."""

    depth: int = 0
    waiting: bool = False


_state = _State()


def end_cleanly(*signals: signal.Signals) -> None:
    """Let signals raise KeyboardInterrupt, but not within :func:`uninterrupted`."""
    for number in signals:
        signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _state.depth and not _state.waiting:  # who asks twice does not want to wait
        _state.waiting = True
        return
    if _in_finaliser(frame):
        threading.Timer(AGAIN_S, os.kill, (os.getpid(), number)).start()
        return
    _state.waiting = False
    raise KeyboardInterrupt


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
    if _state.waiting and threading.current_thread() is threading.main_thread():
        _state.waiting = False
        raise KeyboardInterrupt


def whole_calls(cls: type[C]) -> type[C]:
    """Class decorator: no call of a public method is interrupted before it has returned."""
    for name, member in vars(cls).items():
        if name.startswith("_") or not inspect.isfunction(member):
            continue
        if not inspect.isgeneratorfunction(inspect.unwrap(member)):
            setattr(cls, name, _whole(member))
    return cls


def _whole(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with uninterrupted():
            return function(*args, **kwargs)

    return call
