"""Grey values that went over the end of their type are named, and clipped ones are not."""

import numpy as np
import pytest

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume
from tests.data.material.films import (
    THIRD,
    clipped,
    compressed,
    film,
    saturated,
    smooth_and_clipped,
)

GREY = film()[0][THIRD]
SAID = "single pixels are dark where all around are bright, or the reverse"


def said(grey):
    return [doubt for doubt in find_extent(ArrayVolume(grey)).doubts if doubt.startswith(SAID)]


def salted(grey):
    """Pixels of a detector that count nothing or too much."""
    rng, spoilt = np.random.default_rng(0), grey.copy()
    spoilt[rng.random(grey.shape) < 0.03] = 0
    spoilt[rng.random(grey.shape) < 0.03] = 255
    return spoilt


@pytest.mark.parametrize("factor", [1.6, 2.0])
def test_values_beyond_the_end_of_a_type_are_named(factor):
    """A film of 16 bits as 8 bits: a threshold found 64 % of pores for 30 %."""
    assert len(said((GREY * factor).astype(np.uint16).astype(np.uint8))) == 1
    signed = (GREY.astype(np.float64) - 120) * 200  # below 0 in 16 bits with a sign
    assert len(said(signed.astype(np.int16).view(np.uint16))) == 1


def of_two(sigma, *greys, noise):
    """Two phases, as fine as pixels if ``sigma`` is."""
    rng = np.random.default_rng(0)
    pores = film(sigma=(sigma,) * 3)[1][THIRD]
    grey = np.where(pores, *greys) + noise * rng.standard_normal(pores.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "grey",
    [
        GREY, GREY * np.uint16(257), clipped(GREY), saturated(GREY), smooth_and_clipped()[THIRD],
        salted(GREY), salted(clipped(GREY)), compressed(saturated(GREY)),
        np.random.default_rng(0).integers(0, 256, GREY.shape, np.uint8),
        of_two(0.6, 20, 235, noise=8), of_two(0.6, 3, 252, noise=0), of_two(4, 0, 255, noise=0),
        of_two(0.6, 20, 235, noise=0), of_two(0.6, 10, 245, noise=20), of_two(2, 40, 220, noise=40),
        np.clip((GREY.astype(float) - 85) * 255 / 65, 0, 255).astype(np.uint8),
    ],
)  # fmt: skip
def test_nothing_is_said_of_others(grey):
    assert said(grey) == []
