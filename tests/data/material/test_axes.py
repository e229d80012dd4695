"""A film whose slices lie along y or x is said to be one, and others are not."""

import numpy as np
import pytest
from scipy import ndimage

from fibsem.data.material import find_extent, odd_in
from fibsem.data.volumes import ArrayVolume, open_volume
from tests.data.material.films import compressed, film, turned

GREY = film(shape=(40, 48, 56))[0]
ORDERS = {"y": (1, 0, 2), "x": (1, 2, 0)}


@pytest.mark.parametrize(("axis", "order"), ORDERS.items())
def test_a_film_that_was_milled_along_another_axis_is_said(axis, order):
    volume = ArrayVolume(GREY.transpose(order).copy())
    said = [line for line in odd_in(volume) if "are the axes z, y, x" in line]
    assert [line[:43] for line in said] == [
        f"pixels beside each other along {axis} have less i"[:43]
    ]
    assert said[0].endswith(f"or was the film milled along {axis}?")
    assert said[0] in find_extent(volume).doubts


def cubes(seed):
    """A film of cubic voxels."""
    return film(shape=(40, 48, 56), seed=seed, sigma=(4.0, 4.0, 4.0))[0]


FILMS = {
    "as it is": GREY,
    "turned": turned(GREY),
    "compressed": compressed(GREY),
    "cubes": cubes(1),
    "cubes that lie otherwise": cubes(2).transpose(2, 0, 1).copy(),
    "nothing in common": np.random.default_rng(0).integers(1, 255, (8, 40, 50)).astype(np.uint8),
    "thin slices": ndimage.zoom(GREY[:10], (4, 1, 1), order=1),
    "a row": GREY[:, :1],
    "a column": GREY[:, :, :1],
    "two slices": GREY[:2],
}


@pytest.mark.parametrize("grey", FILMS.values(), ids=FILMS)
def test_nothing_is_said_of_films_that_lie_as_they_should(grey):
    assert not any("are the axes" in line for line in odd_in(ArrayVolume(grey)))


def test_nor_of_lines_that_differ_in_brightness():
    lines = np.random.default_rng(0).normal(0, 15, (2, *GREY.shape))
    for noise in (lines[0, :, :, :1], lines[1, :, :1]):
        grey = np.clip(GREY + noise, 1, 254).astype(np.uint8)
        assert not any("are the axes" in line for line in odd_in(ArrayVolume(grey)))


@pytest.mark.real
@pytest.mark.parametrize(("order", "said"), [((0, 1, 2), 0), ((1, 0, 2), 1), ((1, 2, 0), 1)])
def test_a_real_film_of_thick_slices(real, order, said):
    grey = open_volume(real / "vnc/film.tif").whole()[:, :300, :300].transpose(order).copy()
    assert sum("are the axes" in line for line in odd_in(ArrayVolume(grey))) == said
