"""What is left out of a film without noise is in doubt: its phases look like fill."""

import numpy as np
import pytest
from scipy import ndimage

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume
from tests.data.material.films import clipped, drifted, film, jittered, turned, with_bar

SHAPE = (12, 200, 220)


def phases(porosity, lengths=(1, 4, 4), seed=0):
    """Black pores in white solid, of these lengths along z, y and x."""
    noise = np.random.default_rng(seed).standard_normal(SHAPE)
    field = ndimage.gaussian_filter(noise, lengths)
    return np.where(field < np.quantile(field, porosity), 0, 255).astype(np.uint8)


def found(stack):
    """Kinds of what is left out, and the doubts about it."""
    extent = find_extent(ArrayVolume(stack))
    said = [line for line in extent.doubts if "has no noise" in line]
    assert all(line.endswith("; valid=all keeps them") for line in said)
    return {*extent.left_out()}, said


@pytest.mark.parametrize(
    ("porosity", "lengths", "seed"),
    [(0.3, (1, 1.5, 15), 2), (0.5, (1, 1.5, 15), 2), (0.4, (3, 1.5, 15), 1)],
)
def test_long_pores_that_were_taken_for_a_rim_are_told(porosity, lengths, seed):
    kinds, said = found(phases(porosity, lengths, seed))
    assert kinds == {"rim"}
    (line,) = said
    assert "of 12 slices, such as" in line
    assert "have a rim that is left out" in line


def test_rows_of_solid_that_were_taken_for_a_bar_are_told():
    kinds, said = found(drifted(phases(0.05, seed=3)))
    assert kinds == {"rim", "bar"}
    (line,) = said
    assert line.startswith("the lower 17 rows are left out as a data bar")


@pytest.mark.parametrize("spoil", [drifted, jittered, turned, with_bar])
@pytest.mark.parametrize(
    "clean",
    [phases(0.3, seed=9), phases(0.3, (1, 1.5, 15)), film()[0][:12], clipped(film()[0][:12])],
    ids=["without noise", "long pores", "noise", "clipped"],
)
def test_of_true_rims_and_bars_nothing_is_said(spoil, clean):
    kinds, said = found(spoil(clean))
    assert kinds >= {"bar" if spoil is with_bar else "rim"}
    assert said == []


def test_of_what_is_kept_nothing_is_said():
    assert found(phases(0.3)) == (set(), [])


def test_a_block_of_fill_is_no_rim():
    """Blocks are proven by being rectangles; in a few slices they were called rims."""
    stack = phases(0.3, seed=9)
    stack[4:7, 60:110, 70:140] = 128
    kinds, said = found(stack)
    assert kinds == {"block"}
    assert said == []
