"""A finished segmentation as a film to be measured; what is no such thing is said in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fibsem.analysis.structure.film import NEITHER, PORE, SOLID, Film, Phases, Spacing
from fibsem.data.volumes import Manner, Volume, VoxelNm, reopen
from fibsem.data.volumes.lengths import finite
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.volume.outputs import meanings_of
from fibsem.system.files import known_json
from fibsem.system.identity import LEDGER

#: Keys of the summary of a segmentation that are needed here.
NEEDED = ("labels", "classes", "voxel_nm", "shape", "missing", "porosity")
#: What no label value of a segmentation stands for.
UNDECLARED = 255
#: Shares that differ by less are the same: both are counted from the same labels.
SAME_SHARE = 1e-9


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

    def told_interval(self, porosity: float) -> Mapping[str, Any]:
        """What the segmentation says of its porosity, if the labels are still those it is of.

        Labels may be mended by hand: an interval that was told before is then of another film.
        """
        before = self.record["porosity"]
        if abs(before - porosity) < SAME_SHARE:
            keys = ("porosity_corrected", "porosity_ci", "porosity_interval", "porosity_by_member")
            return {key: self.record.get(key) for key in keys}
        why = (
            "the labels were changed after they were segmented, when their porosity was "
            f"{100 * before:.2f} %"
        )
        return {"porosity_interval": {"volume": None, "why": why}}


def open_segmented(folder: Path) -> Segmented:
    """Open the folder of a finished segmentation.

    Raises
    ------
    UserError
        If it is none, is not finished, or its labels cannot be read.
    """
    record = known_json(folder / "summary.json")
    if not isinstance(record, dict) or not record.keys() >= set(NEEDED):
        record = None  # of another command
    _check_finished(folder, record)
    if record is None:
        raise UserError(
            "`segmentation` must be a folder of fibsem.segment, with its summary.json, but "
            f"{folder} is {'not one' if folder.is_dir() else 'not there'}."
        )
    _check_record(folder, record)
    labels = reopen(folder / record["labels"], Manner(labels=True))
    if list(labels.shape) != record["shape"]:
        raise UserError(
            f"`segmentation` must hold labels of {record['shape']} voxels, but {labels.path} has "
            f"{list(labels.shape)}; segment again."
        )
    pore, solid = record["classes"]
    spacing = _spacing(record["voxel_nm"])
    film = Film(labels.shape, spacing or (1.0, 1.0, 1.0), _phases_of(labels, (pore, solid)))
    return Segmented(folder, record, film, "nm" if spacing else "voxels")


def _phases_of(labels: Volume, classes: tuple[int, int]) -> Callable[[Box], Phases]:
    """Function that reads a box of labels as pores, solid and neither."""
    table = np.full(256, UNDECLARED, np.uint8)
    table[[meaning.value for meaning in meanings_of(classes)]] = NEITHER
    table[list(classes)] = (PORE, SOLID)

    def read(box: Box) -> Phases:
        values = labels.read(box)
        small = values.astype(np.uint8, copy=False)
        phases = table[small]
        wrong = (phases == UNDECLARED) | (small != values)
        if wrong.any():
            raise _undeclared(values[wrong][0], labels, classes)
        return phases

    return read


def _undeclared(value: Any, labels: Volume, classes: tuple[int, int]) -> UserError:
    known = ", ".join(f"{meaning.value} ({meaning.name})" for meaning in meanings_of(classes))
    return UserError(
        f"label values must be those of the segmentation, but {labels.path} holds {value}; they "
        f"are {known}."
    )


def _check_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Refuse a summary that cannot be what ``fibsem.segment`` wrote."""
    shape_is_fine = _are(record["shape"], 3, lambda n: type(n) is int and n >= 1)
    depth = record["shape"][0] if shape_is_fine else 0
    classes = record["classes"]
    legal = {
        "shape": shape_is_fine,
        "labels": isinstance(record["labels"], str),
        "classes": _are(classes, 2, lambda n: type(n) is int and 0 <= n < 256)
        and classes[0] != classes[1],
        "voxel_nm": _are(record["voxel_nm"], 3, lambda nm: nm is None or (finite(nm) or 0) > 0),
        "missing": _are(record["missing"], None, lambda z: type(z) is int and 0 <= z < depth),
        "porosity": finite(record["porosity"]) is not None,
    }
    for key, fine in legal.items():
        if not fine:
            raise UserError(
                f"a record must be whole, but {folder / 'summary.json'} is damaged ({key}: "
                f"{record[key]!r}); segment again."
            )


def _are(values: object, count: int | None, legal: Callable[[Any], bool]) -> bool:
    """Whether a value is a list of so many, each of which is legal."""
    return isinstance(values, list) and count in (None, len(values)) and all(map(legal, values))


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
