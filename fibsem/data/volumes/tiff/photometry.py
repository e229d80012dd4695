"""Conversion of stored values to grey values, according to the photometric tags of a TIFF."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.volumes.faults import File, SliceError
from fibsem.data.volumes.voxels import Voxels

WHITE_IS_0, BLACK_IS_0, PALETTE = 0, 1, 3
NAMES = {2: "RGB", 4: "a transparency mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab"}
COLOUR = "convert it to grey values"
#: Attribute in OME-XML of files written by tifffile.
OME_CREATOR = 'Creator="tifffile'
#: Tags that change the meaning of stored values, and the remedy.
GDAL_METADATA, GRAY_RESPONSE_CURVE = 42112, 291
GDAL_SCALE = re.compile(r"""role=["']scale["'][^>]*>\s*([^<\s]+)""", re.IGNORECASE)
ONE = re.compile(r"\+?0*1(?:\.0*)?(?:[eE][+-]?0+)?")
APPLY = "store the values that are meant, without the tag"


@dataclass(frozen=True)
class Tone:
    """How the stored values of a page become grey values.

    Attributes
    ----------
    white
        Grey value of a stored 0, if the file stores 0 as white; else None.
    table
        Grey value of each stored value, if these are indices of a grey palette; else None.
    truth
        Whether the file declares 0 as white, but holds booleans according to its metadata.
    """

    white: int | None = None
    table: bytes | None = None
    truth: bool = False

    def contradicts(self, other: Tone) -> bool:
        """Whether both declare 0 as white, but only one of them holds booleans."""
        return (self.truth and other.white is not None) or (other.truth and self.white is not None)

    def grey(self, stored: Voxels) -> Voxels:
        """Convert stored values to grey values of the same dtype."""
        greys = self.greys(stored.dtype)
        return self.label(stored) if greys is None else greys[stored]

    def label(self, stored: Voxels) -> Voxels:
        """Convert stored values to label values of the same dtype; palette indices are kept."""
        if self.white is None:
            return stored
        return ~stored if stored.dtype == np.bool_ else stored.dtype.type(self.white) - stored

    def greys(self, dtype: np.dtype[Any]) -> npt.NDArray[Any] | None:
        """Return the grey values of the palette, or None without one."""
        return None if self.table is None else np.frombuffer(self.table, dtype.newbyteorder("="))


def tone_of(page: Any, first: Any, file: File, *, labels: bool) -> Tone:
    """Return how to read the values of a page as grey values or labels.

    A palette of colours does not matter for labels, which are its indices. Metadata for all pages
    is in the ``first`` page of the file.

    Raises
    ------
    SliceError
        If the page is in colour, if 0 is white and the values are not unsigned integers, or if
        other tags change the meaning of its values.
    """
    _check_scale(page, file)
    if 262 not in page.tags or page.photometric == BLACK_IS_0:
        _check_curve(page, file)
        return Tone()
    if page.photometric == WHITE_IS_0:
        truth = _truth_values(page, first)
        return Tone(truth=True) if truth else Tone(white=_white(page, file))
    if page.photometric == PALETTE:
        table = _palette(page)
        if table is None and not labels:
            raise SliceError(
                f"a slice must be grey, but {file} has a palette of colours; {COLOUR}."
            )
        same = table is None or np.array_equal(table, np.arange(len(table)))
        return Tone() if table is None or same else Tone(table=table.tobytes())
    kind = NAMES.get(page.photometric, f"photometric {page.photometric}")
    raise SliceError(f"a slice must be grey, but {file} is {kind}; {COLOUR}.")


def _check_scale(page: Any, file: File) -> None:
    """Raise SliceError if GDAL displays scaled values; a shift of all grey values is allowed."""
    text = page.tags.valueof(GDAL_METADATA, default="")
    scale = GDAL_SCALE.search(str(text))
    if scale and not ONE.fullmatch(scale[1]):
        raise SliceError(
            f"the values of a TIFF must be those that are meant, but {file} has a scale of GDAL "
            f"that makes others of them ({scale[1]}); {APPLY}."
        )


def _check_curve(page: Any, file: File) -> None:
    """Raise SliceError if optical densities grow with the stored values: large ones are dark."""
    curve = page.tags.valueof(GRAY_RESPONSE_CURVE, default=())
    if isinstance(curve, tuple) and len(curve) > 1 and curve[0] < curve[-1]:
        raise SliceError(
            f"a slice that stores 0 as black must have it dark, but {file} has a gray response "
            f"curve in which 0 is bright; {APPLY}."
        )


def _truth_values(page: Any, first: Any) -> bool:
    """Whether tifffile wrote the page, which declares 0 as white for all boolean images.

    A program that uses tifffile may give its own name, but the shape that tifffile notes remains,
    or the creator in OME-XML. All of it is in the first page only.
    """
    noted = first.is_shaped or first.software.startswith("tifffile")
    return page.bitspersample == 1 and (noted or OME_CREATOR in first.description)


def _white(page: Any, file: File) -> int:
    """Return the largest value that a page can store."""
    if page.dtype is None or page.dtype.kind not in "bu":
        raise SliceError(
            f"a slice that stores 0 as white must have unsigned whole numbers, but {file} has "
            f"{page.dtype}; {COLOUR} with 0 as black."
        )
    return int(2**page.bitspersample - 1)


def _palette(page: Any) -> npt.NDArray[Any] | None:
    """Return the grey values of a palette, or None if it has colours."""
    colours = page.colormap
    if colours is None or (colours != colours[:1]).any():
        return None
    # 16 bits each, but some programs fill only the lower 8
    shift = 8 if colours.max() > 255 and page.bitspersample <= 8 else 0
    table: npt.NDArray[Any] = (colours[0] >> shift).astype(page.dtype)
    return table
