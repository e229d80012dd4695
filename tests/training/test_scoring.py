"""Every labelled pixel of a split: the pooled figures, against the squares one by one."""

import numpy as np
import pytest

from fibsem.analysis.metrics import Confusion, cross_entropy
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.labels import IGNORE
from fibsem.inference.model.predict import BlockScorer
from fibsem.training.scoring import score_all, scored_squares


@pytest.fixture(scope="module")
def scored(material, trained):
    """Material, a scorer of a network, and labels and scores of all validation squares."""
    setting = material("nbhd=11x11x3")
    scorer = BlockScorer(*trained(11, filters=4))
    squares = [square for _, square in scored_squares(setting, scorer, "val")]
    return setting, scorer, squares


def test_all_pixels_of_all_squares_count_once(scored):
    setting, scorer, squares = scored
    labels = np.concatenate([square.labels.ravel() for square in squares])
    scores = np.concatenate([square.scores[square.inner].ravel() for square in squares])
    known = labels != IGNORE
    found = score_all(setting, scorer, "val")
    right = Confusion.at_threshold(labels, scores, 0.5).record()
    assert {key: found[key] for key in right} == pytest.approx(right)
    assert found["loss"] == pytest.approx(cross_entropy(labels[known], scores[known]))
    other = score_all(setting, scorer, "val", PostProcessing(threshold=0.3))
    assert other["porosity"] < found["porosity"]
    assert other["loss"] == found["loss"]


def test_a_margin_is_around_a_square_and_not_in_its_figures(scored):
    """It ends at the border of the volume; what lies inside is scored as without it."""
    setting, scorer, squares = scored
    for (region, wide), narrow in zip(
        scored_squares(setting, scorer, "val", margin=7), squares, strict=True
    ):
        assert wide.scores[wide.inner].shape == region.box.shape[1:]
        assert wide.scores.size > narrow.scores.size
        assert narrow.scores.shape == region.box.shape[1:]
        np.testing.assert_allclose(wide.scores[wide.inner], narrow.scores[narrow.inner], atol=1e-5)
