"""YAML whose texts stay as people wrote them.

YAML makes the number 20240115 of a folder called ``2024_01_15``, and *false* of a sample ``no``. It
is the key that says what is meant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import yaml

#: What says that there is none.
NONE = ("", "null")
TEXT = "tag:yaml.org,2002:str"


def read_yaml(source: str, texts: Collection[str]) -> Any:
    """Read YAML; whatever stands behind one of the keys in ``texts`` is a text, or null.

    Raises
    ------
    yaml.YAMLError, ValueError
        If it is no YAML, a key occurs twice, or a date or number in it is impossible.

    >>> read_yaml("{name: no, volume: 2024_01_15, labels: null, depth: 1_0}", ["name", "volume"])
    {'name': 'no', 'volume': '2024_01_15', 'labels': None, 'depth': 10}
    """
    loader = yaml.SafeLoader(source)
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


def _mappings(node: yaml.Node | None, seen: set[yaml.Node]) -> Iterator[yaml.MappingNode]:
    """Every mapping, wherever it is."""
    if node is None or node in seen:  # an alias may lead back to where it is
        return
    seen.add(node)
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        inner = node.value
    elif isinstance(node, yaml.MappingNode):
        yield node
        inner = [part for pair in node.value for part in pair]
    for part in inner:
        yield from _mappings(part, seen)


def _check_once(mapping: yaml.MappingNode) -> None:
    """YAML keeps the last of several values, without a word of the others."""
    seen: set[str] = set()
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} occurs twice", key.start_mark
                )
            seen.add(key.value)
