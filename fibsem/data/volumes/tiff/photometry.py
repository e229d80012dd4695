"""From stored values to grey values: what a TIFF says that its darkest and brightest are."""

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
#: How OME-XML says that tifffile wrote it.
OME_CREATOR = 'Creator="tifffile'
#: Tags that make other values of the stored ones, and what helps.
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
        The value that is 0 in the file, where it stores 0 as white; else None.
    table
        Grey values of the stored ones, where they are numbers in a palette of greys; else None.
    truth
        Whether 0 is called white, but truth values are meant, as the writer's notes tell.
    """

    white: int | None = None
    table: bytes | None = None
    truth: bool = False

    def contradicts(self, other: Tone) -> bool:
        """Whether both call 0 white, and of one alone notes tell that it is not."""
        return (self.truth and other.white is not None) or (other.truth and self.white is not None)

    def grey(self, stored: Voxels) -> Voxels:
        """Grey values in the dtype of the stored ones."""
        greys = self.greys(stored.dtype)
        return self.label(stored) if greys is None else greys[stored]

    def label(self, stored: Voxels) -> Voxels:
        """Label values in the dtype of the stored ones: of a palette its numbers."""
        if self.white is None:
            return stored
        return ~stored if stored.dtype == np.bool_ else stored.dtype.type(self.white) - stored

    def greys(self, dtype: np.dtype[Any]) -> npt.NDArray[Any] | None:
        """The grey values of the palette; None without one."""
        return None if self.table is None else np.frombuffer(self.table, dtype.newbyteorder("="))


def tone_of(page: Any, first: Any, file: File, *, labels: bool) -> Tone:
    """How to read the values of a page of TIFF, grey values or labels.

    A palette in colour is nothing to labels: theirs are its numbers. The ``first`` page of the file
    has the notes for all of them.

    Raises
    ------
    SliceError
        If the page is in colour, or stores 0 as white in values that have no white.
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
    """Refuse values that GDAL shows as others; it may shift all grey values."""
    text = page.tags.valueof(GDAL_METADATA, default="")
    scale = GDAL_SCALE.search(str(text))
    if scale and not ONE.fullmatch(scale[1]):
        raise SliceError(
            f"the values of a TIFF must be those that are meant, but {file} has a scale of GDAL "
            f"that makes others of them ({scale[1]}); {APPLY}."
        )


def _check_curve(page: Any, file: File) -> None:
    """Refuse values of optical density that grow with the stored ones: large ones are dark."""
    curve = page.tags.valueof(GRAY_RESPONSE_CURVE, default=())
    if isinstance(curve, tuple) and len(curve) > 1 and curve[0] < curve[-1]:
        raise SliceError(
            f"a slice that stores 0 as black must have it dark, but {file} has a gray response "
            f"curve in which 0 is bright; {APPLY}."
        )


def _truth_values(page: Any, first: Any) -> bool:
    """Whether tifffile wrote them: it calls 0 white wherever it is given truth values.

    A program that uses it may give its own name; the shape that tifffile notes stays, or the
    creator in OME-XML. All of that stands in the first page alone.
    """
    noted = first.is_shaped or first.software.startswith("tifffile")
    return page.bitspersample == 1 and (noted or OME_CREATOR in first.description)


def _white(page: Any, file: File) -> int:
    """The brightest value that a page can store."""
    if page.dtype is None or page.dtype.kind not in "bu":
        raise SliceError(
            f"a slice that stores 0 as white must have unsigned whole numbers, but {file} has "
            f"{page.dtype}; {COLOUR} with 0 as black."
        )
    return int(2**page.bitspersample - 1)


def _palette(page: Any) -> npt.NDArray[Any] | None:
    """The grey values of a palette; None of one in colour."""
    colours = page.colormap
    if colours is None or (colours != colours[:1]).any():
        return None
    # 16 bits each, though some programs fill only the lower 8 of them
    shift = 8 if colours.max() > 255 and page.bitspersample <= 8 else 0
    table: npt.NDArray[Any] = (colours[0] >> shift).astype(page.dtype)
    return table
