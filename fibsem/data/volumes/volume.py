"""A volume: opened lazily, read box by box, as stored or scaled to [0, 1]."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.volumes.faults import SliceError
from fibsem.data.volumes.indexing import box_of
from fibsem.data.volumes.layered import DeepSource
from fibsem.data.volumes.lengths import finite, stated_nm
from fibsem.data.volumes.mended import MendedSource
from fibsem.data.volumes.picture import as_png, middle_of
from fibsem.data.volumes.source import (
    Around,
    InFile,
    Manner,
    Source,
    check_dtype,
    check_finite,
    check_grey,
    white_of,
)
from fibsem.data.volumes.tiff.tiff import TiffSource
from fibsem.data.volumes.voxels import UNKNOWN_NM, VoxelNm, Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple
from fibsem.system.advice import RANGE, VALID
from fibsem.system.notebooks import as_html


@dataclass(frozen=True, repr=False)
class Volume:
    """A stack of grey values or labels that is read box by box.

    Attributes
    ----------
    path
        The path given by the user.
    source
        Reads the voxels.
    declared
        The grey values that map to 0 and 1, or None if the user declared none.
    manner
        How the volume was opened.

    Examples
    --------
    >>> film = ArrayVolume(np.zeros((3, 64, 64), np.uint8))
    >>> film
    array: 3 x 64 x 64 uint8, ? x ? x ? nm (z, y, x)
    >>> film.read(Box((1, 0, 0), (2, 8, 8))).shape
    (1, 8, 8)
    >>> film[1].shape, film[:2, :8, -8:].shape, np.asarray(film).shape
    ((64, 64), (2, 8, 8), (3, 64, 64))
    """

    path: Path
    source: Source
    declared: tuple[float, float] | None = None
    manner: Manner = field(default_factory=Manner)

    def __repr__(self) -> str:
        extent = " x ".join(map(str, self.shape))
        nm = " x ".join("?" if size is None else f"{size:g}" for size in self.voxel_nm)
        return f"{self.path}: {extent} {self.dtype}, {nm} nm (z, y, x)"

    def _repr_html_(self) -> str:
        try:
            return as_html(repr(self), [as_png(self.read(middle_of(self.shape))[0])])
        except (UserError, OSError) as error:
            return as_html(f"{self!r}\nwithout a picture: {error}")

    @property
    def shape(self) -> Triple:
        """Number of voxels along each axis, (z, y, x)."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, uint16 or float32; labels may also be booleans, other integers or floats."""
        return self.source.dtype

    @property
    def voxel_nm(self) -> VoxelNm:
        """Voxel size (z, y, x) in nm stated by the dataset or the files, None where it is not."""
        return stated_nm(self.manner.voxel_nm, self.source.voxel_nm)

    @property
    def in_memory(self) -> bool:
        """Whether the voxels are an array in memory, so that the path is not that of a file."""
        source: Any = self.source
        while isinstance(source, Around):
            source = source.source
        return isinstance(source, ArraySource)

    @property
    def bar_rows(self) -> int:
        """Rows of a data bar below every slice, if the files state them; else 0."""
        source: Any = self.source
        while isinstance(source, Around):
            source = source.source
        return source.bar_rows if isinstance(source, TiffSource) else 0

    @property
    def missing(self) -> Set[int]:
        """Slices found missing so far, in a volume that may have gaps."""
        return self.why_missing.keys()

    @property
    def why_missing(self) -> Mapping[int, str]:
        """Slices found missing so far, with the reason for each."""
        source: Any = self.source
        while isinstance(source, Around) and not isinstance(source, MendedSource):
            source = source.source
        return source.missing if isinstance(source, MendedSource) else {}

    @property
    def kept_bytes(self) -> int:
        """Size in bytes of the cached slices, if chunks hold several slices; else 0."""
        source: Any = self.source
        while isinstance(source, Around) and not isinstance(source, DeepSource):
            source = source.source
        return source.kept_bytes if isinstance(source, DeepSource) else 0

    @property
    def value_range(self) -> tuple[float, float]:
        """The grey values that map to 0 and 1: the declared ones, or the range of the files."""
        return self.declared or (0.0, self.source.white)

    @property
    def may_clip(self) -> bool:
        """Whether grey values may lie outside the range that is mapped to 0 and 1."""
        if self.dtype.kind not in "ui":
            return True
        (low, high), possible = self.value_range, np.iinfo(self.dtype)
        return low > possible.min or high < possible.max

    def read(self, box: Box) -> Voxels:
        """Read a box in the volume's dtype, (z, y, x), as a new array.

        Raises
        ------
        UserError
            If the box does not lie inside the volume, a slice cannot be read, or float32 values are
            not finite.
        """
        if not isinstance(box, Box):
            raise UserError(f"what is read of a volume must be a Box(start, stop), but got {box}.")
        if not box.inside(self.shape):
            raise UserError(
                f"a box must lie inside its volume, from (0, 0, 0) to {self.shape}, but got "
                f"{box.start} to {box.stop} of {self.path}."
            )
        voxels = self.source.read(box)
        for z, image in enumerate(voxels, box.start[0]):
            check_finite(image, self.source.name(z), labels=self.manner.labels)
        return voxels

    def slice(self, z: int) -> Voxels:
        """Read a whole slice in the volume's dtype, (y, x)."""
        return self.read(Box((z, 0, 0), (z + 1, *self.shape[1:])))[0]

    def readable(self, slices: Iterable[int]) -> Iterator[Voxels]:
        """Read whole slices in turn, (y, x), without those that cannot be read."""
        for z in slices:
            try:
                image = self.slice(z)
            except SliceError:
                continue
            yield image

    def whole(self) -> Voxels:
        """Read the whole volume in its dtype, (z, y, x); it must fit into memory."""
        return self.read(Box.whole(self.shape))

    def __getitem__(self, key: Any) -> Voxels:
        """Read by an index as of an array: numbers and slices without a step, (z, y, x)."""
        box, single = box_of(key, self.shape)
        voxels = self.read(box) if box.size else np.empty(box.shape, self.dtype)
        return voxels.squeeze(single)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read the whole volume for functions of NumPy."""
        if copy is False:
            raise ValueError("a volume must be read to be an array, which is a copy")
        return self.whole().astype(dtype or self.dtype, copy=False)

    def read_unit(self, box: Box) -> npt.NDArray[np.float32]:
        """Read a box as float32 in [0, 1], clipping values outside a declared range.

        Raises
        ------
        UserError
            As for `read`, and if float32 values without a declared range lie outside [0, 1].
        """
        unit: npt.NDArray[np.float32] = self.read(box).astype(np.float32, copy=False)
        if self.declared is None and self.dtype.kind == "f":
            for z, image in enumerate(unit, box.start[0]):
                right = (image >= 0) & (image <= 1)
                remedy = f"declare {RANGE.at('[low,high]')}"
                check_grey(image, right, "lie in [0, 1]", remedy, self.source.name(z))
            return unit
        low, high = self.value_range
        unit -= np.float32(low)
        unit /= np.float32(high - low)
        return np.clip(unit, 0, 1, out=unit)

    def mended(self) -> Volume:
        """Return the volume with unreadable slices replaced by the nearest readable ones."""
        if isinstance(self.source, MendedSource):
            return self
        manner = replace(self.manner, gaps=True)
        return Volume(self.path, MendedSource(self.source), self.declared, manner)

    def with_range(self, value_range: tuple[float, float] | None) -> Volume:
        """Return the volume with other grey values that map to 0 and 1."""
        return Volume(self.path, self.source, checked_range(value_range), self.manner)

    def with_manner(self, **stated: Any) -> Volume:
        """Return the volume with other attributes of its :class:`Manner`."""
        return Volume(self.path, self.source, self.declared, replace(self.manner, **stated))

    def with_source(self, source: Source) -> Volume:
        """Return the volume with another source."""
        # not `replace`, as an ArrayVolume has another constructor
        return Volume(self.path, source, self.declared, self.manner)

    def signature(self) -> dict[str, object]:
        """Return a JSON-able record that identifies the volume, regardless of where it lies.

        ``digest`` covers the names, sizes and modification times of the files.
        """
        identity = self.source.identity()
        return {
            **self.manner.choice,
            "files": len(identity),
            "digest": hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
            "dtype": str(self.dtype),
            "shape": list(self.shape),
            "value_range": list(self.value_range),
        }


class ArrayVolume(Volume):
    """A volume in memory, (z, y, x) uint8, uint16 or float32.

    Examples
    --------
    >>> film = ArrayVolume(np.full((2, 4, 4), 51, np.uint8))
    >>> film.shape, round(float(film.read_unit(Box.whole(film.shape)).mean()), 3)
    ((2, 4, 4), 0.2)
    """

    def __init__(self, array: Voxels, *, value_range: tuple[float, float] | None = None) -> None:
        check_unmasked(array)
        source = ArraySource(np.asarray(array))
        super().__init__(Path("array"), source, checked_range(value_range))


def check_unmasked(array: object) -> None:
    """Raise UserError for an array with masked voxels, which would count like any other."""
    parts = array if isinstance(array, list | tuple) else (array,)  # NumPy would drop their masks
    if any(map(np.ma.is_masked, parts)):
        raise UserError(
            "an array must have no masked voxels, which would count like any other, but got one; "
            f"{VALID.at('PATH')} names a mask of what is material."
        )


def checked_range(value_range: Any) -> tuple[float, float] | None:
    """Return a range as two floats or None; it may be any value from YAML."""
    if value_range is None:
        return None
    ends = value_range if isinstance(value_range, list | tuple) else []
    match [finite(end) for end in ends]:
        case [float() as low, float() as high] if low < high:
            return low, high
    got = list(value_range) if isinstance(value_range, tuple) else value_range
    raise UserError(f"`{RANGE}` must be two finite numbers, low < high, but got {got}.")


@dataclass(frozen=True, eq=False)
class ArraySource:
    """An array in memory."""

    array: Voxels
    voxel_nm: VoxelNm = UNKNOWN_NM

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            raise UserError(f"a volume must have axes (z, y, x), but has {self.array.shape}.")
        if not self.array.size:
            raise UserError(f"a volume must have voxels, but is of shape {self.array.shape}.")
        check_dtype(self.array.dtype, "the array")

    @property
    def shape(self) -> Triple:
        z, y, x = self.array.shape
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype.newbyteorder("=")

    @property
    def white(self) -> float:
        return white_of(self.dtype)

    def read(self, box: Box) -> Voxels:
        return self.array[box.slices].astype(self.dtype)

    def name(self, z: int) -> str:
        return f"slice {z} of the array"

    def identity(self) -> list[Any]:
        digest = hashlib.sha256()  # over values, not bytes, whose order may differ
        for image in self.array:
            digest.update(np.ascontiguousarray(image, self.dtype).data)
        return [digest.hexdigest()]

    def places(self, z: int) -> list[InFile]:
        return []
