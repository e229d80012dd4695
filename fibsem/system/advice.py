"""Spell the keys in a message as its reader has to give them.

Messages of a segmentation name keys by :class:`Key` objects instead of literal text: within
another command keys have other paths or lie in the manifest (``overwrite=true`` of a promotion
would remove trainings), and a caller in Python writes ``missing="skip"``. :func:`called` sets
the spelling around the work that may raise the message.
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

#: Keys of a film that `segment` takes as options and other commands read from a manifest.
OF_FILM = ("pattern", "range", "series", "sparse", "valid", "voxel_nm")


@dataclass(frozen=True)
class KeyNames:
    """Names of keys in one context.

    Attributes
    ----------
    names
        Path of each key that has another one than its own name.
    manifest
        Keys that are given in the manifest instead.
    python
        Whether keys are function arguments, with values in Python's syntax.
    absent
        Keys that cannot be given, so that no message suggests them.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    manifest: frozenset[str] = frozenset()
    python: bool = False
    absent: frozenset[str] = frozenset()


#: Every key by its own name.
_OWN = KeyNames()
#: Names for the messages of the code that is running.
_NOW: ContextVar[KeyNames] = ContextVar("key_names", default=_OWN)


@dataclass(frozen=True)
class Key:
    """A key that messages name; ``str`` gives its name in the current context.

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
    >>> with called(KeyNames({"weights": "model"}, python=True)):
    ...     Key("weights").at("outputs/train/NAME")
    'model="outputs/train/NAME"'
    """

    name: str

    def __str__(self) -> str:
        return _NOW.get().names.get(self.name, self.name)

    @property
    def can_be_given(self) -> bool:
        """Whether the key can be given in the current context."""
        return self.name not in _NOW.get().absent

    def at(self, value: object) -> str:
        """Return the key with a value, as it is given; a value in capitals is a placeholder."""
        if self.name in _NOW.get().manifest:
            return f"the manifest's {self}={value}"
        return f"{self}={_in_python(str(value)) if _NOW.get().python else value}"


def _in_python(value: str) -> str:
    """Return a command-line value in Python's syntax."""
    if value in ("true", "false"):
        return value.capitalize()
    is_text = "/" in value or (value.isalpha() and value.islower())
    return f'"{value}"' if is_text else value


#: Keys for which Python has a function of its own.
FUNCTIONS = ("estimate", "export", "lineage", "repoint")


@dataclass(frozen=True)
class Command:
    """A command that messages name; a caller in Python has its function instead.

    Examples
    --------
    >>> f"{Command('promote')} registers one; {Command('report').at('repoint', 'OLD')} helps"
    'fibsem.promote registers one; python -m fibsem.report repoint=OLD helps'
    >>> with called(KeyNames(python=True)):
    ...     f"{Command('sweep').line} makes some; {Command('report').at('repoint', 'a/b')} helps"
    'api.sweep makes some; api.repoint("a/b") helps'
    """

    name: str

    def __str__(self) -> str:
        return f"{'api' if _NOW.get().python else 'fibsem'}.{self.name}"

    @property
    def line(self) -> str:
        """The command as it is typed, without keys."""
        return str(self) if _NOW.get().python else f"python -m {self}"

    @property
    def listing(self) -> str:
        """What lists all keys of the command."""
        return f'api.keys("{self.name}")' if _NOW.get().python else "--cfg job"

    def at(self, key: str, value: object) -> str:
        """Return the command with one key; a value in capitals is a placeholder."""
        if not _NOW.get().python:
            return f"{self.line} {key}={value}"
        argument = _in_python(str(value))
        return f"api.{key}({argument})" if key in FUNCTIONS else f"{self}({key}={argument})"


PATTERN, RANGE, SERIES, SPARSE, VALID, VOXEL_NM = map(Key, OF_FILM)
MISSING, OVERWRITE = Key("missing"), Key("overwrite")
CERTIFICATE, FORMAT, SYMMETRY = Key("certificate"), Key("format"), Key("symmetry")
MEMORY_GIB, MIN_VOLUME_NM3 = Key("memory_gib"), Key("min_volume_nm3")
SCHEDULER, UNCERTAINTY, WORKERS = Key("scheduler"), Key("uncertainty"), Key("workers")
COMPARE, LINEAGE, WEIGHTS = Key("compare"), Key("lineage"), Key("weights")


def under(group: str, keys: Iterable[str]) -> KeyNames:
    """Return the names of keys that lie in a group of a command."""
    return KeyNames({key: f"{group}.{key}" for key in keys})


def in_manifest(keys: Iterable[str]) -> KeyNames:
    """Return the names of keys that are given in a manifest."""
    return KeyNames(manifest=frozenset(keys))


@contextmanager
def called(*names_of_keys: KeyNames) -> Iterator[None]:
    """Use these names for keys in messages of the block; other keys keep the outer names."""
    names: dict[str, str] = {}
    manifest: set[str] = set()
    for key_names in (*names_of_keys, _NOW.get()):  # the first names that have a key count
        manifest |= key_names.manifest - names.keys()
        names |= {
            key: name for key, name in key_names.names.items() if key not in {*names, *manifest}
        }
    every = (*names_of_keys, _NOW.get())
    python = any(key_names.python for key_names in every)
    absent = frozenset[str]().union(*(key_names.absent for key_names in every))
    token = _NOW.set(KeyNames(names, frozenset(manifest), python, absent))
    try:
        yield
    finally:
        _NOW.reset(token)


def key_names() -> KeyNames:
    """Return the current names of keys, to hand them to a worker process."""
    return _NOW.get()


def as_here(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function bound to the current names of keys, whichever thread calls it."""
    return partial(copy_context().run, function)
