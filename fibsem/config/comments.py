"""Comments of the keys in ``conf/``: what stands behind a value, and in the lines below it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fibsem.config.grouped import TYPED
from fibsem.config.keys import CONF, HYDRAS, choices_of, package_of
from fibsem.config.reading import Tree, flat
from fibsem.config.unused import not_read

COMMENT = re.compile(r"\s*#\s?(.*)")


def commented_keys(command: str, tree: Tree) -> Iterator[tuple[str, Any, str]]:
    """Yield dotted key, value and comment for every key that a command reads.

    Keys are those that users type: ``model`` for its name, with the choices as comment.

    Examples
    --------
    >>> tree = {"data": {"name": "demo"}, "train": {"epochs": 9}, "search": {"trials": 9}}
    >>> [*commented_keys("train", tree)]
    [('data', 'demo', 'demo, hpc or phantom'), ('train.epochs', 9, 'maximum number of epochs')]
    """
    comments = _comments_of(command, tree)
    for key, value in flat(tree):
        if key == "command" or not_read(key, command):
            continue
        typed = TYPED.get(key, key)
        group, _, last = typed.rpartition(".")
        if last == "name" and (choices := sorted(choices_of(group))):
            yield group, value, f"{', '.join(choices[:-1])} or {choices[-1]}"
        else:
            yield typed, value, comments.get(typed, comments.get(group, ""))


def _comments_of(command: str, tree: Tree) -> dict[str, str]:
    """Return the comments of the keys of a command by dotted key.

    Parameters
    ----------
    command
        Name of the command.
    tree
        Its configuration: the comments of the files that it chose count before those of others.

    Examples
    --------
    >>> _comments_of("train", {"train": {}})["train.epochs"]
    'maximum number of epochs'
    """
    files = [CONF / "base.yaml", CONF / f"{command}.yaml"]
    for group in (group for group in tree if (CONF / group).is_dir()):
        values = tree[group] if isinstance(tree[group], dict) else {}
        chosen = [CONF / group / f"{name}.yaml" for name in ("default", values.get("name"))]
        others = sorted({*(CONF / group).glob("*.yaml")} - {*chosen})
        files = [*others, *(file for file in chosen if file.is_file()), *files]
    return {key: comment for file in files for key, comment in _comments_in(file)}


@cache
def _comments_in(file: Path) -> tuple[tuple[str, str], ...]:
    """Return dotted key and comment of every value in a file that has one."""
    source = file.read_text(encoding="utf-8")
    root = yaml.compose(source)
    assert isinstance(root, yaml.MappingNode)
    lines, package = source.splitlines(), package_of(file, source)
    comments = ((path, _comment(lines, node)) for path, node in _values(root, package))
    return tuple((".".join(path), comment) for path, comment in comments if comment)


def _values(
    node: yaml.MappingNode, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], yaml.Node]]:
    """Yield the path and node of every value of a file, but Hydra's."""
    for key, value in node.value:
        if path or key.value not in HYDRAS:
            below = (*path, str(key.value))
            if isinstance(value, yaml.MappingNode) and not value.flow_style:
                yield from _values(value, below)
            else:
                yield below, value


def _comment(lines: list[str], value: yaml.Node) -> str:
    """Return the comment behind a value, with the lines below it that continue the comment."""
    number, column = value.end_mark.line, value.end_mark.column
    if number >= len(lines) or not (first := COMMENT.fullmatch(lines[number][column:])):
        return ""
    parts = [first[1]]
    for line in lines[number + 1 :]:
        further = COMMENT.fullmatch(line)
        if further is None or len(line) - len(line.lstrip()) <= value.start_mark.column:
            break
        parts.append(further[1])
    return " ".join(parts)
