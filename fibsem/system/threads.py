"""Background threads that receive no signals.

The kernel delivers a signal to any thread of a process, and two that arrive together both to the
thread that wakes first. Python's handlers run in the main thread, which would not be woken.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

#: Signals that ask a process to end: Ctrl-C, a scheduler's request, a closed terminal.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start_beside(function: Callable[[], object]) -> threading.Thread:
    """Start a daemon thread that receives none of the signals in :data:`STOPS`.

    A thread inherits the signal mask of its creator, so there is no moment without the block.

    Examples
    --------
    >>> done = threading.Event()
    >>> start_beside(done.set).join()
    >>> done.is_set()
    True
    """
    thread = threading.Thread(target=function, daemon=True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return thread
