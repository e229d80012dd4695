"""Read labels from PNG and TIFF pictures, or from boxes of a dense label stack.

Values are integers or booleans of any dtype, or the indices of a palette.
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
#: Names of the manifest keys in messages about a label stack.
OF_LABELS = KeyNames({key: f"labels_{key}" for key in ("pattern", "series", "sparse")})
RULE = "a mask must be a whole, readable TIFF or PNG"


@dataclass(frozen=True)
class Mask:
    """Labels stored in a picture of their own."""

    path: Path
    classes: Classes

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (y, x) as stated in the header."""
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
        """Voxel size stated by a TIFF; unknown for a PNG, whose resolution is for printing."""
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
        """Return the label values, and the grey values of the palette or None without one."""
        with open_bytes(self.path) as stream, Image.open(stream, formats=["PNG"]) as picture:
            if (frames := getattr(picture, "n_frames", 1)) > 1:
                raise SliceError(f"a mask must be one picture, but {self.path} has {frames}.")
            if len(picture.getbands()) > 1:
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
    """Labels of a box, one slice thick, of a dense label stack."""

    labels: Volume
    box: Box
    classes: Classes

    def __call__(self) -> LabelArray:
        z, source = self.box.start[0], self.labels.source
        name = f"slice {z} of {self.labels.path}" if self.labels.shape[0] > 1 else self.labels.path
        shown = source.shown(z) if isinstance(source, TiffSource) else None
        with called(OF_LABELS):
            labels = self.labels.read(self.box)[0]
        return self.classes.read(labels, str(name), shown)


def _is_png(path: Path) -> bool:
    """Whether a file is a PNG by its content, regardless of its name."""
    return kind_of(path) == "file" and read_bytes(path, RULE, len(PNG)) == PNG
