"""What is raised that is no bug, and what else is said in one line."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

#: What helps where the system refuses.
HELP = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room, the quota is used up",
    errno.EACCES: "give the rights to it, or name another place",
    errno.EPERM: "give the rights to it, or name another place",
    errno.EROFS: "name another place, this one is for reading",
    errno.EMFILE: "allow more open files, ulimit -n",
    errno.ENAMETOOLONG: "give shorter names",
    errno.ELOOP: "mend the links that lead in a circle",
}
#: Packages that reach the places of artifacts; what they raise is seldom an error of the system.
PLACES = ("azure.", "boto3.", "botocore.", "ftplib", "google.api_core.", "google.auth.",
          "google.cloud.", "google.resumable_media.", "paramiko.", "pysftp", "s3transfer.",
          "urllib3.")  # fmt: skip
#: What TensorFlow says where an accelerator has failed, unless memory ran out there.
DEVICE, MEMORY = r"CUDA|cuDNN|cuBLAS|DNN library|GPU", r"out.of.memory|ALLOC_FAILED"
#: Errors of TensorFlow that are due to what it was given, whatever they name.
GIVEN = {"ResourceExhaustedError", "InvalidArgumentError", "NotFoundError", "UnimplementedError"}
#: What drivers of databases call an error of the database, not of the question.
DRIVERS = "OperationalError"
#: What an MLflow store answers that is not well, or does not want to.
STORES = {"PERMISSION_DENIED", "UNAUTHENTICATED", "INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE",
          "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "ENDPOINT_NOT_FOUND",
          "DEADLINE_EXCEEDED"}  # fmt: skip


class UserError(Exception):
    """Something the user can mend: bad value, missing file, impossible geometry.

    The message is one line: the constraint, then the value, then the choices. Commands print it and
    exit with code 2; every other exception is a bug and keeps its traceback. What a user's name
    or value may hold of line breaks and control characters is told as it is written in Python.

    Examples
    --------
    >>> print(UserError("`nbhd` must be odd on every axis, but got 80x81x3."))
    `nbhd` must be odd on every axis, but got 80x81x3.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class OutageError(UserError):
    """A disk that is full, a server that does not answer: nothing of ours is wrong.

    What it interrupts is worth another attempt, as it was, when it has passed.
    """


class DeviceError(OutageError):
    """An accelerator that has failed under this process: only another one may have it again."""


class LostError(BaseException):
    """Another worker has the trial: an interrupt, but of this attempt alone."""


def printable(text: str) -> str:
    r"""A text of a user as one line can hold it.

    Examples
    --------
    >>> print(printable("HPC30\n(film 2)"))
    HPC30\n(film 2)
    """
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def one_line(error: BaseException) -> str | None:
    """What is said of an error that is no bug: the user's, or one of the system, in one line.

    None for a bug, which keeps its traceback.
    """
    if isinstance(error, UserError):
        return str(error)
    kinds = {kind.__name__ for one in causes(error) for kind in type(one).__mro__}
    if kinds & {"MemoryError", "ResourceExhaustedError"}:
        return f"memory ran out ({_said(error) or 'an allocation failed'})."
    if (said := device_failure(error)) is not None:
        return f"the accelerator must work, but says: {said}"
    for one in causes(error):
        if isinstance(one, UnicodeError):
            return f"a text must have the encoding that is meant for it, but: {_said(one)}."
        if isinstance(one, OSError):
            return _refused(one)
        if of_a_place(one):
            return f"the place of the artifacts must answer, but says: {_said(one)}"
        if DRIVERS in {kind.__name__ for kind in type(one).__mro__}:
            return f"a database must answer, but says: {_said(getattr(one, 'orig', one))}"
    if getattr(error, "error_code", None) in STORES:
        return f"the MLflow store must answer, but says: {_said(error)}"
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from; what was handled before it has no part in it.

    MLflow does not always say from what.
    """
    passed: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in passed:
        passed.append(one)
        yield one
        silent = type(one).__module__.startswith("mlflow")
        one = one.__cause__ or (one.__context__ if silent else None)


def of_a_place(error: BaseException) -> bool:
    """Whether a package that reaches the place of artifacts has raised it."""
    return any(kind.__module__.startswith(PLACES) for kind in type(error).__mro__)


def device_failure(error: BaseException) -> str | None:
    """What TensorFlow says of an accelerator that has failed; None where none has.

    The context of a process on a device does not outlive such an error, whatever comes next.
    """
    for one in causes(error):
        kinds = {kind.__name__ for kind in type(one).__mro__}
        if "OpError" not in kinds or kinds & GIVEN or re.search(MEMORY, str(one), re.I):
            continue
        for line in str(one).splitlines():
            if re.search(DEVICE, line, re.I):
                return line.strip()
    return None


def _refused(error: OSError) -> str:
    """What the system refused, of which file, and what helps."""
    if error.errno is None or error.strerror is None:
        return f"the system must do its part, but: {first_line(error)}"
    of = error.filename if error.filename2 is None else f"{error.filename}, {error.filename2}"
    where = f"{of} must be usable" if of is not None else "the system must do its part"
    helps = f"; {HELP[error.errno]}" if error.errno in HELP else ""
    return f"{where}, but: {error.strerror}{helps}."


def first_line(error: BaseException) -> str:
    r"""The first line of an error, or its kind where it says nothing, to be told within another.

    Examples
    --------
    >>> first_line(ValueError("no network\nin file 3")), first_line(KeyError())
    ('no network', 'KeyError')
    """
    return _said(error) or type(error).__name__


def _said(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")
