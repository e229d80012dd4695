"""Which voxels of a volume are material, slice by slice."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.parts import KINDS, KeptPart, Kind, KindArray, Part, code, part_of
from fibsem.data.volumes import Volume
from fibsem.data.volumes.covered import Inside
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple
from fibsem.system.advice import VALID
from fibsem.system.records import Stored

BoolArray = npt.NDArray[np.bool_]

#: Number of voxels left out, by kind.
Left = dict[Kind, int]


@dataclass(frozen=True)
class KeptExtent(Stored):
    """The parts of a volume without material by slice, and the warnings, as a ledger keeps them."""

    parts: dict[str, tuple[KeptPart, ...]]
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Extent:
    """The parts of a volume that show no material.

    Attributes
    ----------
    shape
        Shape of the volume, (z, y, x).
    parts
        Parts without material by slice; a slice that is not listed is all material.
    mask
        The user's mask, in place of a search: 0 is not material. It has the shape of the volume,
        or one slice that holds for all.
    doubts
        Warnings about areas with the value of fill, but not its shape, which are measured.

    Examples
    --------
    >>> from fibsem.data.volumes import ArrayVolume
    >>> mask = np.ones((1, 4, 6), np.uint8)  # one slice that holds for all
    >>> mask[:, :, :2] = 0
    >>> extent = Extent((10, 4, 6), mask=ArrayVolume(mask))
    >>> extent.pixels(0), extent.is_blank(0), extent.left_out()
    (16, False, {'mask': 80})
    """

    shape: Triple
    parts: Mapping[int, tuple[Part, ...]] = field(default_factory=dict)
    mask: Volume | None = None
    doubts: tuple[str, ...] = ()

    def kinds(self, z: int) -> KindArray | None:
        """Return the codes of a slice, (y, x) uint8, 0 for material; None if all is material."""
        if self.mask is not None:
            kinds = (self._masked(z) == 0).astype(np.uint8) * np.uint8(code("mask"))
            return kinds if kinds.any() else None
        parts = self.parts.get(z, ())
        if not parts:
            return None
        kinds = np.zeros(self.shape[1:], np.uint8)
        for part in parts:
            part.paint(kinds)
        return kinds

    def _masked(self, z: int) -> npt.NDArray[Any]:
        assert self.mask is not None
        k = z if self.mask.shape[0] > 1 else 0
        values = self._values(k)
        inside = values[values != 0]
        if inside.size and (inside != self._material).any():
            raise UserError(
                f"a mask of `{VALID}` must hold 0, where there is none, and one other value, but "
                f"{self.mask.path} holds {self._material} and, in slice {k}, "
                f"{inside[inside != self._material][0]}, of which either may be meant."
            )
        return values

    def _values(self, k: int) -> npt.NDArray[Any]:
        assert self.mask is not None
        return self.mask.read(Box((k, 0, 0), (k + 1, *self.shape[1:])))[0]

    @cached_property
    def _material(self) -> Any:
        """The first value other than 0 in the mask; None if there is none."""
        assert self.mask is not None
        marked = (values[values != 0] for values in map(self._values, range(self.mask.shape[0])))
        return next((inside[0] for inside in marked if inside.size), None)

    def inside(self, z: int) -> BoolArray | None:
        """Return whether each pixel of a slice is material, (y, x) bool; None if all are."""
        kinds = self.kinds(z)
        return None if kinds is None else kinds == 0

    @property
    def masked(self) -> Inside | None:
        """The method `inside` if there is a user's mask, else None."""
        return None if self.mask is None else self.inside

    def is_blank(self, z: int) -> bool:
        """Whether no pixel of a slice is material."""
        inside = self.inside(z)
        return inside is not None and not inside.any()

    def pixels(self, z: int) -> int:
        """Return the number of pixels of a slice that are material."""
        inside = self.inside(z)
        return self.shape[1] * self.shape[2] if inside is None else int(np.count_nonzero(inside))

    def stand_in(self, z: int, missing: Container[int] = ()) -> int:
        """Return z, or the nearest slice with material if z has none or is missing.

        ``missing`` may grow while slices are examined.
        """

        def shows(k: int) -> bool:
            return not self.is_blank(k) and k not in missing

        if shows(z):
            return z
        nearest = sorted(range(self.shape[0]), key=lambda k: (abs(k - z), k))
        return next((k for k in nearest if shows(k)), z)

    def left_out(self, slices: Iterable[int] | None = None) -> Left:
        """Count the voxels that are not material in ``slices`` or in all, by kind; omits zeros."""
        counts = np.zeros(len(KINDS) + 1, np.int64)
        numbers = range(self.shape[0]) if self.mask is not None else self.parts
        for z in numbers if slices is None else slices:
            kinds = self.kinds(z)
            if kinds is not None:
                counts += np.bincount(kinds.ravel(), minlength=counts.size)
        return {kind: int(n) for kind, n in zip(KINDS, counts[1:], strict=True) if n}

    def report(self) -> Iterator[str]:
        """Yield lines on what is left out, and the warnings."""
        size, left = self.shape[0] * self.shape[1] * self.shape[2], self.left_out()
        if left:
            parts = ", ".join(f"{kind} {100 * n / size:.2f} %" for kind, n in left.items())
            yield (
                f"{100 * sum(left.values()) / size:.2f} % of the volume shows no material and is "
                f"left out: {parts}; {VALID.at('all')} measures it, too"
            )
        for doubt in self.doubts:
            yield f"warning: {doubt}"

    @property
    def as_kept(self) -> KeptExtent:
        """The record that a ledger keeps, without the mask, which the user gives again."""
        parts = {str(z): tuple(part.as_kept for part in group) for z, group in self.parts.items()}
        return KeptExtent(parts, self.doubts)

    def with_parts(self, record: KeptExtent) -> Extent:
        """Return this extent with the parts and warnings that a ledger keeps."""
        parts = {int(z): tuple(map(part_of, group)) for z, group in record.parts.items()}
        return replace(self, parts=parts, doubts=record.doubts)
