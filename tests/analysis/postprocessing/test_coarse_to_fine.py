"""The search by a sample against the exhaustive one, which is held against the definition."""

from itertools import product

import numpy as np
import pytest

from fibsem.analysis.metrics import pooled
from fibsem.analysis.postprocessing import (
    PostProcessing,
    SampledParts,
    ScoredSquare,
    SearchGrid,
    search,
    search_by_sample,
)
from fibsem.analysis.postprocessing.coarse_to_fine import REACH
from fibsem.config import PostProcessingConfig, compose, read
from tests.analysis.postprocessing.made import scored_square


def grid_of(*overrides):
    tree = compose("promote", list(overrides))["postprocessing"]
    return read(PostProcessingConfig, tree, "postprocessing").grid


def some_quarters(squares, margin, rng):
    """Half of the quarters of squares, drawn with equal chances."""
    height, width = (n // 2 for n in squares[0].labels.shape)
    rows, columns = (((slice(0, n), slice(n, 2 * n))) for n in (height, width))
    parts = [square.part(where, margin) for square in squares for where in product(rows, columns)]
    chosen = rng.choice(len(parts), len(parts) // 2, replace=False)
    return SampledParts([parts[k] for k in chosen], [2.0] * len(chosen))


@pytest.mark.parametrize(
    ("count", "side", "seed"),
    [(2, 64, 0), pytest.param(3, 192, 1, marks=pytest.mark.slow)],
)
def test_the_result_on_the_grid_of_the_thesis_is_that_of_trying_everything(count, side, seed):
    rng = np.random.default_rng(seed)
    grid = grid_of("experiment=thesis")
    squares = [scored_square(rng, (side, side), grid.margin) for _ in range(count)]
    best, surface = search_by_sample(squares, some_quarters(squares, grid.margin, rng), grid)
    expected, everything = search(squares, grid)
    assert best == expected
    assert np.isfinite(surface).mean() < 0.3  # of the lattice of the sample and around it
    exact = surface == everything
    assert 0 < exact.mean() < 0.1  # every pixel was looked at for so few


def test_what_is_best_on_the_sample_is_followed_to_what_is_best_on_every_pixel():
    """Here the scores of the sample are half of what they are in the other squares."""
    rng = np.random.default_rng(2)
    _, *others = (scored_square(rng, (48, 48), 16) for _ in range(10))
    low = scored_square(np.random.default_rng(2), (48, 48), 16)
    low = ScoredSquare(np.float32(0.5) * low.scores, low.labels, low.inner)
    grid = SearchGrid(tuple(np.linspace(0, 4, 9)), tuple(np.linspace(0.05, 0.95, 91)))
    best, _ = search_by_sample([low, *others], SampledParts([low], [1.0]), grid)
    assert best == search([low, *others], grid)[0]
    further = np.searchsorted(grid.thresholds, [search([low], grid)[0].threshold, best.threshold])
    assert np.diff(further) > REACH[1]


def test_weights_count_squares_as_often():
    rng = np.random.default_rng(3)
    one, other = (scored_square(rng, (40, 40), 12) for _ in range(2))
    grid = SearchGrid((0.0, 1.0, 3.0), (0.3, 0.4, 0.5))
    nothing = ScoredSquare(one.scores, np.full_like(one.labels, 255), one.inner)
    _, weighted = search_by_sample([nothing], SampledParts([one, other], [2.0, 1.0]), grid)
    np.testing.assert_allclose(weighted, search([one, one, other], grid)[1], rtol=1e-12)


def test_squares_without_labels_choose_nothing():
    square = ScoredSquare(np.ones((8, 8), np.float32), np.full((8, 8), 255), np.s_[0:8, 0:8])
    grid = SearchGrid((1.0,), (0.3, 0.4))
    best, surface = search_by_sample([square], SampledParts([square], [1.0]), grid)
    assert best == PostProcessing()
    assert np.isnan(surface).all()


def test_parts_with_their_margin_give_what_the_square_gives():
    rng = np.random.default_rng(4)
    how = PostProcessing(1.5, 0.45, 2)
    square = scored_square(rng, (30, 50), how.margin)
    sides = [slice(0, 11), slice(11, 30)], [slice(0, 20), slice(20, 50)]
    parts = [square.part((rows, columns), how.margin) for rows in sides[0] for columns in sides[1]]
    assert pooled(part.confusion(how) for part in parts) == square.confusion(how)
    assert parts[0].scores.shape == (11 + 2 * how.margin, 20 + 2 * how.margin)


def test_a_margin_ends_where_there_are_no_more_scores():
    square = ScoredSquare(
        np.ones((10, 12), np.float32), np.ones((8, 8), np.uint8), np.s_[1:9, 2:10]
    )
    part = square.part((slice(0, 4), slice(4, 8)), 3)
    assert part.scores.shape == (8, 9)
    assert part.inner == (slice(1, 5), slice(3, 7))
