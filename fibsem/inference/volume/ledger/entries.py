"""The record of a ledger: slices by slab, with checks of impossible entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fibsem.geometry import Triple
from fibsem.inference.volume.ledger.decisions import Decisions


@dataclass(frozen=True)
class SliceRecord:
    """The entry of a labelled slice.

    Attributes
    ----------
    pores
        Pore pixels; None for a slice that is missing or has no material.
    beside_missing
        Whether a missing slice was replaced in its neighbourhood.
    spread
        Mean over the slice of one standard deviation between members; None unless requested.
    why_missing
        Reason why a missing slice could not be read.
    """

    pores: int | None
    beside_missing: bool = False
    spread: float | None = None
    why_missing: str | None = None

    def to_json(self) -> list[Any]:
        """Return the entry of the slice as a list; a reason is its last item."""
        entry = [self.pores, self.beside_missing, self.spread]
        return entry if self.why_missing is None else [*entry, self.why_missing]

    @classmethod
    def from_json(cls, entry: Sequence[Any]) -> SliceRecord:
        """Create a record from an entry of :meth:`to_json`."""
        return cls(*entry)


#: Entry of a slice in JSON; missing slices have a reason, and entries of earlier versions have no
#: spread.
Entry = (
    tuple[int | None, bool]
    | tuple[int | None, bool, float | None]
    | tuple[int | None, bool, float | None, str | None]
)


@dataclass(frozen=True)
class LedgerRecord:
    """The record of a ledger; in earlier versions ``key.volume`` is a digest."""

    key: dict[str, object]
    slab: int
    decided: Decisions
    slabs: dict[str, list[Entry]]
    read: dict[str, str] | None = None
    stamp: str | None = None

    def __post_init__(self) -> None:
        volume = self.key.get("volume")
        if not isinstance(volume.get("digest") if isinstance(volume, dict) else volume, str):
            raise ValueError("`key.volume` has no digest")
        for z in (*self.slabs, *(self.read or ())):
            if not z.isdecimal():
                raise ValueError(f"a slice must be a number, but got {z}")


def check_possible(
    slab: int,
    slabs: Mapping[int, Sequence[SliceRecord]],
    decided: Decisions,
    shape: Triple,
) -> None:
    """Refuse entries that no segmentation of a volume of this shape can have.

    Parameters
    ----------
    slab
        Number of slices in a slab.
    slabs, decided
        Entries of slabs by their first slice, and decisions for all slabs.

    Raises
    ------
    ValueError
        If an entry is impossible.
    """
    depth, pixels = shape[0], shape[1] * shape[2]
    if slab < 1:
        raise ValueError(f"slabs of {slab} slices")
    for start, entries in slabs.items():
        of_slab = f"in the slab of slice {start}"
        if start not in range(0, depth, slab):
            raise ValueError(f"a slab begins at slice {start}")
        if len(entries) != min(slab, depth - start):
            raise ValueError(f"{len(entries)} slices {of_slab}")
        _check_pores([entry.pores for entry in entries], pixels, of_slab)
        for entry in entries:
            spread = entry.spread
            if not (spread is None or (isinstance(spread, float | int) and 0 <= spread <= 0.5)):
                raise ValueError(f"a spread of {spread} {of_slab}")
    if decided.pores_3d is not None:
        if len(decided.pores_3d) != depth:
            raise ValueError(f"pores of {len(decided.pores_3d)} slices")
        _check_pores(decided.pores_3d, pixels, "in 3D")


def _check_pores(counts: Sequence[int | None], pixels: int, of_slab: str) -> None:
    """Refuse pore counts that slices of ``pixels`` pixels cannot have; None is a missing slice."""
    for count in counts:
        if not (count is None or (type(count) is int and 0 <= count <= pixels)):
            raise ValueError(f"{count} pores of {pixels} pixels {of_slab}")
