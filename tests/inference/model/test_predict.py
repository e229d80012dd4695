"""Networks as functions on arrays: no time is lost with tracing them again."""

import inspect

import numpy as np

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.inference.model.predict import compiled
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.tiling.tiles import Tiling


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
