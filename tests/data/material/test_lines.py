"""Text in all slices, slipped lines, mosaics and copied parts are said; sound films are not."""

import numpy as np
import pytest

from fibsem.data.material import find_extent, given_extent, odd_in
from fibsem.data.volumes import ArrayVolume
from tests.data.material.films import SHAPE, compressed, film

GREY = film()[0]
Y, X = np.indices(SHAPE[1:])
BAR = (Y >= 180) & (Y < 184) & (X >= 150) & (X < 210)


def said(stack, asked=None):
    return find_extent(ArrayVolume(np.ascontiguousarray(stack)), asked).doubts


def painted(area, value, stack=GREY):
    return np.where(area, stack.dtype.type(value), stack)


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (painted(BAR, 255), "0.55 % of the pixels are white (255) at the same place in all"),
        (painted(BAR, 0), "0.55 % of the pixels are black (0) at the same place in all"),
        (compressed(painted(BAR, 255)), "0.55 % of the pixels are white (255)"),
        (painted(Y == 80, 255), "0.5 % of the pixels are white (255)"),
    ],
    ids=["white", "black", "JPEG", "a line"],
)
def test_what_is_burnt_into_all_slices_is_said(stack, words):
    (line,) = said(stack)
    assert line.startswith(words)
    assert "valid=MASK leaves them out" in line
    assert said(stack, given_extent(stack.shape, "all")) == ()  # as the user says
    assert [*odd_in(ArrayVolume(stack))] == [line]


def test_a_hole_or_particle_that_goes_through_all_slices_is_no_text():
    moves = np.random.default_rng(3).integers(-1, 2, (len(GREY), 2))
    for value in (0, 255):
        stack = GREY.copy()
        for image, (dy, dx) in zip(stack, moves, strict=True):
            image[(Y - 100 - dy) ** 2 + (X - 110 - dx) ** 2 < 144] = value
        assert said(stack) == ()


@pytest.mark.parametrize("other", [np.roll(GREY, 3, 2), np.roll(GREY, 1, 0), film(seed=1)[0]])
def test_lines_that_are_shifted_in_turn_or_of_two_slices_are_said(other):
    mixed = GREY.copy()
    mixed[:, 1::2] = other[:, 1::2]
    for kind, stack in (("row", mixed), ("column", mixed.transpose(0, 2, 1))):
        lines = said(stack[:, 3:, 3:])  # without what the shift took to the other side
        words = f"every second {kind} has more in common with the next but one"
        assert [line[: len(words)] for line in lines] == [words]


def test_lines_that_come_twice_are_said():
    lines = said(GREY.repeat(2, 1))
    assert [line[:32] for line in lines] == ["50 % of the rows are the same as"]


def test_a_mosaic_that_does_not_fit_is_said():
    mosaic = np.where(X < 110, GREY, np.roll(GREY, 30, 1))[:, 30:]
    (line,) = said(mosaic)
    assert line.startswith("columns 109 and 110 have less in common than others")
    mosaic = np.where(Y < 100, GREY, np.roll(GREY, 30, 2))[:, :, 30:]
    (line,) = said(mosaic)
    assert line.startswith("rows 99 and 100 have less in common than others")


@pytest.mark.parametrize(
    ("part", "share"),
    [(np.s_[100:], 50), (np.s_[100:, 110:], 23), (np.s_[:, :60], 26), (np.s_[1::2], 50)],
    ids=["half", "quarter", "columns", "every second row"],
)
def test_a_slice_that_is_in_part_the_one_before_is_said(part, share):
    stack = GREY.copy()
    stack[9][part] = stack[8][part]
    (line,) = said(stack)
    assert line.startswith(f"slice 9 is the same as the one before in a part ({share} %)")


@pytest.mark.parametrize("pixels", [2, 3])
def test_of_fine_layers_nobody_is_asked_whether_their_axes_are_right(pixels):
    noise = np.random.default_rng(0).normal(0, 15, SHAPE)
    for place in (Y, X):
        layers = np.where((place // pixels) % 2, 150, 85) + noise
        assert said(layers.clip(1, 254).astype(np.uint8)) == ()


def test_edges_of_blocks_that_were_never_written_are_no_seams():
    cut = GREY.copy()
    cut[:, 40:120, 30:200] = 0
    assert said(cut) == ()
