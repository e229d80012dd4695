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
        If it is no YAML, or a date or number in it is impossible.

    >>> read_yaml("{name: no, volume: 2024_01_15, labels: null, depth: 1_0}", ["name", "volume"])
    {'name': 'no', 'volume': '2024_01_15', 'labels': None, 'depth': 10}
    """
    loader = yaml.SafeLoader(source)
    try:
        node = loader.get_single_node()
        for text in _texts(node, texts, set()):
            if text.value not in NONE:
                text.tag = TEXT
        return None if node is None else loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    finally:
        loader.dispose()


def _texts(
    node: yaml.Node | None, keys: Collection[str], seen: set[yaml.Node]
) -> Iterator[yaml.ScalarNode]:
    """Scalars behind some keys, wherever they are."""
    if node is None or node in seen:  # an alias may lead back to where it is
        return
    seen.add(node)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _texts(item, keys, seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(value, yaml.ScalarNode) and key.value in keys:
                yield value
            yield from _texts(value, keys, seen)
