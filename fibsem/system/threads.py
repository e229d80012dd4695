"""Threads that work beside the main one and hear no signal.

The system gives a signal of a process to any of its threads, and of two that come together both to
the one that wakes first. Python's handlers run in the main thread, which would sleep on.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

#: Signals that ask a process to end: Ctrl-C, schedulers, and a terminal that is closed.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start_beside(work: Callable[[], object]) -> threading.Thread:
    """Begin a thread that ends with its process and to which none of :data:`STOPS` goes.

    A thread inherits what its creator has blocked: there is no moment in which it would hear them.

    Examples
    --------
    >>> done = threading.Event()
    >>> start_beside(done.set).join()
    >>> done.is_set()
    True
    """
    thread = threading.Thread(target=work, daemon=True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return thread
