"""The sample on which post-processings are searched."""

import numpy as np

from fibsem.analysis.postprocessing import ScoredSquare
from fibsem.data.pieces import draw_pieces
from fibsem.promotion.choice import sample_of
from fibsem.training.scoring import within


def test_pieces_are_cut_out_of_their_squares_with_a_margin(material):
    """Every pixel's score says where in the volume it is."""
    dataset = material().dataset
    shape, regions, margin = dataset.samples[0].volume.shape, dataset.regions("train"), 9
    place = np.arange(np.prod(shape[1:]), dtype=np.float32).reshape(shape[1:])
    scored = []
    for region in regions:
        box = region.box.grow((0, margin, margin)).clip(shape)
        square = ScoredSquare(place[box.slices[1:]], region.read(), within(region.box, box))
        scored.append((region, square))
    pieces = draw_pieces(regions, np.random.default_rng(0), most=2)
    sample = sample_of(scored, pieces, margin)
    assert sample.weights == pieces.weight.tolist()
    assert len(sample.squares) == len(pieces.regions) == 2
    for piece, square in zip(pieces.regions, sample.squares, strict=True):
        np.testing.assert_array_equal(square.scores[square.inner], place[piece.box.slices[1:]])
        np.testing.assert_array_equal(square.labels, piece.read())
        around = piece.box.grow((0, margin, margin)).clip(shape)
        assert square.scores.shape == around.shape[1:]
