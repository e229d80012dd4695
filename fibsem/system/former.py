"""Import modules by the names that they had before the package was split into subpackages.

A registered model carries code that imports these names. If MLflow loads it into a process that
has already imported ``fibsem``, the installed package is used and must resolve them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

#: Current module names by former ones.
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
    """Import finder and loader that resolves a former name to the module of today."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a former name, or None for any other name."""
        return ModuleSpec(fullname, self) if fullname in NOW else None

    def exec_module(self, module: ModuleType) -> None:
        """Replace the new, empty module by the current one."""
        sys.modules[module.__name__] = import_module(NOW[module.__name__])


def answer_to_former_names() -> None:
    """Install the import finder for former module names, once."""
    if not any(isinstance(finder, FormerNames) for finder in sys.meta_path):
        sys.meta_path.insert(0, FormerNames())
