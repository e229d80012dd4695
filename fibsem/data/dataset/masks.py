"""Where labels come from: pictures in PNG and TIFF, and boxes of a dense label stack.

Their values are whole numbers or truth values of any dtype, also the numbers of a palette.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from fibsem.data.dataset.labels import Classes, LabelArray
from fibsem.data.volumes import Volume, open_labels
from fibsem.data.volumes.faults import SliceError, kind_of, open_bytes, read_bytes, reading
from fibsem.data.volumes.tiff.pages import UPRIGHT
from fibsem.data.volumes.tiff.tiff import TiffSource
from fibsem.data.volumes.voxels import UNKNOWN_NM, VoxelNm
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.system.advice import KeyNames, called

PNG = b"\x89PNG\r\n\x1a\n"
#: How the keys of a volume are called where the volume is labels.
OF_LABELS = KeyNames({key: f"labels_{key}" for key in ("pattern", "series", "sparse")})
RULE = "a mask must be a whole, readable TIFF or PNG"


@dataclass(frozen=True)
class Mask:
    """Labels in a picture of their own."""

    path: Path
    classes: Classes

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x), from the header."""
        if _is_png(self.path):
            return reading(self.path, self._png_shape, RULE)
        stack = open_labels(self.path)
        if stack.shape[0] != 1:
            raise UserError(
                f"a mask must be one picture, but {self.path} has {stack.shape[0]} pages."
            )
        return stack.shape[1:]

    @property
    def voxel_nm(self) -> VoxelNm:
        """Size of a pixel as a TIFF states it; that of a PNG is of print."""
        return UNKNOWN_NM if _is_png(self.path) else open_labels(self.path).voxel_nm

    def __call__(self) -> LabelArray:
        if _is_png(self.path):
            values, shown = reading(self.path, self._png, RULE)
            return self.classes.read(values, str(self.path), shown)
        stack = open_labels(self.path)
        return Cut(stack, Box.whole(stack.shape), self.classes)()

    def _png_shape(self) -> tuple[int, int]:
        with open_bytes(self.path) as stream, Image.open(stream, formats=["PNG"]) as picture:
            return picture.height, picture.width

    def _png(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
        """Label values, and the grey values that a palette shows for them."""
        with open_bytes(self.path) as stream, Image.open(stream, formats=["PNG"]) as picture:
            if len(picture.getbands()) > 1 or getattr(picture, "n_frames", 1) > 1:
                raise SliceError(
                    f"a mask must be one grey picture, but {self.path} is {picture.mode} (RGB or "
                    "the like); convert it to grey values."
                )
            if (turned := picture.getexif().get(ExifTags.Base.Orientation, UPRIGHT)) != UPRIGHT:
                raise SliceError(
                    f"a mask must begin at its top left, but {self.path} has orientation {turned}; "
                    "turn it and save it again."
                )
            colours = np.array(picture.getpalette() or [], np.uint8).reshape(-1, 3)
            grey = len(colours) and (colours == colours[:, :1]).all()
            table = np.zeros(256, np.uint8)
            table[: len(colours)] = colours[:, 0]
            return np.asarray(picture), table if grey else None


@dataclass(frozen=True)
class Cut:
    """Labels in a box, one slice thick, of a dense label stack."""

    labels: Volume
    box: Box
    classes: Classes

    def __call__(self) -> LabelArray:
        z, source = self.box.start[0], self.labels.source
        where = f"slice {z} of {self.labels.path}" if self.labels.shape[0] > 1 else self.labels.path
        shown = source.shown(z) if isinstance(source, TiffSource) else None
        with called(OF_LABELS):
            labels = self.labels.read(self.box)[0]
        return self.classes.read(labels, str(where), shown)


def _is_png(path: Path) -> bool:
    """Whether a file is a PNG, whatever its name says."""
    return kind_of(path) == "file" and read_bytes(path, RULE, len(PNG)) == PNG
