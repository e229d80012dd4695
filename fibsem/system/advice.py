"""The keys that a message advises, as whoever reads it has them.

A message of a segmentation names its keys as values, :class:`Key`, and not as letters: inside of
another command they have other paths, or lie in the manifest (``overwrite=true`` of a promotion
would remove trainings), and a caller in Python writes ``missing="skip"``. How they are called there
:func:`called` says, around the work that may give the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

#: Keys of a film that `segment` is given, and other commands read in a manifest.
OF_FILM = ("pattern", "range", "series", "sparse", "valid", "voxel_nm")


@dataclass(frozen=True)
class KeyNames:
    """How keys are called somewhere.

    Attributes
    ----------
    names
        By key, where it has another path.
    manifest
        Keys that are given in the manifest instead.
    python
        Whether they are arguments of a function, and their values those of Python.
    absent
        Keys that nobody can give, so that no message advises them.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    manifest: frozenset[str] = frozenset()
    python: bool = False
    absent: frozenset[str] = frozenset()


#: As every key is called by itself.
_OWN = KeyNames()
#: That of whoever reads the messages of what runs now.
_NOW: ContextVar[KeyNames] = ContextVar("key_names", default=_OWN)


@dataclass(frozen=True)
class Key:
    """A key that a message names; as text it is called as it is where the message is made.

    Examples
    --------
    >>> valid = Key("valid")
    >>> f"`{valid}` may be all; {valid.at('all')} measures it, too"
    '`valid` may be all; valid=all measures it, too'
    >>> with called(under("segmentation", ["valid"])):
    ...     f"`{valid}` may be all; {valid.at('all')} measures it, too"
    '`segmentation.valid` may be all; segmentation.valid=all measures it, too'
    >>> with called(in_manifest(["valid"])):
    ...     f"`{valid}` may be all; {valid.at('all')} measures it, too"
    "`valid` may be all; the manifest's valid=all measures it, too"
    >>> with called(KeyNames(python=True)):
    ...     valid.at("all"), valid.at("MASK"), Key("overwrite").at("true")
    ('valid="all"', 'valid=MASK', 'overwrite=True')
    """

    name: str

    def __str__(self) -> str:
        return _NOW.get().names.get(self.name, self.name)

    @property
    def can_be_given(self) -> bool:
        """Whether whoever reads the message has such a key."""
        return self.name not in _NOW.get().absent

    def at(self, value: object) -> str:
        """The key with a value, as it is given; a value in capitals stands for one."""
        if self.name in _NOW.get().manifest:
            return f"the manifest's {self}={value}"
        return f"{self}={_in_python(str(value)) if _NOW.get().python else value}"


def _in_python(value: str) -> str:
    """A value of the command line as Python has it."""
    if value in ("true", "false"):
        return value.capitalize()
    return f'"{value}"' if value.isalpha() and value.islower() else value


PATTERN, RANGE, SERIES, SPARSE, VALID, VOXEL_NM = map(Key, OF_FILM)
MISSING, OVERWRITE = Key("missing"), Key("overwrite")
CERTIFICATE, FORMAT, SYMMETRY = Key("certificate"), Key("format"), Key("symmetry")
MEMORY_GIB, MIN_VOLUME_NM3 = Key("memory_gib"), Key("min_volume_nm3")
SCHEDULER, UNCERTAINTY, WORKERS = Key("scheduler"), Key("uncertainty"), Key("workers")


def under(group: str, keys: Iterable[str]) -> KeyNames:
    """How keys are called that lie in a group of a command."""
    return KeyNames({key: f"{group}.{key}" for key in keys})


def in_manifest(keys: Iterable[str]) -> KeyNames:
    """How keys are called that lie in a manifest."""
    return KeyNames(manifest=frozenset(keys))


@contextmanager
def called(*names_of_keys: KeyNames) -> Iterator[None]:
    """Messages that are made in this block name keys so; what none tells is called as around it."""
    names: dict[str, str] = {}
    manifest: set[str] = set()
    for one in (*names_of_keys, _NOW.get()):  # the first one that has a key tells it
        manifest |= one.manifest - names.keys()
        names |= {key: name for key, name in one.names.items() if key not in {*names, *manifest}}
    every = (*names_of_keys, _NOW.get())
    python = any(one.python for one in every)
    absent = frozenset[str]().union(*(one.absent for one in every))
    token = _NOW.set(KeyNames(names, frozenset(manifest), python, absent))
    try:
        yield
    finally:
        _NOW.reset(token)


def key_names() -> KeyNames:
    """How keys are called here, for a process that works for this one."""
    return _NOW.get()


def as_here(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose messages name keys as here, whatever thread calls it."""
    return partial(copy_context().run, function)
