"""A YAML reader that keeps texts as written and reads numbers as decimal.

Plain YAML turns a folder ``2024_01_15`` into the number 20240115 and a sample ``no`` into *false*;
here the key decides whether its value is a text. Plain YAML also reads a size of ``050`` as
octal (40), and ``1:30`` as 90 seconds.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Collection, Iterator
from typing import Any

import yaml

#: Ways to write an absent value.
NONE = ("", "null")
TEXT, WHOLE, FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float"))


#: Abbreviated repr of a value for messages: a few lines with YAML aliases may expand enormously.
_short = reprlib.Repr()
_short.maxlevel, _short.maxstring, _short.maxother = 2, 200, 200
shown = _short.repr


class _Loader(yaml.SafeLoader):
    """YAML loader with the numbers of YAML 1.2, where leading zeros have no meaning."""


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 16 if "x" in text else 10)


_FIRST = list("-+.0123456789")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag not in (WHOLE, FLOAT)]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor(WHOLE, _integer)
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
    """Parse YAML, reading the value of every key in ``texts`` as a text or null.

    Raises
    ------
    yaml.YAMLError, ValueError
        If it is not valid YAML, a key occurs twice, or a date or number is impossible.

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
    """Yield every mapping at any depth, each once."""
    if node is None or node in visited:  # an alias may refer to a node that contains it
        return
    visited.add(node)
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        inner = node.value
    elif isinstance(node, yaml.MappingNode):
        yield node
        inner = [child for pair in node.value for child in pair]
    for child in inner:
        yield from _mappings(child, visited)


def _check_once(mapping: yaml.MappingNode) -> None:
    """Raise an error for a duplicate key, of which YAML would silently keep the last value."""
    keys: set[str] = set()
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} occurs twice", key.start_mark
                )
            keys.add(key.value)
