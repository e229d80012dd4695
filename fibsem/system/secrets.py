"""Collect passwords where they are read, and remove them from every text that leaves the process.

Records (files, runs) lose only the passwords within addresses: a word that is a password and also
the name of something else stays there. Messages and tracebacks lose every password.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from fibsem.system.addresses import HIDDEN, SCHEME, as_url, hidden, secrets_of

#: Variables that hold passwords for the stores.
VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD",
             "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")  # fmt: skip
#: Names of other programs' secret variables; values shorter than ``LONG`` ("true") are no secrets.
VARIABLE = re.compile(
    r"\w*(PASSWORD|PASSWD|SECRET|TOKEN(?!I)|(ACCESS|API|ACCOUNT|PRIVATE)_?KEY)\w*"
)
LONG = 8
#: Variables from which MLflow takes addresses.
OWN_ADDRESSES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
#: Variables that hold addresses, which may contain passwords.
ADDRESSES = re.compile(r"(https?|all)_proxy|\w*_(URI|URL)", re.IGNORECASE)
#: Endings of variables that hold a file name or the location of a secret, not the secret.
NO_SECRET = re.compile(r"_(FILE|PATH|DIR|ID)$")
#: Passwords with fewer characters are replaced only as separate words; numbers of so few digits
#: stay, as they are figures far more often.
SHORTEST = 3

_addresses: dict[str, str] = {}
_words: set[str] = set()
#: Short passwords and secrets of other programs, replaced only as separate words: not within a
#: word or a number.
_others: set[str] = set()


def remember(address: str | None) -> None:
    """Remember the passwords of an address, if it has any."""
    if address is None or not (words := secrets_of(address)):
        return
    for form in (address, as_url(address)):
        _addresses[form] = hidden(form)
    _keep(words)


def _keep(words: Iterable[str]) -> None:
    """Remember passwords, to be replaced everywhere or, if they are short, as separate words."""
    for word in words:
        if len(word) >= SHORTEST:
            _words.add(word)
        elif not word.isdecimal():
            _others.add(word)


def remember_typed(arguments: Iterable[str]) -> None:
    """Remember the passwords in command-line arguments, wherever an address begins in one.

    An argument that cannot be parsed, as ``search.storage= postgresql://...``, is also quoted in
    messages.
    """
    for argument in arguments:
        for begin in SCHEME.finditer(argument):
            remember(argument[begin.start() :].rstrip("'\""))


def in_record(value: Any) -> Any:
    """Return a record, a string or a tree with strings, without the passwords in addresses."""
    if not _addresses:
        return value
    if isinstance(value, str):
        return _pattern(_addresses).sub(lambda match: _addresses[match[0]], value)
    if isinstance(value, dict):
        return {key: in_record(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [in_record(item) for item in value]
    return value


def in_message(text: str) -> str:
    """Return a message without any remembered password."""
    text = in_record(text)
    if _words:
        text = _pattern(_words).sub(HIDDEN, text)
    return _word_pattern(_others).sub(HIDDEN, text) if _others else text


def tell_none(error: BaseException) -> None:
    """Remove the passwords from the messages of an error and of its causes, in place."""
    passed: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in passed:
        passed.append(cause)
        cause.args = tuple(
            in_message(argument) if isinstance(argument, str) else argument
            for argument in cause.args
        )
        cause = cause.__cause__ or cause.__context__


def _pattern(texts: Any) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))


def _word_pattern(texts: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?<!\d\.)(?:{_pattern(texts).pattern})(?!\w)(?!\.\d)")


class _Guarded(io.TextIOWrapper):
    """Standard output or error without passwords; unencodable characters become escapes."""

    def __init__(self, stream: TextIO) -> None:
        stream.flush()
        super().__init__(
            stream.buffer, stream.encoding, "backslashreplace",
            line_buffering=bool(getattr(stream, "line_buffering", False)),
            write_through=bool(getattr(stream, "write_through", False)),
        )  # fmt: skip
        self.guarded = stream  # keeps a reference: collected, it would close the shared buffer

    def write(self, text: str) -> int:
        return super().write(in_message(text))


def remember_variables() -> None:
    """Remember the passwords in the environment variables."""
    for name, value in os.environ.items():
        if name in OWN_ADDRESSES:
            remember(value)
        elif name in VARIABLES:
            _keep({value} - {""})
        else:
            _others.update(word for word in _secrets_in(name, value) if len(word) >= LONG)


def _secrets_in(variable: str, value: str) -> Iterable[str]:
    """Return possible passwords in a variable of another program; a path is not one."""
    if ADDRESSES.fullmatch(variable):
        return secrets_of(value)
    named = VARIABLE.fullmatch(variable) and not NO_SECRET.search(variable)
    return (value,) if named and not re.fullmatch(r"/[^=+]*", value) else ()


def guard_output() -> None:
    """Remove passwords from standard output and error, and escape characters they cannot encode."""
    remember_variables()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream, _Guarded):
            setattr(sys, name, _Guarded(stream))
