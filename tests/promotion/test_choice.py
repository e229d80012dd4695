"""Where a post-processing is searched, and that the best one is chosen."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing, ScoredSquare
from fibsem.config import PostProcessingConfig
from fibsem.data.dataset.samples import by_split, with_own_keys
from fibsem.data.pieces import draw_pieces
from fibsem.inference.model.segmenter import Segmenter
from fibsem.promotion.choice import _search, sample_of
from fibsem.training.boxes import within


@pytest.mark.parametrize("alike", [False, True], ids=["own masks", "one mask"])
def test_pieces_are_cut_out_of_their_squares_with_a_margin(material, alike):
    """Every pixel's score says where in the volume it is; one mask may lie in several places."""
    (film,) = material().dataset.samples
    masks = [replace(one, name="solid.png") if alike else one for one in film.regions]
    regions = by_split(with_own_keys(replace(film, regions=tuple(masks))))["train"]
    shape, margin = film.volume.shape, 9
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


@pytest.mark.parametrize("how", ["sample", "exhaustive"])
def test_the_best_of_what_was_tried_is_chosen(material, trained, tmp_path, how):
    some, (spec, network) = material(), trained(11, filters=4, blocks=1)
    plain = Segmenter.of(spec, network, some.config.preprocess, PostProcessing())
    config = PostProcessingConfig((0.0, 1.0, 2.0), 0.3, 0.7, 5, (1,), (0,), search=how)
    found = _search(plain, some, config, tmp_path)
    surface = np.array(found.surface)
    assert surface.shape == config.grid.shape
    assert np.isfinite(surface).all() or how == "sample"
    *_, sigma, threshold = np.unravel_index(np.nanargmax(surface), surface.shape)
    best = (config.grid.sigmas[sigma], config.grid.thresholds[threshold])
    assert (found.best.sigma, found.best.threshold) == best
    assert {row.split for row in found.rows} == {"val"}
