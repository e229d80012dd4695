"""Overlap of single squares, by which trials are compared, on all pixels or on a sample."""

import pytest

from fibsem import models
from fibsem.analysis.metrics import Confusion
from fibsem.inference.model.predict import BlockScorer
from fibsem.promotion.squares import square_mious
from fibsem.training.scoring.estimating import estimate


def test_patch_by_patch_squares_are_scored_on_the_sample(material, monkeypatch):
    """Every labelled pixel would take hours; the same network gives both, and they agree."""
    made = material("train.share=0.5", "train.validation=lattice")
    model = models.build(made.config.spec)
    whole = square_mious(made, model)
    monkeypatch.setattr("fibsem.training.scoring.scoring.MOST_BY_PATCH", 0)
    assert square_mious(made, model) == whole  # that is for what has no dense form

    def by_patch(*network):
        scorer = BlockScorer(*network)
        scorer.mode = "patch"
        return scorer

    monkeypatch.setattr("fibsem.promotion.squares.BlockScorer", by_patch)
    sampled = square_mious(made, model)
    assert sampled.pixels == "balanced, 50 %"
    assert sampled.squares.keys() == whole.squares.keys()
    found = estimate(made, model, "val")
    labels, scores = found.labels, found.scores
    window = made.fixed("val").balanced.pixels.window
    for k, one in enumerate(made.val):
        right = Confusion.at_threshold(labels[window == k], scores[window == k], 0.5).miou
        name = f"{one.region.sample} {one.region.name}"
        assert sampled.squares[name] == pytest.approx(right)
