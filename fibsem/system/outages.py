"""Distinguish outages of the environment from errors of a command, and wait for their end.

A full disk or a server that is unreachable, slow or out of order is temporary, or users can fix
it: a training that met one has not failed. A failed accelerator works again in a new process.
"""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Iterator

from fibsem.errors import (
    DeviceError,
    OutageError,
    causes,
    device_failure,
    of_an_artifact_store,
    of_threads,
    one_line,
)

#: Seconds between two attempts, initially and at most.
FIRST_S, LATER_S = 1.0, 15.0


def outage_of(error: BaseException) -> OutageError | None:
    """Return an error as an outage, or None if the environment did not cause it.

    Outages are errors of the operating system, except for lack of memory, which the training
    itself causes; a limit on threads; errors of the artifact store; errors of a failed
    accelerator; and errors with any of these as a cause.
    """
    if isinstance(error, OutageError):
        return error
    if device_failure(error) is not None:
        return DeviceError(one_line(error) or str(error))
    if any(_from_outside(cause) for cause in causes(error)):
        return OutageError(one_line(error) or str(error))
    return None


def _from_outside(error: BaseException) -> bool:
    of_system = isinstance(error, OSError) and error.errno != errno.ENOMEM
    return of_system or of_an_artifact_store(error) or of_threads(error)


@contextlib.contextmanager
def weathered() -> Iterator[None]:
    """Convert errors of the environment that are raised in the block to ``OutageError``.

    Raises
    ------
    OutageError
        If :func:`outage_of` recognises the error; all others pass unchanged.
    """
    try:
        yield
    except Exception as error:
        outage = outage_of(error)
        if outage is None or outage is error:
            raise
        raise outage from error


class Patience:
    """Wait for the end of an outage with growing pauses, up to a limit.

    Parameters
    ----------
    limit_s
        Seconds without progress after which an outage is raised.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._since: float | None = None
        self._pause_s = FIRST_S

    def renew(self) -> None:
        """Reset the waiting time after progress."""
        if self._since is not None:
            print("it goes on", file=sys.stderr)
        self._since, self._pause_s = None, FIRST_S

    def wait(self, outage: OutageError) -> None:
        """Pause before another attempt.

        Raises
        ------
        OutageError
            ``outage`` if it lasts longer than ``limit_s``; a :class:`DeviceError`, which does not
            end in this process, at once.
        """
        if isinstance(outage, DeviceError):
            raise outage
        now = time.monotonic()
        if self._since is None:
            self._since = now
            print(f"waiting for up to {self.limit_s:.0f} s: {outage}", file=sys.stderr)
        if now - self._since >= self.limit_s:
            raise outage
        time.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, LATER_S)
