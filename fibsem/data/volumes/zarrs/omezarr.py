"""Read OME-Zarr 0.1 to 0.5: the full resolution of one multiscale image."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from fibsem.data.volumes.faults import File, SliceError, kind_of, reading
from fibsem.data.volumes.source import InFile, Manner, check_dtype, file_identity, white_of
from fibsem.data.volumes.voxels import VoxelNm, Voxels
from fibsem.data.volumes.zarrs.axes import axis_names, check_axes, multiscale_nm
from fibsem.data.volumes.zarrs.shards import Shards
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple
from fibsem.system.advice import RANGE, SERIES, SPARSE

#: Attributes by which NetCDF and xarray pack values, and their values if nothing is packed.
PACKED = {"scale_factor": 1, "add_offset": 0}
MARKS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
GROUPS = ("zarr.json", ".zgroup")
#: Levels of groups in which arrays are looked for, and how many of them a message names.
DEEPEST, NAMED = 3, 3


@dataclass(frozen=True)
class ZarrSource:
    """The full resolution of an OME-Zarr; axes before z have one entry.

    Attributes
    ----------
    folder, array, voxel_nm
        The folder of the OME-Zarr, its opened array, and its voxel size.
    sparse
        Whether chunks that are not stored hold the fill value.
    """

    folder: Path
    array: zarr.Array[Any]
    voxel_nm: VoxelNm
    sparse: bool = False

    @property
    def shape(self) -> Triple:
        z, y, x = self.array.shape[-3:]
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype.newbyteorder("=")

    @property
    def white(self) -> float:
        return white_of(self.dtype)

    @property
    def depth(self) -> int:
        """Number of slices in a chunk, which are decoded together."""
        return int(self.array.chunks[-3])

    def read(self, box: Box) -> Voxels:
        index: tuple[int | slice, ...] = (*(0,) * (self.array.ndim - 3), *box.slices)

        def stored() -> Voxels:
            if self.sparse:
                for _, file in self._stored(box):
                    kind_of(file)
            else:
                self._check_stored(box)
            return np.asarray(self.array[index], self.dtype)

        return reading(
            f"{self.name(box.start[0])} to {box.stop[0] - 1}", stored,
            "chunks must be whole and fit their Zarr",
        )  # fmt: skip

    def name(self, z: int) -> str:
        return f"{self.folder}, slice {z}"

    def identity(self) -> list[Any]:
        """List chunks and metadata of the image only, as the folder may also hold labels."""
        home = self.folder / self.array.path
        files = sorted(
            {
                *(Path(folder, name) for folder, _, names in os.walk(home) for name in names),
                *(file for file in self.folder.iterdir() if file.is_file()),
            }
        )
        return [
            [file.relative_to(self.folder).as_posix(), *file_identity(file)[1:]] for file in files
        ]

    def places(self, z: int) -> list[InFile]:
        box = Box((z, 0, 0), (z + 1, *self.shape[1:]))
        home = self.folder / self.array.path
        read_by = [file for name in MARKS if (file := home / name).is_file()]
        return [(file, "") for file in (*read_by, *(chunk for _, chunk in self._stored(box)))]

    def _stored(self, box: Box) -> Iterator[tuple[Triple, Path]]:
        """Yield corner (z, y, x) and file of each chunk, or shard of chunks, that a box touches."""
        stored = self.array.shards or self.array.chunks
        sides = stored[-3:]
        ranges = [
            range(a // side, -(-b // side))
            for a, b, side in zip(box.start, box.stop, sides, strict=True)
        ]
        home = self.folder / self.array.path
        for chunk in product(*ranges):
            key = self.array.metadata.encode_chunk_key((*(0,) * (len(stored) - 3), *chunk))
            z, y, x = (k * side for k, side in zip(chunk, sides, strict=True))
            yield (z, y, x), home / key

    def _check_stored(self, box: Box) -> None:
        """Raise SliceError for chunks never written or lost: zeros would look like pores."""
        for z, y, x in self._lacking(box):
            fill = f"{SPARSE.at('true')} reads those as the fill value, {self.array.fill_value}"
            remedy = fill if SPARSE.can_be_given else "make it again"
            raise SliceError(
                f"every chunk must be stored, but {self.name(max(z, box.start[0]))} lacks the "
                f"one from (y, x) = ({y}, {x}) on; {remedy}."
            )

    def _lacking(self, box: Box) -> Iterator[Triple]:
        """Yield the corners of the chunks in a box that no file holds."""
        shards = Shards.of(self.array)
        for corner, file in self._stored(box):
            if not file.is_file():
                yield corner
            elif shards is not None:
                yield from shards.lacking(file, corner, box)


def is_zarr(folder: File) -> bool:
    """Whether a folder is a Zarr array or group."""
    return isinstance(folder, Path) and any(kind_of(folder / mark) == "file" for mark in MARKS)


def open_zarr(folder: Path, manner: Manner) -> ZarrSource:
    """Open the full resolution of an image in an OME-Zarr, or a plain Zarr array."""
    return reading(folder, lambda: _open(folder, manner), "an OME-Zarr must have a readable array")


def _open(folder: Path, manner: Manner) -> ZarrSource:
    # consolidated metadata may be outdated, and hide slices that were added later
    node = zarr.open(folder, mode="r", use_consolidated=False)
    multiscale: Mapping[str, Any] = {}
    level: Mapping[str, Any] = {}
    if isinstance(node, zarr.Group):
        node, multiscale = _picture(node, folder, manner.series)
        node, level = _full(node, _need(multiscale, "datasets", folder))
    else:
        multiscale, level = _described_above(folder.absolute())
    if not isinstance(node, zarr.Array):
        raise SliceError(f"an OME-Zarr must have a readable array, but {folder} has a group.")
    check_axes(node.shape, axis_names(multiscale, node), folder)
    check_dtype(node.dtype, folder, labels=manner.labels)
    _check_unpacked(node, folder)
    sparse = manner.sparse or (manner.labels and _fill_is(node.fill_value, manner.unlabelled))
    return ZarrSource(folder, node, multiscale_nm(multiscale, level), sparse)


def _described_above(
    array: Path,
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the metadata of the image that an array is a resolution of; empty without an image.

    Only these metadata hold axes and voxel size. Damage to them does not hinder reading the array.
    """
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        return _image_above(array)
    return {}, {}


def _image_above(array: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return image and resolution; raises KeyError and the like if their metadata are damaged."""
    for home in array.parents:
        if not any((home / mark).is_file() for mark in GROUPS):
            break
        group = zarr.open(home, mode="r", use_consolidated=False)
        for multiscale in _multiscales(group) if isinstance(group, zarr.Group) else ():
            for level in multiscale.get("datasets", []):
                if home / str(level["path"]) == array:
                    return multiscale, level
    return {}, {}


def _fill_is(fill_value: Any, value: int | None) -> bool:
    """Whether the fill value of absent chunks equals ``value``."""
    return fill_value is not None and value is not None and bool(fill_value == value)


def _full(group: zarr.Group, levels: Sequence[Mapping[str, Any]]) -> tuple[Any, Mapping[str, Any]]:
    """Return the largest level, which should be the first but need not be."""
    arrays = [(group[str(level["path"])], level) for level in levels]
    return max(arrays, key=lambda pair: getattr(pair[0], "size", 0))


def _picture(
    group: zarr.Group, folder: Path, series: str | None
) -> tuple[zarr.Group, Mapping[str, Any]]:
    """Return the image of a group, or one of those in it, in the layout of bioformats2raw."""
    pictures = [
        (_called(name, multiscale.get("name") or k, len(several)), (home, multiscale))
        for name, home in [("", group), *_inner(group)]
        for several in [_multiscales(home)]
        for k, multiscale in enumerate(several)
    ]
    if not pictures:
        raise SliceError(
            f"an OME-Zarr must have `multiscales` with a readable array, but {folder} has none"
            f"{_arrays_in(group, folder)}."
        )
    if series is None and len(pictures) == 1:
        return pictures[0][1]
    named = [picture for name, picture in pictures if name == series]
    if len(named) == 1:
        return named[0]
    if (series or "").isdecimal() and int(series or 0) < len(pictures):
        return pictures[int(series or 0)][1]
    names = ", ".join(name for name, _ in pictures)
    raise UserError(
        f"a volume must be one picture, but {folder} holds {len(pictures)}: {names}"
        f"{'' if series is None else f', and `{SERIES}` is {series}'}; `{SERIES}` picks one by its "
        "number or name."
    )


def _arrays_in(group: zarr.Group, folder: Path) -> str:
    """Name the arrays of a group that is no image, as a hint for a message; may be empty."""
    nodes = group.members(max_depth=DEEPEST, use_consolidated_for_children=False)
    arrays = sorted(name for name, node in nodes if isinstance(node, zarr.Array) and node.ndim >= 3)
    paths = " and ".join(str(folder / name) for name in arrays[:NAMED])
    return f"; a volume by itself is {paths}" if paths else ""


def _called(group: str, name: object, several: int) -> str:
    """Return the name of an image: its group, its own name, or both if a group has several."""
    if not group:
        return str(name)
    return f"{group}/{name}" if several > 1 else group


def _inner(group: zarr.Group) -> list[tuple[str, zarr.Group]]:
    """Return the images of a group that holds several, numbered from 0."""
    if _multiscales(group):
        return []
    inner = ((name, node) for name, node in group.groups() if name.isdecimal())
    return sorted(inner, key=lambda pair: int(pair[0]))


def resolutions(path: Path, series: str | None = None) -> list[zarr.Array[Any]]:
    """Return the resolutions of an OME-Zarr, the full one first; empty for other paths.

    If the path holds several images, ``series`` selects one, as when opening a volume.

    Examples
    --------
    ```python
    full, *coarser = resolutions(Path("labels/labels.ome.zarr"))
    full.shape, [level.shape for level in coarser]
    ```
    """
    group = zarr.open(path, mode="r", use_consolidated=False) if is_zarr(path) else None
    if not isinstance(group, zarr.Group) or not (_multiscales(group) or _inner(group)):
        return []
    home, multiscale = _picture(group, path, series)
    arrays = [home[dataset["path"]] for dataset in multiscale.get("datasets", [])]
    return [array for array in arrays if isinstance(array, zarr.Array)]


def _multiscales(group: zarr.Group) -> list[Mapping[str, Any]]:
    attributes: Any = group.attrs.asdict()
    return list(attributes.get("ome", attributes).get("multiscales", []))


def _need(multiscale: Mapping[str, Any], key: str, folder: Path) -> Any:
    if not multiscale.get(key):
        raise SliceError(f"`multiscales` of an OME-Zarr must have {key}, but {folder} has none.")
    return multiscale[key]


def _check_unpacked(array: zarr.Array[Any], folder: Path) -> None:
    """Raise SliceError for packed values: a negative factor would invert them."""
    attributes: Any = array.attrs.asdict()
    packed = {
        key: attributes[key]
        for key, none in PACKED.items()
        if attributes.get(key) is not None and not np.array_equal(np.ravel(attributes[key]), [none])
    }
    if packed:
        by = ", ".join(f"{key} {value}" for key, value in packed.items())
        raise SliceError(
            f"the values of a Zarr must be those that are meant, but {folder} says that they are "
            f"packed ({by}); save them unpacked, as float32 with their `{RANGE}`."
        )
