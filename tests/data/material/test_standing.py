"""Fill of a mid grey that is no rectangle is measured, and said; phases without noise are not."""

import numpy as np
import pytest
from scipy import ndimage

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume
from tests.data.material.films import (
    SHAPE,
    THIRD,
    clipped,
    compressed,
    drifted,
    film,
    smooth_and_clipped,
)

GREY, PORES = (stack[THIRD] for stack in film())
Y, X = np.indices(SHAPE[1:])
AREAS = {
    "triangle": (Y > 50) & (X > 60) & (Y + X < 210),
    "slanted": (Y > 40) & (Y < 120) & (X > 60 + Y // 2) & (X < 120 + Y // 2),
    "disc": (Y - 100) ** 2 + (X - 110) ** 2 < 30**2,
}


def filled(stack, area, value=128, slices=slice(None)):
    cut = stack.copy()
    cut[slices, area] = value
    return cut


def said(stack):
    extent = find_extent(ArrayVolume(stack))
    return extent, [line for line in extent.doubts if "always in the same place" in line]


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
@pytest.mark.parametrize("look", [np.copy, lambda s: s.astype(np.uint16) * 200])
def test_fill_that_is_no_rectangle_is_said(area, look):
    value = 128 if look is np.copy else 25600
    _, (line,) = said(filled(look(GREY), area, value))
    share = float(line.split(" %")[0])
    assert share == pytest.approx(100 * area.mean(), abs=0.5)
    assert f"of one grey value, {value}, which is neither dark nor bright" in line
    assert "valid=MASK leaves them out" in line


@pytest.mark.parametrize("value", [0, 255])
def test_fill_of_a_value_that_the_film_has_nowhere_is_said_though_it_is_dark_or_bright(value):
    _, (line,) = said(filled(np.clip(GREY, 30, 225), AREAS["disc"], value))
    assert f"of one grey value, {value}, which is nowhere else and always in the same" in line


def test_also_where_it_is_in_most_slices_only():
    assert said(filled(GREY, AREAS["triangle"], slices=slice(2, None)))[1]


def test_a_rectangle_is_left_out_instead():
    area = (Y > 50) & (Y < 120) & (X > 60) & (X < 140)
    extent, lines = said(filled(GREY, area))
    assert lines == []
    assert extent.left_out() == {"block": len(GREY) * np.count_nonzero(area)}


def phases():
    """Three phases without noise that hardly change from slice to slice."""
    field = ndimage.gaussian_filter(np.random.default_rng(2).standard_normal(SHAPE), (9, 6, 6))[:12]
    low, high = np.quantile(field, (0.3, 0.7))
    return np.select([field < low, field < high], [60, 128], 200).astype(np.uint8)


@pytest.mark.parametrize(
    "made",
    [
        lambda: GREY, lambda: clipped(GREY), lambda: smooth_and_clipped()[THIRD], phases,
        lambda: PORES.astype(np.uint8) * 255, lambda: drifted(GREY, fill=128),
        lambda: compressed(GREY, 50), lambda: GREY // 16 * 16, lambda: GREY[:3],
    ],
    ids=["clean", "clipped", "smooth", "phases", "two", "drift", "JPEG", "4 bits", "three"],
)  # fmt: skip
def test_nothing_is_said_of_films_as_they_are(made):
    assert said(made())[1] == []
