"""Fill with a curved edge is measured, and said; pores that were clipped to black are not."""

import numpy as np
import pytest

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume
from tests.data.material.films import THIRD, clipped, compressed, drifted, film, jittered, turned


def bent(grey, share, depth, value=0):
    """Fill along a part of the upper side, down to an arc that differs from slice to slice."""
    filled, (y, x) = grey.copy(), np.mgrid[: grey.shape[1], : grey.shape[2]]
    for z, image in enumerate(filled):
        arc = np.sin(np.pi * np.clip((x - 5 - z) / (share * grey.shape[2]), 0, 1))
        image[y < np.floor(depth * (1 + 0.15 * np.sin(z)) * arc)] = value
    return filled


def said(grey):
    return [line for line in find_extent(ArrayVolume(grey)).doubts if "one grey value" in line]


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize(("share", "depth"), [(0.3, 40), (0.5, 40), (0.7, 40), (0.5, 80)])
def test_fill_with_a_curved_edge_is_said(share, depth, value):
    """It is 3 to 13 % of the film, which count as pores where it is black."""
    (line,) = said(bent(film()[0][THIRD], share, depth, value))
    assert "8 of 8 slices have one grey value over" in line
    assert "valid=MASK leaves it out" in line


@pytest.mark.parametrize("porosity", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("change", [clipped, lambda grey: 255 - clipped(grey)])
def test_clipped_pores_are_everywhere(porosity, change):
    assert said(change(film(porosity)[0][THIRD])) == []


@pytest.mark.parametrize("change", [drifted, jittered, turned, lambda g: compressed(drifted(g))])
def test_nor_is_fill_that_was_found(change):
    grey = film()[0][THIRD]
    assert said(change(grey)) == []
    assert said(change(clipped(grey))) == []
