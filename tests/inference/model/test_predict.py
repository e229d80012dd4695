"""Networks as functions on arrays: traced once, and no number that is none."""

import inspect
import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.data.sampling import LATTICE
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.predict import BlockScorer, SampleScorer, compiled
from fibsem.inference.model.segmenter import Member, Scorer, Segmenter
from fibsem.inference.tiling.tiles import Tiling
from fibsem.models.spec import resolve


@pytest.fixture(autouse=True, scope="module")
def networks_are_lent():
    """Not here: it is what these tests are about."""


def traces(forward):
    """How often TensorFlow has traced a network that was compiled."""
    function = inspect.getclosurevars(forward).nonlocals["forward"]
    return function.experimental_get_tracing_count()


def test_batches_of_every_size_take_one_trace(trained):
    spec, model = trained(11)
    forward = compiled(model)
    assert traces(forward) == 0
    for count in (1, 8, 5):
        forward(np.zeros((count, *spec.window, 3), np.float32))
    assert traces(forward) == 1


def test_tiles_of_every_shape_take_one_trace(trained):
    segmenter = Segmenter.of(*trained(11, name="unet"), Recipe(), PostProcessing())
    scorer = Scorer(segmenter)
    _, halo_y, halo_x = scorer.halo
    tiling = Tiling((70, 90), 32, 48, scorer.alignment)
    for rows, columns in [*tiling.tiles, *tiling.halved.tiles]:
        height, width = rows.stop - rows.start, columns.stop - columns.start
        scorer(np.zeros((height + 2 * halo_y, width + 2 * halo_x, 3), np.float32))
    assert traces(scorer.members[0]._forward) == 1


def broken(trained, bad):
    """A network one of whose weights is not a number."""
    spec, model = trained(11)
    damaged = keras.models.clone_model(model)
    weights = model.get_weights()
    weights[0][0, 0, 0, 0] = bad
    damaged.set_weights(weights)
    return spec, damaged


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_scores_that_are_no_numbers_are_no_scores(trained, bad, precision):
    """All of them would be pores: NaN is not at least the threshold."""
    spec, model = broken(trained, bad)
    grey = np.random.default_rng(0).normal(size=(20, 20, 3)).astype("float32")
    with pytest.raises(UserError, match=rf"finite probabilities, but this 2dcnn .* {precision}"):
        BlockScorer(spec, model, precision)(grey)
    healthy = Member(*trained(11))
    both = Segmenter((healthy, Member(spec, model)), Recipe(), PostProcessing(), "two")
    with pytest.raises(UserError, match="finite probabilities"):
        Scorer(both, precision)(grey)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_temperature_is_refused(trained, temperature):
    with pytest.raises(UserError, match="`temperature` that is finite and above 0"):
        Segmenter((Member(*trained(11)),), Recipe(), PostProcessing(), "t", temperature=temperature)


class Sample(SimpleNamespace):
    """As many pixels as a lattice may have."""

    def __len__(self):
        return 100


@pytest.mark.parametrize(("n", "blocks", "whole"), [(49, 4, True), (97, 5, False)])
def test_a_grid_of_wider_steps_lacks_pixels_of_a_lattice(n, blocks, whole):
    """Five pools lie 32 pixels apart, of which a lattice of 16 has twice as many."""
    sizes = {"convs_per_block": 1, "blocks": blocks, "filters": 2}
    spec = resolve("2dcnn", Nbhd(1, n, n), "valid", sizes)
    assert (LATTICE % spec.stride == 0) == whole
    sample = Sample(lattices=[SimpleNamespace(shape=(4, 4))])
    assert SampleScorer(spec, [], sample).by_grid == whole
