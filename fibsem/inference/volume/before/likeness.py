"""Compares a film with those that a model was trained on, and warns of differences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from fibsem.data.greys import Histogram, Moments, distance
from fibsem.data.preprocessing import Scaling
from fibsem.data.volumes import VoxelNm, stated_nm
from fibsem.data.volumes.lengths import differing, in_words, unlikely
from fibsem.data.volumes.voxels import Voxels
from fibsem.geometry import Triple
from fibsem.system.advice import MIN_VOLUME_NM3, RANGE, VOXEL_NM
from fibsem.system.summaries.figures import AxisName

#: Relative difference of voxel sizes up to which there is no warning.
SAME_SIZE = 0.05
#: Distance of grey values, in standard deviations, from which on there is a warning. Parts of one
#: film are up to 0.07 apart and simulated films of one recipe up to 0.03; the three real films are
#: 0.14 to 0.19 apart (experiments/reliability/inputs-material.md).
FAR = 0.1
#: For grey values that are not standardised: difference of the means, in standard deviations, and
#: binary logarithm of the ratio of the standard deviations, from which on there is a warning.
#: Quarters of one real film differ by up to 0.3.
OFF = 1.0
#: Share of the grey values outside the range from which on there is a warning.
CLIPPED = 0.1


@dataclass(frozen=True)
class TrainedOn:
    """Properties of a model's training data: voxel size, and grey values of every sample.

    ``solid_share`` is the share of solid in the pixels on which probabilities were calibrated;
    ``moments`` are mean and standard deviation of the corrected grey values. Models of earlier
    versions do not have them.
    """

    voxel_nm: VoxelNm
    greys: tuple[Histogram, ...] = ()
    solid_share: float | None = None
    moments: tuple[Moments, ...] = ()


def assumed_axes(film: VoxelNm, models: Sequence[TrainedOn]) -> tuple[AxisName, ...]:
    """Axes along which a film states no voxel size, so that the one of the model is assumed.

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
    """Warn of axes along which a film's voxel size is assumed, or differs from the model's.

    Parameters
    ----------
    film
        Voxel size as the user or the files state it; None where neither does.
    models
        Training data of the models; the first one gives sizes that are assumed.
    """
    assumed, sizes = assumed_axes(film, models), zip("zyx", models[0].voxel_nm, strict=True)
    texts = [f"{axis} {theirs:g} nm" for axis, theirs in sizes if axis in assumed]
    if texts:
        yield (
            f"neither the volume nor `{VOXEL_NM}` states the voxel size, and the model's is taken: "
            f"{', '.join(texts)}; {VOXEL_NM.at('[z,y,x]')} states it, here or for quantify"
        )
    for size in dict.fromkeys(model.voxel_nm for model in models):
        if differs(film, size):
            yield (
                f"the voxels of the volume are {in_words(film)} nm (z, y, x), those of the "
                f"training were {in_words(size)}: a network has learnt sizes in pixels"
            )


def mirrored(shape: Triple, halo: Triple) -> Iterator[str]:
    """Warn of axes along which every window reaches beyond both ends of a film.

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


def overruled(voxel_nm: VoxelNm, files: VoxelNm) -> Iterator[str]:
    """Warn of axes along which the files of a film state another voxel size than the user.

    >>> list(overruled((10.0, None, 50.0), (50.0, 10.0, None)))
    ['the files state 50 nm along z, but `voxel_nm` says 10 nm']
    """
    for axis in differing(voxel_nm, files):
        k = "zyx".index(axis)
        stated = f"the files state {files[k]:g} nm along {axis}"
        yield f"{stated}, but `{VOXEL_NM}` says {voxel_nm[k]:g} nm"


def removing_nothing(least_nm3: float, voxel_nm: VoxelNm) -> Iterator[str]:
    """Warn if `min_volume_nm3` removes no component, as a single voxel has as much volume.

    >>> list(removing_nothing(1e6, (50.0, 10.0, 10.0)))
    []
    >>> list(removing_nothing(0.001, (50.0, 10.0, 10.0)))
    ['`min_volume_nm3` of 0.001 removes nothing: a voxel has 5000 nm3, and a cubic micrometre 1e9']
    """
    voxel = math.prod(nm or math.inf for nm in voxel_nm)
    if 0 < least_nm3 <= voxel:
        yield (
            f"`{MIN_VOLUME_NM3}` of {least_nm3:g} removes nothing: a voxel has {voxel:g} nm3, and "
            "a cubic micrometre 1e9"
        )


def stated_unlike(voxel_nm: VoxelNm, files: VoxelNm, models: Sequence[TrainedOn]) -> Iterator[str]:
    """Warn if a voxel size is unlikely, or differs from that of the files or of the models."""
    yield from unlikely(stated_nm(voxel_nm, files), files)
    yield from overruled(voxel_nm, files)
    yield from size_warnings(stated_nm(voxel_nm, files), models)


def clipped(slices: Iterable[Voxels], ends: tuple[float, float]) -> Iterator[str]:
    """Warn of grey values outside the range that is mapped to 0 and 1.

    Parameters
    ----------
    slices
        Some slices, with grey values as they are stored.
    ends
        Ends of the range.
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
    """Whether two voxel sizes differ along an axis on which both are known.

    >>> differs((50.0, 10.0, 10.0), (None, 10.2, 10.2)), differs((50.0, 10.0, 10.0), (25.0, 10, 10))
    (False, True)
    """
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a and b]
    return any(abs(a / b - 1) > SAME_SIZE for a, b in pairs)


def grey_distance(of_film: Histogram, trained_on: Sequence[Sequence[Histogram]]) -> float:
    """Distance of grey values to the nearest training sample; the largest over the models.

    Both distributions are standardised, so that brightness and contrast do not count.
    """
    return max(min(distance(of_film, histogram) for histogram in greys) for greys in trained_on)


def grey_warnings(far: float | None, models: int = 1) -> Iterator[str]:
    """Warn if the distribution of grey values is far from those of the training of a model."""
    if far is not None and far > FAR:
        of_one = f" of one of the {models} models" if models > 1 else ""
        yield (
            f"the grey values are distributed unlike those of every training sample{of_one} "
            f"(distance {far:.2f} s.d., of parts of one film at most {FAR:g}): look at the "
            "previews first"
        )


def scale_warnings(
    moments: Moments, trained_on: Sequence[Sequence[Moments]], scaling: Scaling
) -> Iterator[str]:
    """Warn if a film is much darker, brighter, or of other contrast than all training films.

    This matters only if grey values are not standardised (``preprocess.scaling=none``): a film with
    12-bit values in 16 bits would look nearly black to the network.
    """
    learnt = [films for films in trained_on if films]
    if scaling == "standardise" or not learnt:
        return
    nearest = max((min(films, key=moments.off) for films in learnt), key=moments.off)
    if moments.off(nearest) > OFF:
        yield (
            f"the grey values (mean {moments.mean:.2g}, s.d. {moments.spread:.2g}) are far from "
            f"those of every training sample (nearest: {nearest.mean:.2g}, {nearest.spread:.2g}), "
            f"and scaling={scaling} of the model leaves them so: {RANGE.at('[low,high]')} says "
            "what is black and white"
        )
