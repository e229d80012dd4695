"""The stacks in a TIFF file: its directories, checked against its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any
from xml.etree.ElementTree import ParseError

import tifffile

from fibsem.data.volumes.faults import File, SliceError, read_bytes
from fibsem.data.volumes.tiff.imagej import counts_of
from fibsem.data.volumes.tiff.omexml import PlaneFile, metadata_file, ome_images
from fibsem.data.volumes.tiff.pages import directories, open_tiff
from fibsem.data.volumes.voxels import UNKNOWN_NM, VoxelNm
from fibsem.errors import UserError
from fibsem.system.advice import SERIES

#: Formats with axes of their own that tifffile can interpret.
FOREIGN = ("lsm", "stk", "fluoview", "scanimage", "nih", "mdgel", "svs", "scn", "ndpi", "eer")


@dataclass(frozen=True)
class Scene:
    """One stack of a file.

    Attributes
    ----------
    name
        Name of the stack in the file, or an empty text.
    planes
        Slices of the stack in order.
    behind
        Number of slices stored consecutively, if the stack has only one directory.
    voxel_nm
        Voxel size stated for this scene alone.
    """

    name: str
    planes: tuple[PlaneFile, ...]
    behind: int = 1
    voxel_nm: VoxelNm = UNKNOWN_NM

    @property
    def depth(self) -> int:
        """Number of slices."""
        return len(self.planes) * self.behind


def scenes_of(tiff: tifffile.TiffFile, file: File, *, by_kind: bool = False) -> list[Scene]:
    """List the stacks of a file.

    Parameters
    ----------
    tiff, file
        The opened file, and its path.
    by_kind
        Whether directories without metadata but of different shape or dtype are separate stacks.

    Raises
    ------
    SliceError
        If pages are missing, or the metadata contradicts the directories.
    """
    images = _images(tiff, file)
    if tiff.ome_metadata:
        return _ome(tiff, images, file)
    if tiff.imagej_metadata:
        return [_imagej(tiff.imagej_metadata, images, file)]
    if images[0].is_shaped:
        return _shaped(images, file)
    if any(getattr(tiff, f"is_{kind}") for kind in FOREIGN):
        return _foreign(tiff, file)
    if by_kind:
        kinds = dict.fromkeys((image.shape, image.dtype) for image in images)
        return [
            _scene("", [image for image in images if (image.shape, image.dtype) == kind])
            for kind in kinds
        ]
    return [_scene("", images)]


def pick(scenes: Sequence[Scene], series: str | None, file: object) -> Scene:
    """Return the scene with a number (from 0) or name, or the only one; else raise UserError."""
    if series is None and len(scenes) == 1:
        return scenes[0]
    named = [scene for scene in scenes if scene.name and scene.name == series]
    if len(named) == 1:
        return named[0]
    if (series or "").isdecimal() and int(series or 0) < len(scenes):
        return scenes[int(series or 0)]
    names = ", ".join(
        f"{k} ({scene.name + ', ' if scene.name else ''}{scene.depth} slices)"
        for k, scene in enumerate(scenes)
    )
    got = "" if series is None else f", and `{SERIES}` is {series}"
    raise UserError(
        f"a volume must be one series of slices, but {file} holds {len(scenes)}: {names}{got}; "
        f"`{SERIES}` picks one by its number or name."
    )


def _images(tiff: tifffile.TiffFile, file: File) -> list[Any]:
    """List the directories of a file, except thumbnails and transparency masks."""
    images = [page for page in directories(tiff, file) if not (page.is_reduced or page.is_mask)]
    # The chain of directories ends with offset 0; otherwise the file was truncated.
    tiff.filehandle.seek(tiff.pages.next_page_offset)
    size = tiff.tiff.offsetsize
    if not images or tiff.filehandle.read(size) != bytes(size):
        raise SliceError(f"a TIFF must be whole, but {file} is truncated: pages are missing.")
    return images


def _scene(name: str, images: Sequence[Any], stated: int | None = None) -> Scene:
    """Return a stack of directories; for a single one, ``stated`` slices follow consecutively."""
    planes = tuple((None, int(image.index)) for image in images)
    return Scene(name, planes, 1 if stated is None or len(planes) > 1 else stated)


def _check_axes(sizes: Mapping[str, int], file: File) -> None:
    """Raise SliceError if there is more than one axis across the slices."""
    long = {axis: n for axis, n in sizes.items() if n > 1}
    if len(long) > 1:
        lengths = ", ".join(f"{n} along {axis}" for axis, n in long.items())
        raise SliceError(
            f"a volume must have three axes (z, y, x), but {file} has images {lengths}; "
            "save the one channel or time that is meant as a stack of its own, a page a slice."
        )


def _check_count(stated: int, present: int, file: File) -> None:
    if stated != present:
        raise SliceError(
            f"a TIFF must have the images that its notes tell of, but {file} has {present} of "
            f"{stated}; save it again from the program that made it."
        )


def _imagej(notes: Mapping[str, Any], images: Sequence[Any], file: File) -> Scene:
    """ImageJ writes stacks of over 4 GB as one directory, followed by the other slices."""
    counts = counts_of(notes, file)
    if images[0].samplesperpixel != 1:  # colours are counted as channels, and raise an error later
        return _scene("", images)
    sizes = {axis: count for axis, count in counts.items() if axis != "images"}
    _check_axes(sizes, file)
    axes = prod(sizes.values())
    stated = counts.get("images", axes if axes > 1 else len(images))
    if axes > 1:
        _check_count(stated, axes, file)
    if len(images) > 1:
        _check_count(stated, len(images), file)
    return _scene("", images, stated)


def _shaped(images: Sequence[Any], file: File) -> list[Scene]:
    """Stacks as tifffile writes them: each begins with a directory that states its shape."""
    scenes, k = [], 0
    while k < len(images):
        notes = json.loads(images[k].shaped_description) if images[k].is_shaped else {}
        shape = notes.get("shape", images[k].shape)
        stated = max(1, prod(shape) // max(1, prod(images[k].shape)))
        _check_axes(dict(enumerate(shape[: -len(images[k].shape)])), file)  # type: ignore[arg-type]
        _check_slices(notes.get("axes"), images[k], file)
        pages = images[k : k + stated]
        if notes.get("truncated") or any(image.is_shaped for image in pages[1:]):
            pages = pages[:1]
        if len(pages) > 1:
            _check_count(stated, len(pages), file)
        scenes.append(_scene(str(notes.get("name", "")), pages, stated))
        k += len(pages)
    if all(scene.depth == 1 for scene in scenes):  # slices were written one by one
        return [_scene("", images)]
    return scenes


def _check_slices(axes: object, image: Any, file: File) -> None:
    """Raise SliceError if the metadata states that the last two axes are not y and x."""
    stated = str(axes or "").upper()
    last = stated[-2:] if image.samplesperpixel == 1 else ""
    if last == "XY" or {*last} & {*"ZTC"}:
        raise SliceError(
            f"the last axes of a volume must be y and x, but {file} says that its own are "
            f"{stated}; save it with its axes as z, y, x."
        )


def _foreign(tiff: tifffile.TiffFile, file: File) -> list[Scene]:
    scenes = []
    for series in tiff.series:
        sizes = dict(zip(series.axes, series.shape, strict=True))
        _check_axes({axis: n for axis, n in sizes.items() if axis not in "YXS"}, file)
        pages = [page for page in series.pages if page is not None]
        depth = prod(n for axis, n in sizes.items() if axis not in "YXS")
        scenes.append(_scene(series.name, pages, depth))
    return scenes


def _ome(tiff: tifffile.TiffFile, images: Sequence[Any], file: File) -> list[Scene]:
    """Return the images of an OME-TIFF; one may lie in several files."""
    try:
        companion = metadata_file(tiff.ome_metadata)
        xml = tiff.ome_metadata if companion is None else _described_in(beside(file, companion))
        pictures = ome_images(xml, len(tiff.pages), home=companion)
    except (ValueError, KeyError, ParseError) as error:
        raise SliceError(
            f"an OME-TIFF must have readable OME-XML, but {file} has not ({error!r:.150})."
        ) from error
    scenes = []
    for picture in pictures:
        _check_axes(picture.sizes, file)
        planes = [plane for plane in picture.planes if plane is not None]
        _check_count(len(picture.planes), len(planes), file)
        scenes.append(Scene(picture.name, tuple(planes), voxel_nm=picture.voxel_nm))
    in_files = {k for scene in scenes for name, k in scene.planes if name is None}
    in_pages = {int(image.index) for image in images}
    if in_files and in_files != in_pages:
        _check_count(len(in_files), len(in_pages), file)
    return scenes or [_scene("", images)]


def _described_in(file: File) -> str:
    """Return the OME-XML of a set, from one of its TIFF files or from a separate file."""
    if not file.name.lower().endswith((".tif", ".tiff")):
        return read_bytes(file, "OME-XML must be a file").decode()
    with open_tiff(file) as tiff:
        return str(tiff.ome_metadata)


def beside(file: File, name: str) -> File:
    """Return a file of the same folder by its name, or raise SliceError for any other path."""
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise SliceError(f"files of a set must lie in one folder, but {file} names {name!r}.")
    return file.parent / name  # type: ignore[operator]  # a zip's paths have parents of a zip
