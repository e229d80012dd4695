"""In one to three slices nothing can be said to stand still: what looks like a bar is said."""

import numpy as np
import pytest
import tifffile

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume, open_volume
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


def by_fei(folder, stack, rows, columns):
    """Slices whose files state how much of them was scanned."""
    text = f"[User]\r\nDate=1\r\n[Image]\r\nResolutionX={columns}\r\nResolutionY={rows}\r\n"
    for z, image in enumerate(stack):
        tifffile.imwrite(folder / f"s{z}.tif", image, extratags=[(34682, "s", 0, text, True)])
    return find_extent(open_volume(folder))


@pytest.mark.parametrize("slices", [1, 2, 6])
def test_a_bar_whose_height_the_files_state_is_left_out(tmp_path, slices):
    height, width = GREY.shape[1:]
    extent = by_fei(tmp_path, with_bar(GREY)[:slices], height - 30, width)
    assert extent.left_out() == {"bar": slices * 30 * width}
    assert [line for line in extent.doubts if "data bar" in line] == []


@pytest.mark.parametrize(
    ("rows", "columns"), [(170, 440), (200, 220), (400, 220), (20, 220), ("", 220), (170, "x")]
)
def test_what_a_file_states_of_another_picture_says_nothing(tmp_path, rows, columns):
    extent = by_fei(tmp_path, with_bar(GREY)[:2], rows, columns)
    assert extent.left_out() == {}
    assert any("the lower 30 rows look like a data bar" in line for line in extent.doubts)


def test_a_bar_that_was_found_is_not():
    assert doubted(with_bar(GREY)) == []


@pytest.mark.parametrize("change", [np.copy, clipped, drifted, lambda s: 255 - clipped(s)])
@pytest.mark.parametrize("porosity", [0.1, 0.3, 0.7])
def test_nor_is_film(change, porosity):
    stack = change(film(porosity)[0])
    assert [line for n in (1, 2, 3) for line in doubted(stack[:n])] == []
