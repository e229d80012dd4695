"""The folder of a quantification: it holds what the latest wrote, and nothing of a former one."""

from __future__ import annotations

from pathlib import Path

from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.segmented import Segmented
from fibsem.system.endings import TABLE, each
from fibsem.system.files import known_json, remove
from fibsem.system.identity import Identity, check_others, settle

#: What a quantification calls itself in ``identity.json``.
KIND = "quantification"
#: Tables that it may write, and volumes.
TABLES = ("profile", "correlation", "chords", "parts", "pore_sizes", "transport")
MAPS = ("components.ome.zarr", "thickness.ome.zarr")
#: Every file that it may leave, but for the volumes.
OWN = (
    "summary.json", "surface.stl", "surface.ply",
    *each(TABLES, TABLE),
)  # fmt: skip


def check_free(folder: Path) -> None:
    """Refuse to write beside the results of another command."""
    check_others(folder, KIND)


def begin(folder: Path, segmented: Segmented, config: QuantifyConfig) -> None:
    """Make a folder that of one quantification; what a former one left there is removed.

    It measures all anew each time, so nothing of the former is gone on with: beside other figures,
    its tables and volumes would be taken for those of this film. Where there was none, files of
    these names are somebody's own, and stay.
    """
    now = Identity(KIND, vars(config), {"segmentation": segmented.summary.model})
    if not _holds_one(folder):
        now.write(folder)
        return
    for name in MAPS:
        remove(folder / name)
    settle(folder, now, OWN, overwrite=True)


def _holds_one(folder: Path) -> bool:
    """Whether a quantification has been here, finished or not."""
    return Identity.beside(folder) is not None or known_json(folder / "summary.json") is not None
