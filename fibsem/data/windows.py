"""Labelled regions with their surroundings, corrected and in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.crowded import guards_that_divide
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import Split
from fibsem.data.together import together
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.uint8]
HalfArray = npt.NDArray[np.float16]
#: Pixels added before and after a region: rows, and columns.
Growth = tuple[tuple[int, int], tuple[int, int]]
#: Returns a teacher's probabilities of solid for a region, (h, w) float16.
Teaching = Callable[[Region], HalfArray]


@dataclass(frozen=True)
class LabelledWindow:
    """A labelled region with its surroundings, corrected, in memory.

    Attributes
    ----------
    region
        The labelled region.
    image
        (h + 2 halo_y, w + 2 halo_x, n_z) float32, slices last: a window cut from it is contiguous
        along a row. Mirrored at the borders of the volume.
    labels
        (h, w) uint8, 0 pore, 1 solid, ``IGNORE`` elsewhere.
    halo
        Pixels of ``image`` around ``labels``, (z, y, x).
    taught
        A teacher's probabilities of solid, (h, w) float16; None without a teacher.
    """

    region: Region
    image: FloatArray
    labels: LabelArray
    halo: Triple
    taught: HalfArray | None = None

    def around(self, y: int, x: int, height: int, width: int, reach: tuple[int, int]) -> FloatArray:
        """Return a view (height, width, n_z) from ``reach`` before the label pixel (y, x) on."""
        top, left = y + self.halo[1] - reach[0], x + self.halo[2] - reach[1]
        return self.image[top : top + height, left : left + width]


def load_windows(
    dataset: Dataset,
    split: Split,
    volumes: Mapping[str, CorrectedVolume],
    halo: Triple,
    *,
    at_least: int = 1,
    spare: int | None = None,
    teaching: Teaching | None = None,
) -> tuple[LabelledWindow, ...]:
    """Read the regions of a split with their surroundings.

    Parameters
    ----------
    dataset, split
        The dataset, and the split to read.
    volumes
        The corrected volume of every sample, by name.
    halo
        Voxels to read around each region, (z, y, x).
    at_least
        Height and width to which smaller regions are grown; the grown pixels are ``IGNORE``.
    spare
        None: smaller regions are grown below and to the right. Else they are grown evenly on both
        sides, by this many pixels more, so that crops hold a region at varying positions.
    teaching
        Returns a teacher's probabilities for a region; None without a teacher.

    Notes
    -----
    Memory: 4 (h + 2 halo_y) (w + 2 halo_x) n_z bytes a region, 81 MB for the 180 training squares
    of the thesis at 81 x 81 x 1.

    Examples
    --------
    ```python
    film = load_dataset("film")
    volumes = {
        sample.name: CorrectedVolume(sample.volume, fit_correction(sample.volume, Recipe()))
        for sample in film.samples
    }
    first, *_ = load_windows(film, "train", volumes, halo=(1, 16, 16))
    first.image.shape, first.labels.shape  # (h + 32, w + 32, 3) and (h, w)
    ```
    """
    regions = labelled_regions(dataset, split)
    return read_windows(regions, volumes, halo, at_least=at_least, spare=spare, teaching=teaching)


def read_windows(
    regions: Sequence[Region],
    volumes: Mapping[str, CorrectedVolume],
    halo: Triple,
    *,
    at_least: int = 1,
    spare: int | None = None,
    multiple: int = 1,
    teaching: Teaching | None = None,
) -> tuple[LabelledWindow, ...]:
    """Read regions with their surroundings, those of neighbouring slices together.

    Parameters are those of :func:`load_windows`; ``regions`` are in the order of their slices. With
    ``multiple`` and without ``spare``, labels are grown above and to the left, so that they begin
    at a multiple of it.
    """
    return tuple(
        _window(
            region,
            volume,
            halo,
            at_least=at_least,
            spare=spare,
            multiple=multiple,
            teaching=teaching,
        )
        for region, volume in together(regions, volumes, halo)
    )


def labelled_regions(dataset: Dataset, split: Split) -> tuple[Region, ...]:
    """Return the labelled regions of a split; raise UserError if there are none."""
    regions = dataset.regions(split)
    if not regions:
        guards = guards_that_divide(dataset)
        raise UserError(
            f"dataset {dataset.name} must have labelled {split} regions for this, but it has none; "
            "add `regions` or `labels`, name the parts in a column `split` of the region table"
            f"{f', or {guards}' if guards else ''}."
        )
    return regions


def growth(box: Box, at_least: int = 1, spare: int | None = None, multiple: int = 1) -> Growth:
    """Return the pixels by which the window of a region is larger than the region.

    Parameters are those of :func:`load_windows` and :func:`read_windows`.

    Examples
    --------
    >>> square = Box((4, 30, 30), (5, 94, 94))
    >>> growth(square, 96), growth(square, 96, spare=4), growth(square, multiple=8)
    (((0, 32), (0, 32)), ((18, 18), (18, 18)), ((6, 0), (6, 0)))
    """
    missing = [max(0, at_least - side) for side in box.shape[1:]]
    before = [start % multiple for start in box.start[1:]]
    if spare is not None:
        missing = [pixels + spare if pixels else 0 for pixels in missing]
        before = [pixels // 2 for pixels in missing]
    rows, columns = (
        (first, max(0, pixels - first)) for first, pixels in zip(before, missing, strict=True)
    )
    return rows, columns


def grown(box: Box, by: Growth) -> Box:
    """Return a box of one slice, enlarged by a :data:`Growth`."""
    (z, y, x), (end, bottom, right) = box.start, box.stop
    (above, below), (left_of, right_of) = by
    return Box((z, y - above, x - left_of), (end, bottom + below, right + right_of))


def _window(
    region: Region,
    volume: CorrectedVolume,
    halo: Triple,
    *,
    at_least: int,
    spare: int | None,
    multiple: int,
    teaching: Teaching | None,
) -> LabelledWindow:
    frame = growth(region.box, at_least, spare, multiple)
    box = grown(region.box, frame)
    labels = np.pad(region.read(), frame, constant_values=IGNORE)
    taught = np.pad(teaching(region), frame) if teaching else None
    return LabelledWindow(region, volume.block(box, halo), labels, halo, taught)
