"""Passes over the pieces of a split: as many pixels at once as are stated, in the stated memory."""

import math

import numpy as np
import pytest

from fibsem.config import Configuration, compose
from fibsem.data.pieces import MOST, SIDE
from fibsem.inference.model import pieces
from fibsem.inference.model.pieces import AT_ONCE, input_of
from fibsem.training.scoring.estimating import estimator
from tests.processes import completed

NETWORKS = [
    ["model=unet"], ["model=2dcnn", "nbhd=33x33x3"], ["model=2dcnn", "nbhd=81x81x3"],
    ["model=3dcnn", "nbhd=33x33x5"],
]  # fmt: skip


def passes(setting, scored):
    """Shapes of the inputs of each pass, by a network that scores nothing."""
    spec, shapes = setting.config.spec, []

    def forward(images):
        shapes.append(images.shape)
        rows, columns = (
            (extent - side) // spec.stride + 1
            for extent, side in zip(images.shape[1:3], spec.window, strict=True)
        )
        return np.full((len(images), rows, columns, 1), 0.5, np.float32)

    scored.append(estimator(setting, "val")(forward))
    return shapes


@pytest.mark.parametrize("at_once", [1, 25_000, 60_000, AT_ONCE])
def test_a_pass_has_no_more_pixels_than_are_stated(material, monkeypatch, at_once):
    """Or a single piece, if that is larger; all pieces are scored in either case."""
    setting, scored = material("nbhd=33x33x3", "model.blocks=2"), []
    whole = passes(setting, scored)
    monkeypatch.setattr(pieces, "AT_ONCE", at_once)
    shapes = passes(setting, scored)
    each = max(math.prod(shape[1:3]) for shape in shapes)
    assert all(math.prod(shape[:3]) <= max(at_once, each) for shape in shapes)
    assert sum(shape[0] for shape in shapes) == sum(shape[0] for shape in whole) > 1
    np.testing.assert_array_equal(scored[0].labels, scored[1].labels)


@pytest.mark.parametrize("given", NETWORKS, ids=" ".join)
def test_the_largest_piece_with_its_surroundings_is_within_a_pass(given):
    spec = Configuration(compose("train", given)).run.spec
    largest = math.ceil(1.5 * SIDE / spec.stride)
    assert math.prod(input_of(spec, (largest, largest))) <= AT_ONCE


def test_pieces_hold_no_more_grey_values_than_are_stated(material):
    """Of 64 pieces at most, of one and a half times 128 pixels, with the field around them."""
    setting = material("nbhd=81x81x3", "model.blocks=4")
    windows, spec = setting.fixed("val").windows, setting.config.spec
    most = 1.5 * SIDE + 2 * max(spec.halo[1:]) + spec.alignment
    assert 0 < len(windows) <= MOST == 64
    assert sum(window.image.nbytes for window in windows) <= MOST * most**2 * 3 * 4


@pytest.mark.slow
@pytest.mark.parametrize("given", NETWORKS, ids=" ".join)
def test_a_pass_takes_no_more_memory_than_is_stated(given, tmp_path):
    """Of a network in its default size, in a process of its own, which has traced it before."""
    done = completed(["tests.inference.model.passes", "data=demo", *given], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 1 < float(done.stdout.splitlines()[-1]) < 200  # MiB, as the page on promotion says
