"""Volumes of TIFF slices: a folder, possibly in a zip archive, or the directories of a file.

Opening reads headers only; uncompressed slices are read row by row, others are decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from fibsem.data.volumes.faults import File, SliceError
from fibsem.data.volumes.lengths import differing, stated_nm, usual_nm
from fibsem.data.volumes.source import InFile, Manner, file_identity, white_of
from fibsem.data.volumes.tiff.pages import (
    Absent,
    Page,
    alike,
    check_whole,
    look,
    of_one_size,
    page_of,
)
from fibsem.data.volumes.tiff.scenes import Scene, beside, pick, scenes_of
from fibsem.data.volumes.tiff.tags import printed_nm, tagged_nm
from fibsem.data.volumes.voxels import UNKNOWN_NM, VoxelNm, Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple

TIFF = (".tif", ".tiff")


@dataclass(frozen=True)
class TiffSource:
    """Pages of one or several files; ``first`` is a readable one."""

    first: Page
    pages: tuple[Page | Absent, ...]
    voxel_nm: VoxelNm

    @property
    def shape(self) -> Triple:
        return len(self.pages), *self.first.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.first.dtype.newbyteorder("=")

    @property
    def white(self) -> float:
        return white_of(self.dtype, None if self.first.tone.table else self.first.bits)

    @property
    def bar_rows(self) -> int:
        """Rows of a data bar below every slice, if the files state them; else 0."""
        return self.first.bar

    def shown(self, z: int) -> npt.NDArray[Any] | None:
        """Return the grey values that a palette shows for the labels of slice z, or None."""
        page = self.pages[z]
        return page.tone.greys(self.dtype) if isinstance(page, Page) else None

    def read(self, box: Box) -> Voxels:
        planes, rows, columns = box.slices
        voxels = np.empty(box.shape, self.dtype)
        for image, page in zip(voxels, self.pages[planes], strict=True):
            image[:] = page.read(rows, columns)
        return voxels

    def name(self, z: int) -> str:
        return f"slice {z} ({self.pages[z].file})"

    def identity(self) -> list[Any]:
        files = dict.fromkeys(page.file for page in self.pages)
        return [file_identity(file) if file.exists() else [file.name, "missing"] for file in files]

    def places(self, z: int) -> list[InFile]:
        page = self.pages[z]
        inside = f"{page.directory} {page.pixels}" if isinstance(page, Page) else ""
        return [(page.file, inside)]


def open_file(file: File, manner: Manner) -> TiffSource:
    """Open a stack in a file, or in all files of the set that it belongs to.

    With gaps, slices that are unreadable or unlike most others are `Absent`.
    """
    return look(file, partial(_film, manner=manner))


def scene_of(tiff: tifffile.TiffFile, file: File, manner: Manner) -> Scene:
    """Return the selected or only stack of a file."""
    scenes = scenes_of(tiff, file, by_kind=manner.series is not None)
    return pick(scenes, manner.series, file)


def _film(tiff: tifffile.TiffFile, file: File, manner: Manner) -> TiffSource:
    """Return the pages of one stack of an opened file."""
    scene = scene_of(tiff, file, manner)
    pages: list[Page | Absent] = []
    for name, planes in groupby(scene.planes, key=lambda plane: plane[0]):
        numbers = [number for _, number in planes]
        if name is None:
            pages += _pages(tiff, file, numbers, manner)
        else:
            pages += _pages_elsewhere(beside(file, name), numbers, manner)
    names = [f"page {z} of {page.file}" for z, page in enumerate(pages)]
    first, checked = alike(pages, names, gaps=manner.gaps)
    if scene.behind > 1:
        checked = tuple(_behind(first, scene.behind, tiff))
    in_file = [number for name, number in scene.planes if name is None and number < len(tiff.pages)]
    if isinstance(checked[0], Page):
        size = tagged_nm(tiff, in_file[0] if in_file else 0)
    else:
        size = _usual_of(tiff, in_file)
    return TiffSource(first, checked, stated_nm(scene.voxel_nm, size))


def _usual_of(tiff: tifffile.TiffFile, in_file: Sequence[int]) -> VoxelNm:
    """Return the voxel size of most pages, for a stack whose tagged first page is unlike them."""
    usual = usual_nm([printed_nm(tiff.pages[number]) for number in in_file])
    return usual if differing(printed_nm(tiff.pages.first), usual) else tagged_nm(tiff)


def _pages(
    tiff: tifffile.TiffFile, file: File, numbers: Sequence[int], manner: Manner
) -> list[Page | Absent]:
    """Return some directories of a file; with gaps, unreadable ones are `Absent`."""
    pages: list[Page | Absent] = []
    sizes: list[VoxelNm] = []
    for number in numbers:
        sizes.append(UNKNOWN_NM)
        try:
            if number >= len(tiff.pages):
                raise SliceError(
                    f"a TIFF must have the images that its notes tell of, but {file} has "
                    f"{len(tiff.pages)} and not number {number}."
                )
            page = tiff.pages[number]
            sizes[-1] = printed_nm(page)
            pages.append(page_of(page, tiff, file, labels=manner.labels))
        except SliceError as error:
            if not manner.gaps:
                raise
            pages.append(Absent(file, str(error)))
    names = [f"page {number} of {file}" for number in numbers]
    return of_one_size(pages, sizes, names, gaps=manner.gaps)[0]


def _pages_elsewhere(file: File, numbers: Sequence[int], manner: Manner) -> list[Page | Absent]:
    """Return some directories of another file of the set."""
    try:
        return look(file, partial(_pages, numbers=numbers, manner=manner))
    except SliceError as error:
        if not manner.gaps:
            raise SliceError(f"the files of a set must be together, but {error}") from error
        return [Absent(file, str(error)) for _ in numbers]


def _behind(page: Page, depth: int, tiff: tifffile.TiffFile) -> list[Page]:
    """Return the slices that are stored consecutively, beginning with a page."""
    if page.pixels is None:
        raise UserError(f"a TIFF must be whole, but {page.file} has 1 page of {depth}.")
    size = page.shape[0] * page.shape[1] * page.dtype.itemsize
    check_whole(page.pixels, depth * size, tiff, page.file)
    return [replace(page, pixels=page.pixels + z * size) for z in range(depth)]
