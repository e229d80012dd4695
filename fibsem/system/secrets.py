"""Passwords are collected where they are read, and left out wherever a text leaves the process.

What is kept (files, runs) loses the passwords in addresses alone: one that is also the name of
something else stays a name there. What is said (messages, tracebacks) loses every one.
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
#: What those of clouds are called, whose values have so many letters at least: no "true".
VARIABLE = re.compile(
    r"\w*(PASSWORD|PASSWD|SECRET|TOKEN(?!I)|(ACCESS|API|ACCOUNT|PRIVATE)_?KEY)\w*"
)
LONG = 8
#: Addresses that MLflow takes from variables.
OWN_ADDRESSES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
#: Variables that hold addresses, with whatever is in them.
ADDRESSES = re.compile(r"(https?|all)_proxy|\w*_(URI|URL)", re.IGNORECASE)
#: How variables end that name a file, or say where a secret is.
NO_SECRET = re.compile(r"_(FILE|PATH|DIR|ID)$")
#: Letters from which a word is looked for by itself; one or two are no password.
SHORTEST = 3

_addresses: dict[str, str] = {}
_words: set[str] = set()
#: Those of other programs, which stand by themselves: no part of a word or a figure.
_others: set[str] = set()


def remember(address: str | None) -> None:
    """Remember the passwords of an address, where it has any."""
    if address is None or not (words := secrets_of(address)):
        return
    for form in (address, as_url(address)):
        _addresses[form] = hidden(form)
    _words.update(word for word in words if len(word) >= SHORTEST)


def remember_typed(arguments: Iterable[str]) -> None:
    """Remember the passwords of what was typed, wherever an address begins in it.

    An argument that nobody understands, ``search.storage= postgresql://...``, is told as well.
    """
    for argument in arguments:
        for begin in SCHEME.finditer(argument):
            remember(argument[begin.start() :].rstrip("'\""))


def in_record(value: Any) -> Any:
    """What is kept: a text, or a tree with texts, without passwords in addresses."""
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
    """What is said: a text without any password."""
    text = in_record(text)
    if _words:
        text = _pattern(_words).sub(HIDDEN, text)
    return _alone(_others).sub(HIDDEN, text) if _others else text


def tell_none(error: BaseException) -> None:
    """Take the passwords out of the message of an error, and of those that it came from."""
    passed: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in passed:
        passed.append(one)
        one.args = tuple(in_message(part) if isinstance(part, str) else part for part in one.args)
        one = one.__cause__ or one.__context__


def _pattern(texts: Any) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))


def _alone(texts: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?<!\d\.)(?:{_pattern(texts).pattern})(?!\w)(?!\.\d)")


class _Guarded(io.TextIOWrapper):
    """Standard output or error; what no encoding holds is written by its number."""

    def __init__(self, stream: TextIO) -> None:
        stream.flush()
        super().__init__(
            stream.buffer, stream.encoding, "backslashreplace",
            line_buffering=bool(getattr(stream, "line_buffering", False)),
            write_through=bool(getattr(stream, "write_through", False)),
        )  # fmt: skip
        self.guarded = stream  # which would close the buffer when nobody refers to it

    def write(self, text: str) -> int:
        return super().write(in_message(text))


def remember_variables() -> None:
    """Remember the passwords that the environment holds."""
    for name, value in os.environ.items():
        if name in OWN_ADDRESSES:
            remember(value)
        elif name in VARIABLES:
            _words.update({value} if len(value) >= SHORTEST else ())
        else:
            _others.update(word for word in _secrets_in(name, value) if len(word) >= LONG)


def _secrets_in(variable: str, value: str) -> Iterable[str]:
    """What may be a password in a variable of another program; a path is none."""
    if ADDRESSES.fullmatch(variable):
        return secrets_of(value)
    named = VARIABLE.fullmatch(variable) and not NO_SECRET.search(variable)
    return (value,) if named and not re.fullmatch(r"/[^=+]*", value) else ()


def guard_output() -> None:
    """Let no password, and no character that cannot be written, reach the output of a process."""
    remember_variables()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream, _Guarded):
            setattr(sys, name, _Guarded(stream))
