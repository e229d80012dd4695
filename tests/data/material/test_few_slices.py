"""In one to three slices nothing can be said to stand still: what looks like a bar is said."""

import numpy as np
import pytest

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume
from tests.data.material.films import clipped, drifted, film, with_bar

GREY = film()[0]


def doubted(stack):
    return [line for line in find_extent(ArrayVolume(stack)).doubts if "data bar" in line]


def at_the_top(stack):
    return with_bar(stack[:, ::-1])[:, ::-1]


@pytest.mark.parametrize("slices", [1, 2, 3])
@pytest.mark.parametrize(("mark", "side"), [(with_bar, "lower"), (at_the_top, "upper")])
def test_a_bar_that_cannot_be_told_is_said(slices, mark, side):
    (line,) = doubted(mark(GREY)[:slices])
    assert line.startswith(f"the {side} 30 rows look like a data bar, which fewer than 4 slices")


def test_a_bar_that_was_found_is_not():
    assert doubted(with_bar(GREY)) == []


@pytest.mark.parametrize("change", [np.copy, clipped, drifted, lambda s: 255 - clipped(s)])
@pytest.mark.parametrize("porosity", [0.1, 0.3, 0.7])
def test_nor_is_film(change, porosity):
    stack = change(film(porosity)[0])
    assert [line for n in (1, 2, 3) for line in doubted(stack[:n])] == []
