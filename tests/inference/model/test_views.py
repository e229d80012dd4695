"""Averaged views: by hand on a whole block, and the same in every tile of it."""

import numpy as np
import pytest

from fibsem.inference.model.predict import BlockScorer
from fibsem.inference.model.views import SYMMETRIES, View, views

#: Mirrored in y, mirrored in x, swapped, of every view by the number that it comes with.
EVERY = {
    1: {(0, 0, 0)},
    2: {(0, 0, 0), (0, 1, 0)},
    4: {(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)},
}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_there_are_as_many_views_all_different(symmetry):
    found = {(*map(int, view.mirrored), int(view.swapped)) for view in views(symmetry)}
    assert len(found) == len(list(views(symmetry))) == symmetry
    if symmetry in EVERY:
        assert found == EVERY[symmetry]


@pytest.mark.parametrize("view", list(views(8)), ids=str)
@pytest.mark.parametrize("alignment", [1, 4])
def test_a_view_is_turned_back(view, alignment):
    """With a model whose score is the pixel itself, all views are the same."""
    halo = alignment + 2
    block = noise(13 + 2 * halo, 10 + 2 * halo, 1)

    def score(seen):
        return seen[halo:-halo, halo:-halo, 0]

    found = view.scores(block, score, halo, alignment)
    np.testing.assert_array_equal(found, score(block))


@pytest.mark.parametrize("symmetry", [2, 8])
def test_scores_do_not_depend_on_the_tile_with_views_either(trained, symmetry):
    """Nor where the last tile of a slice ends between two pools. Exact but for rounding."""
    spec, model = trained(1, 3, "unet", blocks=1)
    halo, a = spec.halo[1], spec.alignment
    grey = noise(29 + 2 * halo, 26 + 2 * halo, 3)
    scorer = BlockScorer(spec, model, symmetry=symmetry)
    whole, plain = scorer(grey), BlockScorer(spec, model)(grey)
    assert np.abs(whole - plain).max() > 1e-3
    for y, x in ((slice(2 * a, 29), slice(a, 26)), (slice(0, a), slice(a, 4 * a))):
        tile = grey[y.start : y.stop + 2 * halo, x.start : x.stop + 2 * halo]
        np.testing.assert_allclose(scorer(tile), whole[y, x], rtol=0, atol=1e-5)


def test_the_mean_over_views_is_that_of_mirrored_blocks(trained):
    """By hand, where extents are multiples of the pools: the block mirrored, and its scores."""
    spec, model = trained(1, 3, "unet", blocks=1)
    side = 4 * spec.alignment + 2 * spec.halo[1]
    grey, plain = noise(side, side, 3), BlockScorer(spec, model)
    expected = (plain(grey) + plain(grey[:, ::-1])[:, ::-1]) / 2
    found = BlockScorer(spec, model, symmetry=2)(grey)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert View() == next(views(2))
