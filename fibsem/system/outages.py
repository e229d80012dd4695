"""What the environment does to a command: told from its own errors, and waited for.

A full disk, a server that is away, slow or out of order pass by, or are mended by people. A
training that met them has not failed. An accelerator that has failed comes back to a new process.
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
    of_a_place,
    one_line,
)

#: Seconds between two attempts, at first and later.
FIRST_S, LATER_S = 1.0, 15.0


def outage_of(error: BaseException) -> OutageError | None:
    """The environment's part in an error; None where it has none.

    Every error of the operating system is the environment's, but for memory, which a training asks
    for; so is one of the place of the artifacts, or of an accelerator that has failed; and so is
    one that says that such an error was its cause.
    """
    if isinstance(error, OutageError):
        return error
    if device_failure(error) is not None:
        return DeviceError(one_line(error) or str(error))
    if any(_from_outside(one) for one in causes(error)):
        return OutageError(one_line(error) or str(error))
    return None


def _from_outside(error: BaseException) -> bool:
    of_system = isinstance(error, OSError) and error.errno != errno.ENOMEM
    return of_system or of_a_place(error)


@contextlib.contextmanager
def weathered() -> Iterator[None]:
    """Tell the environment's errors from those of what is done here.

    Raises
    ------
    OutageError
        For the former.
    """
    try:
        yield
    except Exception as error:
        outage = outage_of(error)
        if outage is None or outage is error:
            raise
        raise outage from error


class Patience:
    """Waits for the end of an outage, says so, and not for ever.

    Parameters
    ----------
    limit_s
        Seconds without any progress after which an outage is raised.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._since: float | None = None
        self._pause_s = FIRST_S

    def renew(self) -> None:
        """Say that there is progress again."""
        if self._since is not None:
            print("it goes on", file=sys.stderr)
        self._since, self._pause_s = None, FIRST_S

    def wait(self, outage: OutageError) -> None:
        """Wait a while before another attempt.

        Raises
        ------
        OutageError
            What was waited for, if it lasts too long; at once what does not end in this process.
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
