"""Trees by key: a copy with other values, the hash of what is computed, the folder of a command."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fibsem.config.promotion import SETTINGS
from fibsem.config.reading import Tree, read_path
from fibsem.errors import UserError
from fibsem.system.file_names import file_name

#: Keys that do not change what is computed, only how much of it, where and how it is told.
NOT_IN_THE_HASH = (
    "command",
    "output",
    "tracking",
    "search.trials",
    "search.max_seconds",
    "search.workers",
    "search.isolate",
    "search.storage",
    "search.retries",
    "search.max_failures",
    "search.heartbeat_s",
    "search.grace_s",
    "search.dry_run",
)

#: Of commands that take from a model or from trials what others take from the configuration: all
#: that counts.
IN_THE_HASH_OF = {
    "promote": SETTINGS,
    "segment": (
        "volume", "weights", "range", "voxel_nm", "format", "precision", "probabilities",
        "uncertainty", "missing", "min_volume_nm3", "pattern", "series", "sparse",
    ),
}  # fmt: skip
#: Of those, the ones that name a folder only where they are set: there was a time without them.
WHERE_SET = ("pattern", "series", "sparse")


def with_values(tree: Tree, values: Mapping[str, Any]) -> Tree:
    """A copy of the tree with dotted keys replaced; the keys must exist."""
    changed = copy.deepcopy(tree)
    for key, value in values.items():
        *path, last = key.split(".")
        node = changed
        for part in path:
            node = node.get(part) if isinstance(node, dict) else None  # type: ignore[assignment]
        if not isinstance(node, dict) or last not in node:
            raise UserError(f"a swept key must exist in the configuration, but got {key!r}.")
        node[last] = value
    return changed


def settings_hash(tree: Tree) -> str:
    """Eight hex digits of everything that changes what is computed."""
    kept = copy.deepcopy(tree)
    for key in NOT_IN_THE_HASH:
        *path, last = key.split(".")
        node = kept
        for part in path:
            node = node.get(part, {})
        node.pop(last, None)
    text = json.dumps(kept, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def output_folder(command: str, tree: Tree, dataset: str, *what: str) -> Path:
    """The folder of a command: as given, or one that the same command always gets again."""
    if tree.get("output") not in (None, ""):
        return read_path(tree["output"], "output")
    keys = IN_THE_HASH_OF.get(command, tree)
    counting = {key: tree[key] for key in keys if key not in WHERE_SET or tree[key]}
    return (
        Path("outputs") / command / "-".join([file_name(dataset), *what, settings_hash(counting)])
    )
