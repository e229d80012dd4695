"""Parse numbers, lengths and voxel sizes from manifests and file metadata."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from numbers import Real

from fibsem.data.volumes.faults import SliceError
from fibsem.data.volumes.voxels import UNKNOWN_NM, VoxelNm

#: Nanometres of units by symbol (case-sensitive), and by word.
SYMBOLS = {
    "nm": 1.0, "pm": 1e-3, "Å": 0.1, "m": 1e9, "um": 1e3, "μm": 1e3, r"\u00B5m": 1e3, "mm": 1e6,
    "cm": 1e7, "dm": 1e8, "km": 1e12, "in": 2.54e7, "ft": 3.048e8, "mil": 2.54e4, "thou": 2.54e4,
}  # fmt: skip
WORDS = {
    "ångström": 0.1, "angstrom": 0.1, "micron": 1e3, "inch": 2.54e7,
    **{
        f"{before}met{ending}": nm
        for before, nm in {
            "pico": 1e-3, "nano": 1.0, "micro": 1e3, "milli": 1e6, "centi": 1e7, "deci": 1e8,
            "": 1e9,
        }.items()
        for ending in ("er", "re")
    },
}  # fmt: skip


#: Size of an atom in nm: smaller voxel sizes are not valid, as they are in another unit.
SMALLEST_NM = 0.1
#: A millimetre in nm: no microscope of this field has larger voxels, so they are not valid.
LARGEST_NM = 1e6
#: Smallest unit in nm of which a size of exactly 1 is a default and was not measured.
LARGE_UNIT_NM = 1e3
#: Usual range of voxel sizes of FIB-SEM in nm; values outside are more often in another unit.
USUAL_NM = 1.0, 1e3
#: Largest ratio of the sides of a pixel; 1.27 if a tilt of 52 degrees was not corrected.
SQUARE = 1.5
#: Relative difference up to which voxel sizes count as equal.
SAME_SIZE = 0.05


def finite(value: object) -> float | None:
    """Return a finite number as a float; None for anything else, including booleans.

    >>> finite(3), finite(True), finite(float("inf")), finite("3"), finite(10**400)
    (3.0, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def voxel_size(value: object) -> float | None:
    """Return a number as the side of a voxel in nm; None unless it is from 0.1 nm to 1 mm.

    >>> voxel_size(10), voxel_size(0.01), voxel_size("10"), voxel_size(1e7)
    (10.0, None, None, None)
    """
    nm = finite(value)
    return nm if nm is not None and SMALLEST_NM <= nm <= LARGEST_NM else None


def stated_nm(*voxel_nm: VoxelNm) -> VoxelNm:
    """Return the voxel size that takes each axis from the first size that states it.

    Examples
    --------
    >>> stated_nm((None, None, 8.0), (None, 10.0, 10.0), (50.0, 20.0, 20.0))
    (50.0, 10.0, 8.0)
    """
    z, y, x = (next((nm for nm in axis if nm), None) for axis in zip(*voxel_nm, strict=True))
    return z, y, x


def differing(one: VoxelNm, other: VoxelNm) -> list[str]:
    """Return the axes on which both sizes are known and differ by more than 5 %.

    >>> differing((50.0, None, 10.0), (52.0, 10.0, 20.0))
    ['x']
    """
    return [
        axis
        for axis, a, b in zip("zyx", one, other, strict=True)
        if a and b and not math.isclose(a, b, rel_tol=SAME_SIZE)
    ]


def in_words(voxel_nm: VoxelNm) -> str:
    """Format a voxel size, with ``?`` for an unknown axis.

    >>> in_words((50.0, None, 10.0))
    '50 x ? x 10'
    """
    return " x ".join("?" if nm is None else f"{nm:g}" for nm in voxel_nm)


def unlikely(voxel_nm: VoxelNm, files: VoxelNm = UNKNOWN_NM) -> Iterator[str]:
    """Warn if a voxel size looks like one in another unit, or in another order of the axes.

    A pixel size that the ``files`` themselves state may be far from square.

    >>> list(unlikely((50.0, 10.0, 10.0)))
    []
    >>> next(unlikely((0.5, 0.1, 0.1)))[:67]
    'voxels of 0.5 x 0.1 x 0.1 nm (z, y, x) are finer than FIB-SEM resol'
    >>> next(unlikely((10.0, 10.0, 50.0)))[:44]
    'pixels of 10 x 50 nm (y, x) are far from squ'
    """
    sizes, (finest, coarsest) = [nm for nm in voxel_nm if nm], USUAL_NM
    voxel = f"voxels of {in_words(voxel_nm)} nm (z, y, x) are"
    if sizes and min(sizes) < finest:
        yield f"{voxel} finer than FIB-SEM resolves: were micrometres meant? Sizes are in nm"
    if sizes and max(sizes) > coarsest:
        yield f"{voxel} coarser than FIB-SEM cuts: sizes are in nm, 1000 for a micrometre"
    _, y, x = voxel_nm
    of_files = all(files[1:]) and not differing(voxel_nm, files)
    if y and x and not of_files and max(y, x) > SQUARE * min(y, x):
        yield f"pixels of {y:g} x {x:g} nm (y, x) are far from square: sizes stand as z, y, x"


def agreed_nm(*voxel_nm: VoxelNm) -> VoxelNm:
    """Return the voxel size on which all sizes agree; None on axes that differ or are unknown.

    >>> agreed_nm((100.0, None, 10.0), (50.0, 10.0, 10.0))
    (None, 10.0, 10.0)
    """
    apart = {axis for pair in combinations(voxel_nm, 2) for axis in differing(*pair)}
    sizes = zip("zyx", stated_nm(*voxel_nm), strict=True)
    z, y, x = (None if axis in apart else nm for axis, nm in sizes)
    return z, y, x


def usual_nm(sizes: Sequence[VoxelNm]) -> VoxelNm:
    """Return the voxel size that most slices state along each axis; None where none does.

    >>> usual_nm([(None, 20.0, 20.0), (None, 10.0, 10.0), (50.0, 10.0, 10.1)])
    (50.0, 10.0, 10.0)
    """
    z, y, x = map(_usual, zip(*sizes, strict=True)) if sizes else (None,) * 3
    return z, y, x


def _usual(sizes: Iterable[float | None]) -> float | None:
    """Return the size that equals most sizes within 5 %, the first one in case of a tie."""
    stated = Counter(nm for nm in sizes if nm is not None)

    def votes(nm: float) -> int:
        return sum(
            count for other, count in stated.items() if math.isclose(nm, other, rel_tol=SAME_SIZE)
        )

    return max(stated, key=votes, default=None)


def check_same_nm(voxel_nm: VoxelNm, others: VoxelNm, name: object) -> None:
    """Raise SliceError for a slice with another voxel size than most."""
    if differing(voxel_nm, others):
        raise SliceError(
            f"all slices must have the voxel size (z, y, x) of most, {others} nm, but {name} "
            f"has {voxel_nm}."
        )


def length_nm(value: object, unit: object = "nm") -> float | None:
    """Return a length in nm without its sign, or None if it is no valid voxel size.

    >>> length_nm(-0.05, "um"), length_nm("0,5"), length_nm("nan"), length_nm(3, "pixel")
    (50.0, 0.5, None, None)
    """
    scale = unit_nm(str(unit))
    try:
        nm = abs(float(str(value).replace(",", "."))) * (scale or math.nan)
    except ValueError:
        return None
    return voxel_size(nm)


def axes_nm(*axes: tuple[object, object]) -> VoxelNm:
    """Return the voxel size from the length and unit of each axis, (z, y, x); None where unknown.

    Programs write 1 um, or 1 of a larger unit, for a size that they do not know: along z for single
    images, or along all axes. It counts as unknown along z, and in y and x if neither was measured.

    >>> axes_nm((1, "um"), (0.01, "um"), (0.01, "um")), axes_nm((1, "um"), (1, "um"), (1, "um"))
    ((None, 10.0, 10.0), (None, None, None))
    >>> axes_nm((1, "nm"), (1, "nm"), (1, "nm"))
    (1.0, 1.0, 1.0)
    """
    z, y, x = (length_nm(value, unit) for value, unit in axes)
    measured = [
        nm is not None and not (nm == unit_nm(str(unit)) and nm >= LARGE_UNIT_NM)
        for nm, (_, unit) in zip((z, y, x), axes, strict=True)
    ]
    if not any(measured[1:]):
        y = x = None
    return z if measured[0] else None, y, x


def unit_nm(unit: str) -> float | None:
    """Return the nanometres of a unit of length, singular or plural, or None for any other text.

    >>> unit_nm("Micrometers"), unit_nm("inches"), unit_nm("\u00b5m"), unit_nm("pixel")
    (1000.0, 25400000.0, 1000.0, None)
    """
    text = unicodedata.normalize("NFKC", unit.strip())  # of two signs for micro and for Å one
    word = text.casefold()
    singular = (word, word.removesuffix("s"), word.removesuffix("es"))
    return SYMBOLS.get(text) or next((WORDS[word] for word in singular if word in WORDS), None)
