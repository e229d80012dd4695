"""What a ledger enters of slices, and what no segmentation can have entered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fibsem.geometry import Triple


@dataclass(frozen=True)
class SliceRecord:
    """What is known of a slice that was labelled.

    Attributes
    ----------
    pores
        Pore pixels; None for a slice that is missing.
    beside_missing
        Whether a missing slice was replaced in its neighbourhood.
    uncertainty
        Mean over the slice of the standard deviation between members; None where nobody asked.
    why_missing
        What is wrong with a slice that is missing.
    """

    pores: int | None
    beside_missing: bool = False
    uncertainty: float | None = None
    why_missing: str | None = None

    def to_json(self) -> list[Any]:
        entry = [self.pores, self.beside_missing, self.uncertainty]
        return entry if self.why_missing is None else [*entry, self.why_missing]


def check_possible(
    slab: int,
    slabs: Mapping[int, Sequence[SliceRecord]],
    decided: Mapping[str, Any],
    shape: Triple,
) -> None:
    """Refuse entries that no segmentation of a volume of this shape makes.

    Parameters
    ----------
    slab
        Slices of a slab.
    slabs, decided
        Entries by the first slice, and what holds for all of them.

    Raises
    ------
    ValueError
        Says what is impossible.
    """
    depth, pixels = shape[0], shape[1] * shape[2]
    if slab < 1:
        raise ValueError(f"slabs of {slab} slices")
    for start, entries in slabs.items():
        where = f"in the slab of slice {start}"
        if start not in range(0, depth, slab):
            raise ValueError(f"a slab begins at slice {start}")
        if len(entries) != min(slab, depth - start):
            raise ValueError(f"{len(entries)} slices {where}")
        _check_pores([one.pores for one in entries], pixels, where)
        for one in entries:
            spread = one.uncertainty
            if not (spread is None or (isinstance(spread, float | int) and 0 <= spread <= 0.5)):
                raise ValueError(f"an uncertainty of {spread} {where}")
    if "pores_3d" in decided:
        if len(decided["pores_3d"]) != depth:
            raise ValueError(f"pores of {len(decided['pores_3d'])} slices")
        _check_pores(decided["pores_3d"], pixels, "in 3D")


def _check_pores(counts: Sequence[int | None], pixels: int, where: str) -> None:
    """Of slices of so many pixels; None of one that is missing."""
    for count in counts:
        if not (count is None or (type(count) is int and 0 <= count <= pixels)):
            raise ValueError(f"{count} pores of {pixels} pixels {where}")
