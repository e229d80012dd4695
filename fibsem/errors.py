"""Errors that are not bugs, and one-line messages for errors."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

#: Remedies for errors of the operating system, by errno.
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
#: Packages that access artifact stores; the errors they raise are seldom subclasses of OSError.
ARTIFACT_STORES = ("azure.", "boto3.", "botocore.", "ftplib", "google.api_core.", "google.auth.",
          "google.cloud.", "google.resumable_media.", "paramiko.", "pysftp", "s3transfer.",
          "urllib3.")  # fmt: skip
#: Patterns in messages of TensorFlow: for a failed accelerator, and for one that is out of memory.
DEVICE, MEMORY = r"CUDA|cuDNN|cuBLAS|DNN library|GPU", r"out.of.memory|ALLOC_FAILED"
#: Errors of TensorFlow that are due to its input, even if they mention a device.
GIVEN = {"ResourceExhaustedError", "InvalidArgumentError", "NotFoundError", "UnimplementedError"}
#: Names of errors that database drivers raise: for failures of database or connection, or a query.
DRIVERS = {"DatabaseError", "InterfaceError"}
#: Names of the driver errors that are due to the query, and so to a bug.
QUERIES = {"DataError", "IntegrityError", "NotSupportedError", "ProgrammingError"}
#: Message of Python if a process cannot start further threads.
THREADS = re.compile(r"can't (?:start|create) new thread\b")
#: Error codes of an MLflow store that is unavailable or denies access.
STORES = {"PERMISSION_DENIED", "UNAUTHENTICATED", "INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE",
          "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "ENDPOINT_NOT_FOUND",
          "DEADLINE_EXCEEDED"}  # fmt: skip


class UserError(Exception):
    """Error that the user can fix: bad value, missing file, impossible geometry.

    The message is one line: the constraint, then the value, then the choices. Commands print it and
    exit with code 2; every other exception is a bug and keeps its traceback. Line breaks and
    control characters in the message are escaped as in Python.

    Examples
    --------
    >>> print(UserError("`nbhd` must be odd on every axis, but got 80x81x3."))
    `nbhd` must be odd on every axis, but got 80x81x3.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class OutageError(UserError):
    """Error from outside the program, such as a full disk or a server that does not respond.

    The interrupted work can be retried unchanged once the outage is over.
    """


class DeviceError(OutageError):
    """Failure of an accelerator; only a new process can use it again."""


class LostError(BaseException):
    """Interrupt of the current attempt, because another worker has taken over its trial."""


def printable(text: str) -> str:
    r"""Escape line breaks and control characters of a text, so that it fits on one line.

    Examples
    --------
    >>> print(printable("HPC30\n(film 2)"))
    HPC30\n(film 2)
    """
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def one_line(error: BaseException) -> str | None:
    """Return a one-line message for an error of the user or of the system.

    None for any other error, which is a bug and keeps its traceback.
    """
    if isinstance(error, UserError):
        return str(error)
    kinds = {kind.__name__ for cause in causes(error) for kind in type(cause).__mro__}
    if kinds & {"MemoryError", "ResourceExhaustedError"}:
        return f"memory ran out ({_first_line(error) or 'an allocation failed'})."
    if (said := device_failure(error)) is not None:
        return f"the accelerator must work, but says: {said}"
    for cause in causes(error):
        if isinstance(cause, UnicodeError):
            return f"a text must have the encoding that is meant for it, but: {_first_line(cause)}."
        if isinstance(cause, OSError):
            return _refused(cause)
        if of_an_artifact_store(cause):
            return f"the place of the artifacts must answer, but says: {_first_line(cause)}"
        if of_a_database(cause):
            said = first_line(getattr(cause, "orig", None) or cause)
            return f"a database must answer, but says: {said}"
        if of_threads(cause):
            return f"the system must allow more threads, ulimit -u, but: {_first_line(cause)}."
    if getattr(error, "error_code", None) in STORES:
        return f"the MLflow store must answer, but says: {_first_line(error)}"
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its chain of explicit causes.

    The implicit context is followed only for errors of MLflow, which do not always name a cause.
    """
    passed: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in passed:
        passed.append(cause)
        yield cause
        silent = type(cause).__module__.startswith("mlflow")
        cause = cause.__cause__ or (cause.__context__ if silent else None)


def of_an_artifact_store(error: BaseException) -> bool:
    """Whether an error is from a package that accesses artifact stores."""
    return any(kind.__module__.startswith(ARTIFACT_STORES) for kind in type(error).__mro__)


def of_a_database(error: BaseException) -> bool:
    """Whether an error is from a database or the connection to it, and not from a query."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "SQLAlchemyError" in kinds and "TimeoutError" in kinds:  # of its pool of connections
        return True
    return bool(kinds & DRIVERS) and not kinds & QUERIES


def of_threads(error: BaseException) -> bool:
    """Whether Python could not start a thread."""
    return type(error) is RuntimeError and THREADS.search(str(error)) is not None


def device_failure(error: BaseException) -> str | None:
    """Return TensorFlow's message about a failed accelerator, or None if none failed.

    The device context of the process is unusable after such an error.
    """
    for cause in causes(error):
        kinds = {kind.__name__ for kind in type(cause).__mro__}
        if "OpError" not in kinds or kinds & GIVEN or re.search(MEMORY, str(cause), re.I):
            continue
        for line in str(cause).splitlines():
            if re.search(DEVICE, line, re.I):
                return line.strip()
    return None


def _refused(error: OSError) -> str:
    """Return a one-line message for an OSError: the file, the reason and a remedy."""
    if error.errno is None or error.strerror is None:
        return f"the system must do its part, but: {first_line(error)}"
    of = error.filename if error.filename2 is None else f"{error.filename}, {error.filename2}"
    must = f"{of} must be usable" if of is not None else "the system must do its part"
    helps = f"; {HELP[error.errno]}" if error.errno in HELP else ""
    return f"{must}, but: {error.strerror}{helps}."


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message, or the name of its type if it has none.

    Examples
    --------
    >>> first_line(ValueError("no network\nin file 3")), first_line(KeyError())
    ('no network', 'KeyError')
    """
    return _first_line(error) or type(error).__name__


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")
