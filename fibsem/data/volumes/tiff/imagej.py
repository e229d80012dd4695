"""ImageJ metadata of a TIFF: the number of images, and the calibration of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fibsem.data.volumes.faults import File, SliceError
from fibsem.data.volumes.lengths import finite
from fibsem.system.advice import RANGE

#: Keys of counts: all images, and those along each axis.
COUNTS = ("images", "slices", "frames", "channels")
#: Codes of calibration functions: a straight line, and none.
LINE, NONE = 0, 20


def counts_of(notes: Mapping[str, Any], file: File) -> dict[str, int]:
    """Return the counts in the metadata by key.

    Raises
    ------
    SliceError
        If a count is not a positive integer.

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
    """Raise SliceError if ImageJ displays other values than the stored ones, such as inverted ones.

    A shift of all grey values is allowed, as ImageJ stores signed 16-bit integers like this.

    Raises
    ------
    SliceError
        If a calibration changes the stored values.
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
