"""Exceptions of trainings without a result: pruned, or failed for a one-line reason."""

from __future__ import annotations

import traceback

import tensorflow as tf

from fibsem.errors import UserError
from fibsem.system.secrets import in_message
from fibsem.training.steps.health import DivergedError


class PrunedError(Exception):
    """Raised when a trial is pruned after an epoch (counted from 0)."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"pruned after epoch {epoch + 1}")
        self.epoch = epoch


class TrialFailedError(Exception):
    """Raised when a trial fails; holds a one-line reason and the traceback.

    ``final`` is True if another attempt would fail in the same way. ``of_training`` is False if the
    process was ended from outside. ``diverged`` is True if the training diverged, which is
    information about the configuration.
    """

    def __init__(
        self, reason: str, trace: str, final: bool, of_training: bool = True, diverged: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason, self.trace, self.final, self.of_training = reason, trace, final, of_training
        self.diverged = diverged


def failure_of(error: Exception) -> TrialFailedError:
    """Convert an exception raised by a training into a failure of its trial."""
    trace = in_message("".join(traceback.format_exception(error)))
    diverged = isinstance(error, DivergedError)
    final = isinstance(error, UserError) and not diverged
    return TrialFailedError(reason_of(error), trace, final, diverged=diverged)


def reason_of(error: BaseException) -> str:
    """Return the reason of a failure for the table of a sweep, with passwords removed."""
    return in_message(_reason_of(error))


def _reason_of(error: BaseException) -> str:
    if isinstance(error, DivergedError):
        return f"{error.word}: {error.args[0]}"
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return "out of memory"
    if isinstance(error, UserError):
        return f"impossible: {error}"
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
