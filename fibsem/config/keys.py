"""Keys of every command, read from ``conf/``: which have string values, and which are similar.

**The value of a key is a string if its default in conf/ is one**; an empty string there stands for
a value that is not given.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fibsem.errors import UserError
from fibsem.system.advice import Command

PACKAGE = Path(__file__).parent.parent
#: Folder of the YAML files: inside the package in a wheel, beside it in a checkout.
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())
#: Keys of a file that belong to Hydra and not to the command.
HYDRAS = ("defaults", "hydra")
#: Patterns of groups whose keys users may add and remove.
LISTS = ("hydra", "space", r"phantom\.samples")
#: Groups of conf/ that repeat keys of other groups, and are left out of suggestions.
TABLES = ("space", "thesis")
#: A name of a file, a list of them, of which Hydra takes all, and lists of a --multirun.
NAME = r"""(?!null\b|true\b|false\b)['"]?\d*[a-z]\w*['"]?"""
LIST = rf"\[\s*{NAME}(\s*,\s*{NAME})*\s*\]"
NAMES = re.compile(rf"{LIST}(\s*,\s*({LIST}|{NAME}))*")
#: Names of keys in other libraries, and the keys here.
ELSEWHERE = {
    "batch_size": "batch", "epoch": "epochs", "jobs": "workers", "lr": "learning_rate",
    "n_epochs": "epochs", "n_jobs": "workers", "n_trials": "trials", "num_workers": "workers",
    "max_epochs": "epochs", "max_trials": "trials", "optim": "optimizer", "patch_size": "nbhd",
    "random_state": "seed", "steps_per_epoch": "steps", "timeout": "max_seconds",
}  # fmt: skip


def choices_of(group: str) -> set[str]:
    """Return the names of the files of a group.

    Examples
    --------
    >>> sorted(choices_of("data"))
    ['demo', 'hpc', 'phantom']
    """
    return {file.stem for file in (CONF / group).glob("*.yaml")}


def is_group(key: str) -> bool:
    """Return whether the value of a key is the name of a file in a folder of conf/, or of Hydra's.

    >>> is_group("model"), is_group("hydra/launcher"), is_group("model.name"), is_group("seed")
    (True, True, False, False)
    """
    first, *below = key.split("/")
    folders = (path.name for path in CONF.iterdir() if path.is_dir())
    return first == "hydra" or (not below and key in folders)


@cache
def text_keys() -> frozenset[str]:
    """Return the dotted keys with a string value in any file of ``conf/``, without interpolations.

    >>> sorted(key for key in text_keys() if key.startswith("data."))
    ['data.name', 'data.path', 'data.phantom', 'data.root']
    """
    return frozenset(
        key
        for file in CONF.rglob("*.yaml")
        for key, value in _keys_of(file)
        if isinstance(value, str) and not value.startswith("${")
    )


def package_of(file: Path, source: str) -> tuple[str, ...]:
    """Return the groups that the keys of a file lie in: its folder, or none.

    >>> package_of(CONF / "train" / "sgd.yaml", "epochs: 40")
    ('train',)
    """
    is_global = source.startswith("# @package _global_")
    return () if is_global else file.parent.relative_to(CONF).parts


@cache
def _keys_of(file: Path) -> tuple[tuple[str, Any], ...]:
    """Return the dotted keys of one file, with their defaults; parsing takes long."""
    source = file.read_text(encoding="utf-8")
    package = package_of(file, source)
    tree = yaml.safe_load(source)
    entries = leaves({k: v for k, v in tree.items() if k not in HYDRAS})
    return tuple((".".join([*package, *key]), value) for key, value in entries)


@cache
def own_keys(command: str) -> frozenset[str]:
    """Return the top-level keys of a command, including those of the files it is composed of."""
    tree = yaml.safe_load((CONF / f"{command}.yaml").read_text(encoding="utf-8"))
    keys = {key for key in tree if key not in HYDRAS}
    for entry in tree["defaults"]:
        if isinstance(entry, dict):
            keys |= {group for group in entry if "/" not in group}
        elif entry != "_self_":
            keys |= own_keys(entry)
    return frozenset(keys)


def check_keys(command: str, arguments: Iterable[str]) -> None:
    """Refuse arguments that Hydra accepts, but that are mistakes here.

    Raises
    ------
    UserError
        If an argument is not ``key=value``, has a key that the command does not have, or removes
        one that it needs.
    """
    before, arguments = "", list(arguments)
    legal = own_keys(command) | _of_experiments(arguments)
    for argument in arguments:
        name, equals, value = argument.partition("=")
        key = name.lstrip("+~-")
        first = re.split(r"[./@]", key)[0]
        # a value or an address without a key, after a space
        bare = not equals and name[:1] not in ("-", "~") and not before.startswith("-")
        if bare or (equals and not key) or "://" in name:
            raise UserError(f"an argument must be key=value, but got {argument}.")
        if name.startswith("--") and first in legal:
            raise UserError(f"an argument must be key=value without dashes, but got {argument}.")
        if equals and name[:1] not in ("-", "~") and not _is_own(key, first, legal):
            raise unknown_key(key, command)
        if equals:
            _check_table(command, key, value)
        if name.startswith("~") and not re.match(rf"({'|'.join(LISTS)})\b", key):
            raise UserError(
                "only keys of `space` and `phantom.samples` can be taken away, but got "
                f"{argument}; {key}=null is a value that is not given."
            )
        before = argument


def _of_experiments(arguments: Iterable[str]) -> set[str]:
    """Return the top-level keys that experiments may add to a command, if arguments name one."""
    if not any(argument.lstrip("+").startswith("experiment=") for argument in arguments):
        return set()
    return {key.split(".")[0] for file in (CONF / "experiment").glob("*.yaml")
            for key, _ in _keys_of(file)}  # fmt: skip


def _is_own(key: str, first: str, legal: Container[str]) -> bool:
    """Return whether a key may be one of ``legal``; Hydra checks the parts after the first one."""
    return first == "hydra" or (first in legal and "@" not in key)


def check_given(arguments: Iterable[str]) -> None:
    """Refuse arguments of a shell without a value, as of a variable that is not set.

    The default would be taken, which is another dataset, all sweeps, or no budget.

    Raises
    ------
    UserError
        If there is one.

    Examples
    --------
    >>> check_given(["data.path="])
    Traceback (most recent call last):
    fibsem.errors.UserError: an argument must have a value, but got data.path=; the choices are to \
leave it out, or data.path=null.
    """
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals and not value and not name.startswith("-"):
            files = choices_of(name.lstrip("+"))
            some = f"one of {', '.join(sorted(files))}" if files else f"{argument}null"
            raise UserError(
                f"an argument must have a value, but got {argument}; the choices are to leave it "
                f"out, or {some}."
            )


def _check_table(command: str, key: str, value: str) -> None:
    """Refuse a value for a whole table of keys, unless it names files of the group or has keys."""
    files = choices_of(key)
    if files and value[:1] == "[" and not NAMES.fullmatch(value):
        raise UserError(f"`{key}` must be one of {', '.join(sorted(files))}, but got {value}.")
    free = re.match(rf"({'|'.join(LISTS)})\b", key)
    if not (files or free) and key in _tables(command) and value[:1] != "{":
        raise UserError(f"`{key}` is a table, of which keys are given, {key}.KEY=, not {value}.")


@cache
def _tables(command: str) -> frozenset[str]:
    """Return the dotted keys of a command that have keys below them."""
    groups = (file for group in own_keys(command) for file in (CONF / group).glob("*.yaml"))
    files = (CONF / f"{command}.yaml", CONF / "base.yaml", *groups)
    every = (key.split(".") for file in files for key, _ in _keys_of(file))
    return frozenset(".".join(key[:k]) for key in every for k in range(1, len(key)))


def unknown_key(key: str, command: str) -> UserError:
    """Return the error for a key that a command does not have, with similar keys."""
    every = {name for file in CONF.rglob("*.yaml") for name, _ in _keys_of(file)}
    legal = own_keys(command) - set(TABLES)
    keys = sorted(name for name in every if name.split(".")[0] in legal)
    last = {name: name.rpartition(".")[2] for name in keys}
    word = key.rpartition(".")[2]
    word = ELSEWHERE.get(word, word)
    near = [name for name in keys if last[name] == word]
    near = near or [n for n in keys if last[n] in difflib.get_close_matches(word, last.values())]
    beside = key.rpartition(".")[0]  # keys of the same group come first
    near.sort(key=lambda name: name.rpartition(".")[0] != beside)
    choices = f"; near it are {', '.join(near)}" if near else ""
    return UserError(
        f"a key must be one that the command has, but got {key!r}{choices} "
        f"({Command(command).listing} lists all)."
    )


def leaves(tree: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the leaves of a tree, each with the path of keys to it."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from (((str(key), *rest), leaf) for rest, leaf in leaves(value))
        else:
            yield (str(key),), value
