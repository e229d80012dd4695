"""Modules by the names that they had before each package got a room of its own.

A registered model carries code that imports them. Where MLflow loads it into a process that has
imported ``fibsem`` already, this package is used, and finds them under their former names.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

#: What the code of such a model imports, and where it is now.
NOW = {
    "fibsem.data.scale": "fibsem.data.dataset.scale",
    "fibsem.data.writers": "fibsem.data.volumes.writers",
    "fibsem.inference.segmenter": "fibsem.inference.model.segmenter",
    "fibsem.inference.slab": "fibsem.inference.volume.labelling.slab",
    "fibsem.inference.volume.outputs": "fibsem.inference.volume.ledger.outputs",
    "fibsem.inference.volume.slab": "fibsem.inference.volume.labelling.slab",
    "fibsem.inference.tiles": "fibsem.inference.tiling.tiles",
    "fibsem.learning": "fibsem.tracking",
    "fibsem.learning.bundle": "fibsem.tracking.bundle",
}


class FormerNames(MetaPathFinder, Loader):
    """Finds a module by its former name: the very module that is imported today."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module of a former name; None for every other one."""
        return ModuleSpec(fullname, self) if fullname in NOW else None

    def exec_module(self, module: ModuleType) -> None:
        """Put today's module in the place of the new, empty one."""
        sys.modules[module.__name__] = import_module(NOW[module.__name__])


def answer_to_former_names() -> None:
    """Let every import find modules by their former names, too."""
    if not any(isinstance(finder, FormerNames) for finder in sys.meta_path):
        sys.meta_path.insert(0, FormerNames())
