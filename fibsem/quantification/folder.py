"""Output folder of a quantification: it contains the files of the latest one only."""

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

#: Kind of result in ``identity.json``.
KIND = "quantification"
#: Names of the tables and volumes that a quantification may write.
TABLES = ("profile", "correlation", "chords", "parts", "pore_sizes", "transport")
MAPS = ("components.ome.zarr", "thickness.ome.zarr")
#: Every file that it may write, without the volumes.
OWN = (
    "summary.json", "surface.stl", "surface.ply",
    *each(TABLES, TABLE),
)  # fmt: skip


def check_free(folder: Path) -> None:
    """Raise ``UserError`` if a folder has results of another command, or files of the user.

    Only user files with names that a quantification would write count.
    """
    check_others(folder, KIND)
    theirs = {*OWN, *MAPS} - set(_made_in(folder))
    if strange := sorted(name for name in theirs if (folder / name).exists()):
        raise UserError(
            f"`output` must be a new folder or hold a quantification, but {folder} holds "
            f"{', '.join(strange)} of somebody's own; the choices are another output or none."
        )


def begin(folder: Path, segmented: Segmented, config: QuantifyConfig) -> None:
    """Prepare the folder of a quantification, and remove the files of the previous one.

    A quantification never resumes: stale tables and volumes would be taken for those of this film.
    """
    now = Identity(KIND, vars(config), {"segmentation": segmented.summary.model})
    if not (made := _made_in(folder)):
        now.write(folder)
        return
    for name in set(MAPS).intersection(made):
        remove(folder / name)
    settle(folder, now, [name for name in made if name not in MAPS], overwrite=True)


@dataclass(frozen=True)
class _MeshFile:
    file: str


@dataclass(frozen=True)
class _Made:
    """Files that a summary names; ``tables`` is None in summaries of older versions."""

    tables: tuple[str, ...] | None = None
    mesh: _MeshFile | None = None
    maps: tuple[str, ...] = ()


def _made_in(folder: Path) -> tuple[str, ...]:
    """Return the files of the previous quantification in a folder, or () if there was none.

    If it did not finish, all files that it may have written. Other names in a summary, which
    somebody may have written, are none of its files.
    """
    made = known_json(folder / "summary.json", partial(typed, _Made))
    if made is not None and made.tables is not None:
        mesh = [made.mesh.file] if made.mesh else []
        return ("summary.json", *sorted({*made.tables, *mesh, *made.maps} & {*OWN, *MAPS}))
    begun = Identity.beside(folder) is not None or (folder / "summary.json").exists()
    return (*OWN, *MAPS) if begun else ()
