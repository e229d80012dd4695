"""A range that makes most of a film black or white is said."""

import numpy as np
import pytest

from fibsem.data.dataset.samples import Sample
from fibsem.data.doubts.clipping import clipped
from fibsem.data.material import Extent
from fibsem.data.volumes import ArrayVolume
from tests.data.material.films import film

GREY = film()[0]


def said(grey, value_range, extent=None):
    return list(clipped(Sample("film", ArrayVolume(grey, value_range=value_range), extent=extent)))


@pytest.mark.parametrize(
    ("grey", "value_range", "end"),
    [
        (GREY, (0, 1), "white"),
        (GREY.astype(np.uint16) + 30000, (0, 4095), "white"),
        (GREY, (200, 4095), "black"),
        (GREY / np.float32(255), (0, 0.1), "white"),
    ],
)
def test_most_of_a_film_beyond_an_end_is_said(grey, value_range, end):
    (line,) = said(grey, value_range)
    low, high = value_range
    assert line.startswith(f"film: range [{low:g}, {high:g}] makes ")
    assert f"% of the film {end}: are these its grey values?" in line


@pytest.mark.parametrize("value_range", [None, (0, 255), (60, 190), (0, 4095)])
def test_nothing_is_said_of_ranges_as_they_are(value_range):
    assert said(GREY, value_range) == []


def test_what_is_no_material_does_not_count():
    mask = np.zeros(GREY.shape, np.uint8)
    mask[:, :40] = 1
    filled = np.where(mask, GREY, np.uint8(255))
    extent = Extent(GREY.shape, mask=ArrayVolume(mask))
    assert said(filled, (0, 254)) != []
    assert said(filled, (0, 254), extent) == []
