"""Keys of every command, as they stand in ``conf/``: which are texts, and which one may be meant.

**A key is a text where its default in conf/ is one**; the empty text there says that none is given.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fibsem.errors import UserError

PACKAGE = Path(__file__).parent.parent
#: Where the YAML is: inside the package in a wheel, beside it in a checkout.
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())
#: Keys of a file that are not the command's.
HYDRAS = ("defaults", "hydra")
#: What has keys that users choose, so that they can be added and taken away.
LISTS = ("hydra", "space", r"phantom\.samples")
#: Keys of conf/ that hold other keys, which nobody types for what they mean.
TABLES = ("space", "thesis")
#: Names that other libraries have for a key.
ELSEWHERE = {
    "batch_size": "batch", "epoch": "epochs", "jobs": "workers", "lr": "learning_rate",
    "n_epochs": "epochs", "n_jobs": "workers", "n_trials": "trials", "num_workers": "workers",
    "max_epochs": "epochs", "max_trials": "trials", "optim": "optimizer", "patch_size": "nbhd",
    "random_state": "seed", "steps_per_epoch": "steps", "timeout": "max_seconds",
}  # fmt: skip


@cache
def text_keys() -> frozenset[str]:
    """Dotted keys that are texts, in any file of ``conf/``; what is taken from another key is none.

    >>> sorted(key for key in text_keys() if key.startswith("data."))
    ['data.name', 'data.path', 'data.phantom', 'data.root']
    """
    return frozenset(
        key
        for file in CONF.rglob("*.yaml")
        for key, value in _keys_of(file)
        if isinstance(value, str) and not value.startswith("${")
    )


def _keys_of(file: Path) -> Iterator[tuple[str, Any]]:
    """Dotted keys of one file, with their defaults."""
    source = file.read_text(encoding="utf-8")
    group = file.parent.relative_to(CONF).parts
    package = () if source.startswith("# @package _global_") else group
    tree = yaml.safe_load(source)
    for key, value in leaves({k: v for k, v in tree.items() if k not in HYDRAS}):
        yield ".".join([*package, *key]), value


@cache
def own_keys(command: str) -> frozenset[str]:
    """The keys at the top of a command's tree, also of the files that it is made of."""
    tree = yaml.safe_load((CONF / f"{command}.yaml").read_text(encoding="utf-8"))
    keys = {key for key in tree if key not in HYDRAS}
    for part in tree["defaults"]:
        if isinstance(part, dict):
            keys |= {group for group in part if "/" not in group}
        elif part != "_self_":
            keys |= own_keys(part)
    return frozenset(keys)


def check_keys(command: str, arguments: Iterable[str]) -> None:
    """Refuse what Hydra lets a user add or take away, where nobody would ask for it.

    Raises
    ------
    UserError
        If an argument adds a key that the command does not have, or takes one away that it needs.
    """
    before = ""
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        key = name.lstrip("+~-")
        first = re.split(r"[./@]", key)[0]
        # a value, or an address, by itself: behind a space
        bare = not equals and name[:1] not in ("-", "~") and not before.startswith("-")
        if bare or (equals and not key) or "://" in name:
            raise UserError(f"an argument must be key=value, but got {argument}.")
        if name.startswith("--") and first in own_keys(command):
            raise UserError(f"an argument must be key=value without dashes, but got {argument}.")
        if name.startswith("+") and first != "hydra" and first not in own_keys(command):
            raise unknown_key(key, command)
        if name.startswith("~") and not re.match(rf"({'|'.join(LISTS)})\b", key):
            raise UserError(
                "only keys of `space` and `phantom.samples` can be taken away, but got "
                f"{argument}; {key}=null is a value that is not given."
            )
        before = argument


def unknown_key(key: str, command: str) -> UserError:
    """What is said of a key that a command does not have, with those that may be meant."""
    every = {name for file in CONF.rglob("*.yaml") for name, _ in _keys_of(file)}
    own = own_keys(command) - set(TABLES)
    keys = sorted(name for name in every if name.split(".")[0] in own)
    last = {name: name.rpartition(".")[2] for name in keys}
    word = key.rpartition(".")[2]
    word = ELSEWHERE.get(word, word)
    near = [name for name in keys if last[name] == word]
    near = near or [n for n in keys if last[n] in difflib.get_close_matches(word, last.values())]
    beside = key.rpartition(".")[0]  # of the same table first
    near.sort(key=lambda name: name.rpartition(".")[0] != beside)
    choices = f"; near it are {', '.join(near)}" if near else ""
    return UserError(
        f"a key must be one that the command has, but got {key!r}{choices} (--cfg job lists all)."
    )


def leaves(tree: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The leaves of a tree, each with the keys that lead to it."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from (((str(key), *rest), leaf) for rest, leaf in leaves(value))
        else:
            yield (str(key),), value
