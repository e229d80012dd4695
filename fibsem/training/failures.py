"""How a training ends without a result: pruned, or failed for a reason that a table can hold."""

from __future__ import annotations

import traceback

import tensorflow as tf

from fibsem.errors import UserError
from fibsem.system.secrets import in_message
from fibsem.training.steps.health import DivergedError


class PrunedError(Exception):
    """A trial is not worth finishing, after this epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"pruned after epoch {epoch + 1}")
        self.epoch = epoch


class TrialFailedError(Exception):
    """A trial failed by itself: why, in the words of a table, and the traceback.

    ``final`` where another attempt would only fail again; not its ``own`` fault where its process
    was ended; ``diverged`` where the configuration came to no result, which says something of it.
    """

    def __init__(
        self, reason: str, trace: str, final: bool, own: bool = True, diverged: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason, self.trace, self.final, self.own = reason, trace, final, own
        self.diverged = diverged


def failure_of(error: Exception) -> TrialFailedError:
    """What a training raised, as a failure of its trial."""
    trace = in_message("".join(traceback.format_exception(error)))
    diverged = isinstance(error, DivergedError)
    final = isinstance(error, UserError) and not diverged
    return TrialFailedError(reason_of(error), trace, final, diverged=diverged)


def reason_of(error: BaseException) -> str:
    """Why a training failed, in the words of a sweep's table; without any password."""
    return in_message(_reason_of(error))


def _reason_of(error: BaseException) -> str:
    if isinstance(error, DivergedError):
        return f"{error.word}: {error.args[0]}"
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return "out of memory"
    if isinstance(error, UserError):
        return f"impossible: {error}"
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
