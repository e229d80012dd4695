"""The folder of a quantification: it holds what the latest wrote, and nothing of a former one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fibsem.errors import UserError
from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.segmented import Segmented
from fibsem.system.endings import TABLE, each
from fibsem.system.files import known_json, remove
from fibsem.system.identity import Identity, check_others, settle
from fibsem.system.records import typed

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
    """Refuse to write beside the results of another command, or over somebody's own files."""
    check_others(folder, KIND)
    theirs = {*OWN, *MAPS} - set(_made_in(folder))
    if strange := sorted(name for name in theirs if (folder / name).exists()):
        raise UserError(
            f"`output` must be a new folder or hold a quantification, but {folder} holds "
            f"{', '.join(strange)} of somebody's own; the choices are another output or none."
        )


def begin(folder: Path, segmented: Segmented, config: QuantifyConfig) -> None:
    """Make a folder that of one quantification; what a former one left there is removed.

    It measures all anew each time, so nothing of the former is gone on with: beside other figures,
    its tables and volumes would be taken for those of this film.
    """
    now = Identity(KIND, vars(config), {"segmentation": segmented.summary.model})
    if not (made := _made_in(folder)):
        now.write(folder)
        return
    for name in set(MAPS).intersection(made):
        remove(folder / name)
    settle(folder, now, [name for name in made if name not in MAPS], overwrite=True)


@dataclass(frozen=True)
class _Mesh:
    file: str


@dataclass(frozen=True)
class _Made:
    """What a summary names; one of a version before names no tables."""

    tables: tuple[str, ...] | None = None
    mesh: _Mesh | None = None
    maps: tuple[str, ...] = ()


def _made_in(folder: Path) -> tuple[str, ...]:
    """What a quantification has left in a folder; all that one may, if it did not come to its end.

    Nothing where none has been here.
    """
    made = known_json(folder / "summary.json", partial(typed, _Made))
    if made is not None and made.tables is not None:
        mesh = [made.mesh.file] if made.mesh else []
        return ("summary.json", *made.tables, *mesh, *made.maps)
    begun = Identity.beside(folder) is not None or (folder / "summary.json").exists()
    return (*OWN, *MAPS) if begun else ()
