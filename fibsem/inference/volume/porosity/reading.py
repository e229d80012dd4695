"""How a film was read: the extent of its material, and the range of its grey values."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.data.dataset.digests import digest_of, slice_digests
from fibsem.data.material import Extent
from fibsem.system.advice import RANGE, VALID
from fibsem.system.records import Stored


@dataclass(frozen=True)
class Reading(Stored):
    """Settings besides the model that the labels of a film depend on.

    Attributes
    ----------
    valid
        ``auto``, ``all``, or ``mask`` followed by the mask's digest.
    left_out
        Number of voxels that are not material.
    value_range
        Grey values that map to 0 and 1.
    """

    valid: str
    left_out: int
    value_range: tuple[float, float]

    @classmethod
    def of(cls, extent: Extent, valid: str, value_range: tuple[float, float]) -> Reading:
        """Create a reading from an extent and the option ``valid``; reads the extent's slices."""
        if extent.mask is not None:
            valid = f"mask {digest_of(list(slice_digests(extent.mask).values()), 12)}"
        return cls(valid, sum(extent.left_out().values()), value_range)

    def unlike(self, other: Reading) -> str | None:
        """Describe how another reading differs; None if both give the same labels.

        Different values of ``valid`` are equivalent if neither leaves voxels out.

        >>> Reading("auto", 9, (0, 255)).unlike(Reading("all", 0, (0, 255)))
        'valid=auto, and not with valid=all'
        """
        if self.valid != other.valid and (self.left_out or other.left_out):
            mine, theirs = self.valid.split()[0], other.valid.split()[0]
            if mine == theirs:
                return f"another mask in `{VALID}`"
            return f"{VALID.at(_choice(mine))}, and not with {VALID.at(_choice(theirs))}"
        if self.value_range != other.value_range:
            (low, high), (bottom, top) = self.value_range, other.value_range
            mine, theirs = f"[{low:g},{high:g}]", f"[{bottom:g},{top:g}]"
            return f"{RANGE.at(mine)}, and not with {RANGE.at(theirs)}"
        return None


def _choice(valid: str) -> str:
    return "PATH of a mask" if valid == "mask" else valid
