"""A finished segmentation as a film to be measured; what is no such thing is said in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fibsem.analysis.structure.film import NEITHER, PORE, SOLID, Film, Phases, Spacing
from fibsem.data.volumes import VoxelNm, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.volume.ledger import LEDGER
from fibsem.system.files import known_json

#: Keys of the summary of a segmentation that are needed here.
NEEDED = ("labels", "classes", "voxel_nm", "shape", "missing", "porosity")


@dataclass(frozen=True)
class Segmented:
    """A finished segmentation.

    Attributes
    ----------
    folder
        Of ``fibsem.segment``.
    record
        Its summary.
    film
        Its labels as pores, solid and neither; in nanometres, or in voxels that are taken as cubes
        where their size is not known.
    unit
        ``nm`` or ``voxels``.
    """

    folder: Path
    record: Mapping[str, Any]
    film: Film
    unit: str

    @property
    def voxel_nm(self) -> VoxelNm:
        """Size of a voxel as it is known, (z, y, x)."""
        z, y, x = self.record["voxel_nm"]
        return z, y, x

    @property
    def missing(self) -> tuple[int, ...]:
        """Slices that are missing in the segmented volume."""
        return tuple(self.record["missing"])


def open_segmented(folder: Path) -> Segmented:
    """Open the folder of a finished segmentation.

    Raises
    ------
    UserError
        If it is none, is not finished, or its labels cannot be read.
    """
    record = known_json(folder / "summary.json", keys=NEEDED)
    _check_finished(folder, record)
    if record is None:
        raise UserError(
            "`segmentation` must be a folder of fibsem.segment, with its summary.json, but "
            f"{folder} is {'not one' if folder.is_dir() else 'not there'}."
        )
    labels = open_volume(folder / record["labels"])
    if list(labels.shape) != record["shape"] or labels.dtype != np.uint8:
        raise UserError(
            f"`segmentation` must hold labels of {record['shape']} voxels, but {labels.path} has "
            f"{list(labels.shape)} of {labels.dtype}; segment again."
        )
    table = np.full(256, NEITHER, np.uint8)
    table[record["classes"]] = (PORE, SOLID)

    def read(box: Box) -> Phases:
        return table[labels.read(box)]

    spacing = _spacing(record["voxel_nm"])
    film = Film(labels.shape, spacing or (1.0, 1.0, 1.0), read)
    return Segmented(folder, record, film, "nm" if spacing else "voxels")


def _check_finished(folder: Path, record: Mapping[str, Any] | None) -> None:
    """Refuse a segmentation of which slices are not labelled yet; says how many are."""
    ledger = known_json(folder / LEDGER, keys=("slabs", "key"))
    if ledger is None:
        return
    done = sum(map(len, ledger["slabs"].values()))
    volume = ledger["key"].get("volume")
    shape = volume.get("shape") if isinstance(volume, dict) else record and record["shape"]
    if record is None or (shape and done < shape[0]):
        of = f" of {shape[0]}" if shape else ""
        raise UserError(
            f"`segmentation` must be finished, but of {folder} {done}{of} slices are labelled; the "
            "same fibsem.segment goes on."
        )


def _spacing(voxel_nm: list[float | None]) -> Spacing | None:
    """Size of a voxel, if it is known on every axis."""
    known = [float(nm) for nm in voxel_nm if nm]
    return (known[0], known[1], known[2]) if len(known) == 3 else None
