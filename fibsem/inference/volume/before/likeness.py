"""Whether a film is like those that a model was trained on; said before it is labelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from fibsem.data.greys import Histogram, Moments, distance
from fibsem.data.preprocessing import Scaling
from fibsem.data.volumes import VoxelNm, stated_nm
from fibsem.data.volumes.lengths import differing
from fibsem.data.volumes.voxels import Voxels
from fibsem.geometry import Triple
from fibsem.system.advice import RANGE, VOXEL_NM
from fibsem.system.summaries.figures import AxisName

#: Relative difference of voxel sizes that is not said.
SAME_SIZE = 0.05
#: Distance of grey values, in standard deviations, from which they are said to be far. Parts of one
#: film are up to 0.07 apart and films of one recipe up to 0.03; the three real films are 0.14 to
#: 0.19 apart (experiments/reliability/inputs-material.md).
FAR = 0.1
#: From where on means and spreads of grey values that are not standardised are said to be far: one
#: standard deviation of the mean, or twice the spread, or half of it. Quarters of one real film are
#: up to 0.3 apart.
OFF = 1.0
#: Share of the grey values beyond their range from which it is said.
CLIPPED = 0.1


@dataclass(frozen=True)
class TrainedOn:
    """What a model was trained on: voxel size, and the grey values of every sample.

    ``solid_share`` is that of the pixels on which its probabilities were calibrated, and
    ``moments`` are those of the corrected grey values. Older models do not know them.
    """

    voxel_nm: VoxelNm
    greys: tuple[Histogram, ...] = ()
    solid_share: float | None = None
    moments: tuple[Moments, ...] = ()


def assumed_axes(film: VoxelNm, models: Sequence[TrainedOn]) -> tuple[AxisName, ...]:
    """Axes along which the size of a film's voxels is that of the model, for want of its own.

    >>> assumed_axes((None, 10.0, None), [TrainedOn((50.0, 10.0, None))])
    ('z',)
    """
    learnt = models[0].voxel_nm if models else film
    return tuple(
        axis
        for axis, ours, theirs in zip(get_args(AxisName), film, learnt, strict=True)
        if ours is None and theirs is not None
    )


def size_warnings(film: VoxelNm, models: Sequence[TrainedOn]) -> Iterator[str]:
    """Say where a film's voxel size is the model's for want of its own, or another one.

    Parameters
    ----------
    film
        As the user or the files state it, None where neither does.
    models
        Of which the first one gives what is not known.
    """
    assumed, sizes = assumed_axes(film, models), zip("zyx", models[0].voxel_nm, strict=True)
    taken = [f"{axis} {theirs:g} nm" for axis, theirs in sizes if axis in assumed]
    if taken:
        yield (
            f"neither the volume nor `{VOXEL_NM}` states the voxel size, and the model's is taken: "
            f"{', '.join(taken)}; {VOXEL_NM.at('[z,y,x]')} states it, here or for quantify"
        )
    for size in dict.fromkeys(model.voxel_nm for model in models):
        if differs(film, size):
            yield (
                f"the voxels of the volume are {in_words(film)} nm (z, y, x), those of the "
                f"training were {in_words(size)}: a network has learnt sizes in pixels"
            )


def mirrored(shape: Triple, halo: Triple) -> Iterator[str]:
    """Say along which axes a film ends before a network's window does, wherever that lies.

    >>> list(mirrored((24, 300, 300), (1, 16, 16)))
    []
    >>> next(mirrored((1, 300, 300), (1, 16, 16)))[:53]
    'the film has 1 voxels along z, and each is judged by '
    """
    for axis, size, reach in zip("zyx", shape, halo, strict=True):
        if size <= reach:
            yield (
                f"the film has {size} voxels along {axis}, and each is judged by what lies up to "
                f"{reach} to both sides: most of that is the film mirrored, which no training saw"
            )


def overruled(given: VoxelNm, files: VoxelNm) -> Iterator[str]:
    """Say along which axes the files of a film state another voxel size than the user gives.

    >>> list(overruled((10.0, None, 50.0), (50.0, 10.0, None)))
    ['the files state 50 nm along z, but `voxel_nm` says 10 nm']
    """
    for axis in differing(given, files):
        k = "zyx".index(axis)
        yield f"the files state {files[k]:g} nm along {axis}, but `{VOXEL_NM}` says {given[k]:g} nm"


def stated_unlike(given: VoxelNm, files: VoxelNm, models: Sequence[TrainedOn]) -> Iterator[str]:
    """Say where the files of a film state another size than is typed, or than the models know."""
    yield from overruled(given, files)
    yield from size_warnings(stated_nm(given, files), models)


def clipped(slices: Iterable[Voxels], ends: tuple[float, float]) -> Iterator[str]:
    """Say how much of a film lies beyond the range that its grey values are read by.

    Parameters
    ----------
    slices
        Some, as they are stored.
    ends
        Of the range.
    """
    low, high = ends
    beyond = [((image < low).mean(), (image > high).mean()) for image in slices]
    below, above = np.mean(beyond, axis=0).tolist() if beyond else (0.0, 0.0)
    if max(below, above) > CLIPPED:
        yield (
            f"{100 * below:.0f} % of the grey values lie below the range of {low:g} to {high:g} "
            f"that they are read by, {100 * above:.0f} % above: they count as its ends; "
            f"{RANGE.at('[LOW,HIGH]')} states another one"
        )


def differs(one: VoxelNm, other: VoxelNm) -> bool:
    """Whether voxels have another size along an axis on which both are told.

    >>> differs((50.0, 10.0, 10.0), (None, 10.2, 10.2)), differs((50.0, 10.0, 10.0), (25.0, 10, 10))
    (False, True)
    """
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a and b]
    return any(abs(a / b - 1) > SAME_SIZE for a, b in pairs)


def grey_distance(own: Histogram, trained_on: Sequence[Sequence[Histogram]]) -> float:
    """Distance to the nearest training sample of the model to which it is largest.

    Both are standardised, so that brightness and contrast do not count.
    """
    return max(min(distance(own, other) for other in greys) for greys in trained_on)


def grey_warnings(far: float | None) -> Iterator[str]:
    """Say where grey values are far from those of the training."""
    if far is not None and far > FAR:
        yield (
            f"the grey values are distributed unlike those of every training sample (distance "
            f"{far:.2f} s.d., of parts of one film at most {FAR:g}): look at the previews first"
        )


def scale_warnings(
    own: Moments, trained_on: Sequence[Sequence[Moments]], scaling: Scaling
) -> Iterator[str]:
    """Say where a film is much darker, brighter, flatter or harsher than all of the training.

    Only a network whose films were not standardised sees any of that: with ``none`` what takes
    12-bit values for 16-bit ones labels a film that is all but black.
    """
    learnt = [films for films in trained_on if films]
    if scaling == "standardise" or not learnt:
        return
    nearest = max((min(films, key=own.off) for films in learnt), key=own.off)
    if own.off(nearest) > OFF:
        yield (
            f"the grey values (mean {own.mean:.2g}, s.d. {own.spread:.2g}) are far from those of "
            f"every training sample (nearest: {nearest.mean:.2g}, {nearest.spread:.2g}), and "
            f"scaling={scaling} of the model leaves them so: {RANGE.at('[low,high]')} says what "
            "is black and white"
        )


def in_words(voxel_nm: VoxelNm) -> str:
    """A voxel as people write it.

    >>> in_words((50.0, None, 10.0))
    '50 x ? x 10'
    """
    return " x ".join("?" if nm is None else f"{nm:g}" for nm in voxel_nm)
