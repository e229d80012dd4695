"""Borders that show little are said: what they are nobody can know."""

import numpy as np
import pytest

from fibsem.data.material import find_extent
from fibsem.data.material.quiet import quiet_depth
from fibsem.data.volumes import ArrayVolume
from tests.data.material.films import SHAPE, THIRD, clipped, drifted, film, smooth_and_clipped

GREY = film()[0][THIRD]


def doubts(stack):
    return [said for said in find_extent(ArrayVolume(stack)).doubts if "show little" in said]


def with_noise(stack, mean, deviation, *where):
    spoilt, rng = stack.astype(float), np.random.default_rng(0)
    for place in where:
        spoilt[place] = rng.normal(mean, deviation, spoilt[place].shape)
    return np.clip(spoilt, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("side", "place"),
    [("top", np.s_[:, :30]), ("bottom", np.s_[:, -40:]), ("left", np.s_[:, :, :25]),
     ("right", np.s_[:, :, -60:])],
)  # fmt: skip
@pytest.mark.parametrize(("mean", "deviation"), [(10, 6), (200, 5), (150, 8)])
def test_fill_with_noise_a_cap_and_a_substrate_are_said(side, place, mean, deviation):
    (said,) = doubts(with_noise(GREY, mean, deviation, place))
    depth = {"top": 30, "bottom": 40, "left": 25, "right": 60}[side]
    assert f"8 of 8 slices show little along their {side} border, {depth} pixels deep" in said
    assert "valid=MASK leaves it out" in said


@pytest.mark.parametrize(
    "made",
    [
        lambda: GREY,
        lambda: clipped(GREY),
        lambda: smooth_and_clipped()[THIRD],
        lambda: drifted(GREY),
    ],
)
def test_of_films_and_of_what_is_left_out_nothing_is_said(made):
    assert doubts(made()) == []


def test_of_slices_of_one_value_nothing_is_said():
    assert quiet_depth(np.zeros(SHAPE[1:]), "top") == 0
