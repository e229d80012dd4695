"""ImageJ's notes in a TIFF: how many images it holds, and what its values are calibrated to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fibsem.data.volumes.faults import File, SliceError
from fibsem.data.volumes.lengths import finite
from fibsem.system.advice import RANGE

#: What it counts: all images, and those along each axis.
COUNTS = ("images", "slices", "frames", "channels")
#: Numbers of its calibration functions: a straight line, and none.
LINE, NONE = 0, 20


def counts_of(notes: Mapping[str, Any], file: File) -> dict[str, int]:
    """The counts that the notes have, by their names.

    Raises
    ------
    SliceError
        If one of them is no positive whole number.

    Examples
    --------
    >>> counts_of({"ImageJ": "1.54f", "images": 12, "slices": 12}, "film.tif")
    {'images': 12, 'slices': 12}
    """
    counts = {}
    for name in COUNTS:
        count = finite(notes.get(name, 1))
        if count is None or count < 1 or count % 1:
            raise SliceError(
                "the counts in the notes of a TIFF must be positive whole numbers, but "
                f"{file} has {name}={notes[name]}; save it again from the program that made it."
            )
        if name in notes:
            counts[name] = int(count)
    return counts


def check_uncalibrated(notes: Mapping[str, Any], file: File, *, labels: bool = False) -> None:
    """Refuse values that ImageJ shows as others, which may be inverted by it.

    Of grey values it may shift all: that is how it keeps 16 bits with a sign.

    Raises
    ------
    SliceError
        If a calibration makes other values of the stored ones.
    """
    function = notes.get("cf", NONE)
    shift, factor = notes.get("c0", 0), notes.get("c1", 1)
    shifted = function == LINE and factor == 1 and (shift == 0 or not labels)
    if function != NONE and not shifted:
        raise SliceError(
            f"the values of a TIFF must be those that are meant, but {file} has a calibration that "
            f"makes others of them (cf={function}, c0={shift}, c1={factor}); ImageJ applies it "
            f"where it converts the stack to 32 bits, which need their `{RANGE}`."
        )
