"""Slices that are unlike their neighbours are named, and nothing is said of clean films."""

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from fibsem.data.material import find_extent, given_extent, odd_in
from fibsem.data.volumes import ArrayVolume, open_volume

DEPTH = 16


def porous(seed=0, correlated=2.0):
    """A film of blobs in noise, (16, 96, 112) uint8."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(DEPTH, 96, 112)), (correlated, 4, 4))
    solid = smooth > np.quantile(smooth, 0.3)
    grey = np.where(solid, 150, 90) + rng.normal(0, 8, solid.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


FILM = porous()


def with_slices(change, *which):
    film = FILM.copy()
    for z in which:
        film[z] = np.clip(change(film[z].astype(float)), 0, 255)
    return film


def swapped():
    film = FILM.copy()
    film[[7, 8]] = FILM[[8, 7]]
    return film


def doubled():
    film = FILM.copy()
    film[8] = FILM[7]
    return film


ODD = {
    "inverted": (with_slices(lambda s: 255 - s, 5), "slice 5 is inverted"),
    "the first": (with_slices(lambda s: 255 - s, 0), "slice 0 is inverted"),
    "some": (with_slices(lambda s: 255 - s, 5, 6, 11), "slices 5, 6, 11 are inverted"),
    "brighter": (with_slices(lambda s: s + 20, 5), "slice 5 is darker, brighter or"),
    "flat": (with_slices(lambda s: 0.6 * (s - 130) + 130, 5), "slice 5 is darker, brighter or"),
    "turned": (with_slices(lambda s: s[::-1, ::-1], 5), "slice 5 is unlike the slices beside"),
    "the last": (with_slices(lambda s: s[::-1], 15), "slice 15 is unlike the slices beside"),
    "twice": (doubled(), "slice 8 is the same as the one before"),
    "swapped": (swapped(), "slices 7 and 8 seem to be swapped"),
}


@pytest.mark.parametrize(("film", "said"), ODD.values(), ids=ODD)
def test_odd_slices_are_named_and_measured(film, said):
    (line,) = odd_in(ArrayVolume(film))
    assert line.startswith(said)
    extent = find_extent(ArrayVolume(film))
    assert extent.doubts == (line,)
    assert extent.left_out() == {}


@pytest.mark.parametrize("correlated", [0.0, 0.7, 2.0, 6.0])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_said_of_films_as_they_are(seed, correlated):
    assert list(odd_in(ArrayVolume(porous(seed, correlated)))) == []


@pytest.mark.parametrize("step", [16, 32, 64])
@pytest.mark.parametrize("seed", range(3))
def test_nor_of_films_of_few_grey_levels(seed, step):
    """Their darkest and brightest pixels jumped by a level: "slices are of 4 kinds in turn"."""
    few = porous(seed) // step * step
    assert list(odd_in(ArrayVolume(few))) == []
    few[5] += step // 2 + 20
    assert next(iter(odd_in(ArrayVolume(few)))).startswith("slice 5 is darker, brighter or")


@pytest.mark.parametrize(("usual", "once"), [(0.03, 0.05), (0.04, 0.09), (0.1, 0.2)])
def test_nor_of_a_slice_with_more_black_cracks_than_others(usual, once):
    """No grey value is near 0 otherwise."""
    film = np.clip(FILM, 70, None)
    depth = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=film.shape), (2, 5, 5))
    for z in range(DEPTH):
        share = once if z == 11 else usual
        film[z][depth[z] < np.quantile(depth[z], share)] = 0
    assert list(odd_in(ArrayVolume(film))) == []


def test_nor_of_drift_of_brightness_and_of_films_of_one_slice():
    drifting = np.clip(FILM + np.linspace(0, 60, DEPTH)[:, None, None], 0, 255).astype(np.uint8)
    for film in (drifting, FILM[:5], np.repeat(FILM[:1], DEPTH, axis=0), np.zeros_like(FILM)):
        assert list(odd_in(ArrayVolume(film))) == []


@pytest.mark.real
@pytest.mark.parametrize("z", [0, 6, 13])
def test_a_slice_that_is_brighter_by_a_tenth_of_the_contrast_is_named(real, z):
    film = open_volume(real / "shale/images.tif").whole()[:, ::4, ::4].copy()
    low, high = np.quantile(film, (0.01, 0.99))
    film[z] = np.clip(film[z] + 0.1 * (high - low), 0, 255)
    said = [f"slice {z} is darker, brighter or of other contrast than those around: look at"]
    assert [doubt[: len(said[0])] for doubt in odd_in(ArrayVolume(film))] == said


def inside(*lost):
    """A mask of one column less, and without some slices."""
    mask = np.ones(FILM.shape, np.uint8)
    mask[:, :, -9:] = 0
    mask[list(lost)] = 0
    return mask


@pytest.mark.parametrize("lost", [None, (), (6,)], ids=["all", "mask", "mask without the slice"])
def test_what_is_odd_is_said_whatever_counts_as_material(tmp_path, lost):
    """What a mask leaves out says nothing, be it a slice or what lies beside the film."""
    film = with_slices(lambda one: 255 - one, 6)
    valid = "all"
    if lost is not None:
        film[:, :, -9:] = np.arange(DEPTH)[:, None, None] % 3 * 120
        tifffile.imwrite(valid := tmp_path / "mask.tif", inside(*lost), photometric="minisblack")
    found = find_extent(ArrayVolume(film), given_extent(film.shape, str(valid)))
    said = ["slice 6 is inverted against the slices beside: look at them first"]
    assert found.doubts == (() if lost == (6,) else tuple(said))
    assert found.left_out().keys() <= {"mask"}
