"""Drawn labels are as uncertain as their probabilities, and err together as far as squares say."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import ndtr

from fibsem.analysis.structure.film import Film
from fibsem.analysis.structure.parts import PART, PartErrors
from fibsem.analysis.structure.redrawn import (
    fitted_length,
    redrawn,
    shift_to,
    shifted,
    spread_of,
)
from fibsem.analysis.structure.surface import Surface
from fibsem.analysis.structure.walk import walk


def probabilities(shape, seed, length=6.0, sure=2.0):
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal(shape), (0, length, length), mode="wrap")
    return ndtr(sure * field / field.std() - 0.5).astype(np.float32)


@pytest.mark.parametrize("lengths", [(0.0, 0.0, 0.0), (0.0, 3.0, 3.0), (1.0, 3.0, 3.0)])
def test_every_voxel_is_pore_as_often_as_its_probability_says(lengths):
    pore = np.broadcast_to(np.float32([0.1, 0.5, 0.8])[:, None], (20, 3, 400)).copy()
    rng = np.random.default_rng(0)
    drawn = np.mean([redrawn(pore, lengths, rng) for _ in range(60)], axis=0)
    assert drawn.mean((0, 2)) == pytest.approx([0.1, 0.5, 0.8], abs=0.02)


@pytest.mark.parametrize("length", [1.5, 6.0])
def test_the_length_comes_back_from_the_spread_of_squares(length):
    windows = probabilities((16, 48, 48), 1)
    sd = spread_of(windows, length, np.random.default_rng(5), draws=20)
    assert fitted_length(windows, sd) == pytest.approx(length, rel=0.15)


def test_drawn_porosity_varies_as_the_residuals_of_squares():
    windows = probabilities((16, 48, 48), 1)
    residuals = np.random.default_rng(2).normal(0, 0.02, 60)
    found = fitted_length(windows, float(residuals.std(ddof=1)))
    again = spread_of(windows, found, np.random.default_rng(9), draws=20)
    assert again == pytest.approx(residuals.std(ddof=1), rel=0.15)


@pytest.mark.parametrize("length", [2.0, 4.0])
def test_small_parts_of_a_few_squares_tell_the_length_and_the_spread_of_whole_ones(length):
    """A square of 64 pixels has 16 parts: its own figure is one."""
    pore = probabilities((24, 64, 64), 1)
    labelled = redrawn(pore, (0.0, length, length), np.random.default_rng(3))
    known = np.ones(pore.shape[1:], bool)
    each = [PartErrors.of(*pair, known) for pair in zip(labelled, pore, strict=True)]
    errors = sum(each, PartErrors())
    assert errors.count == 24 * 16
    found = fitted_length(pore, errors.sd, side=PART)
    assert found == pytest.approx(length, rel=0.2)
    rng, true = np.random.default_rng(9), np.random.default_rng(10)
    residuals = [(redrawn(pore, (0.0, length, length), true) - pore).mean((1, 2)) for _ in range(6)]
    assert spread_of(pore, found, rng, draws=4) == pytest.approx(np.std(residuals), rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("side", [None, PART])
def test_what_is_no_material_does_not_make_the_length_shorter(side):
    """What is stored there is unsure of every pixel, and would seem to vary by itself."""
    windows, known = probabilities((24, 64, 64), 1), np.ones((24, 64, 64), bool)
    sd = spread_of(windows, 4.0, np.random.default_rng(5), draws=10, side=side)
    known[::4] = False
    known[:, :, 56:] = side is None
    windows[~known] = 0.5
    assert fitted_length(windows, sd, side=side, known=known) == pytest.approx(4, rel=0.15)
    assert fitted_length(windows, sd, side=side) < 3.5


@pytest.mark.parametrize("porosity", [0.1, 0.4, 0.7])
def test_shifted_odds_say_the_porosity_that_is_wanted(porosity):
    pore = probabilities((4, 48, 48), 2)
    by = shift_to(pore, porosity)
    moved = shifted(pore, by)
    assert moved.mean() == pytest.approx(porosity, abs=1e-4)
    unsure = (pore > 0.05) & (pore < 0.95)
    moved, pore = moved[unsure], pore[unsure]
    odds = moved / (1 - moved) / (pore / (1 - pore))
    assert odds == pytest.approx(np.exp(by), rel=1e-2)


def test_what_is_certain_stays_so_that_not_every_porosity_can_be_said():
    pore = np.float32([[0.0, 0.0, 0.5, 1.0]])
    assert shifted(pore, 5.0)[0, [0, 1, 3]].tolist() == [0.0, 0.0, 1.0]
    assert shift_to(pore, 0.3) is not None
    assert shift_to(pore, 0.6) is None


def test_probabilities_that_are_too_sure_have_no_length():
    sure = (probabilities((10, 64, 64), 1) > 0.5).astype(np.float32)
    assert fitted_length(sure, 0.02) is None


def test_independent_voxels_would_ruin_the_surface():
    pore = probabilities((8, 96, 96), 3, length=8.0, sure=1.5)

    def surface(pores):
        film = Film.of((~pores).astype(np.uint8))
        found = Surface(film)
        walk(film, [found])
        return found.per_volume

    rng, plain = np.random.default_rng(0), surface(pore > 0.5)
    assert surface(redrawn(pore, (0.0, 0.0, 0.0), rng)) > 1.2 * plain
    assert surface(redrawn(pore, (0.0, 8.0, 8.0), rng)) < 1.1 * plain
