"""YAML whose texts stay as people wrote them, and whose numbers are decimal.

YAML makes the number 20240115 of a folder called ``2024_01_15``, and *false* of a sample ``no``. It
is the key that says what is meant. Of a size of ``050`` it makes 40, an octal number, and of
``1:30`` 90 seconds.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Collection, Iterator
from typing import Any

import yaml

#: What says that there is none.
NONE = ("", "null")
TEXT, WHOLE, FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float"))


#: Shows a value, and of a large or nested one its beginning: aliases make much of few lines.
_short = reprlib.Repr()
_short.maxlevel, _short.maxstring, _short.maxother = 2, 200, 200
shown = _short.repr


class _Loader(yaml.SafeLoader):
    """Numbers as in YAML 1.2, in which zeros before them mean nothing."""


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 16 if "x" in text else 10)


_FIRST = list("-+.0123456789")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag not in (WHOLE, FLOAT)]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor(WHOLE, _whole)
_Loader.add_implicit_resolver(WHOLE, re.compile(r"(?:[-+]?[0-9][0-9_]*|0x[0-9a-fA-F]+)$"), _FIRST)
_Loader.add_implicit_resolver(
    FLOAT,
    re.compile(
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"
        r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
    ),
    _FIRST,
)


def read_yaml(source: str, texts: Collection[str]) -> Any:
    """Read YAML; whatever stands behind one of the keys in ``texts`` is a text, or null.

    Raises
    ------
    yaml.YAMLError, ValueError
        If it is no YAML, a key occurs twice, or a date or number in it is impossible.

    >>> read_yaml("{name: no, volume: 2024_01_15, labels: null, depth: 1_0}", ["name", "volume"])
    {'name': 'no', 'volume': '2024_01_15', 'labels': None, 'depth': 10}
    >>> read_yaml("{x: 050, y: 08.50, z: 1e2, t: 1:30}", [])
    {'x': 50, 'y': 8.5, 'z': 100.0, 't': '1:30'}
    """
    loader = _Loader(source)
    try:
        node = loader.get_single_node()
        for mapping in _mappings(node, set()):
            _check_once(mapping)
            for key, value in mapping.value:
                if isinstance(value, yaml.ScalarNode) and key.value in texts:
                    value.tag = value.tag if value.value in NONE else TEXT
        return None if node is None else loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    finally:
        loader.dispose()


def _mappings(node: yaml.Node | None, visited: set[yaml.Node]) -> Iterator[yaml.MappingNode]:
    """Every mapping, wherever it is."""
    if node is None or node in visited:  # an alias may lead back to where it is
        return
    visited.add(node)
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        inner = node.value
    elif isinstance(node, yaml.MappingNode):
        yield node
        inner = [part for pair in node.value for part in pair]
    for part in inner:
        yield from _mappings(part, visited)


def _check_once(mapping: yaml.MappingNode) -> None:
    """YAML keeps the last of several values, without a word of the others."""
    keys: set[str] = set()
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} occurs twice", key.start_mark
                )
            keys.add(key.value)
