"""Models that are not networks: fitted in one pass, scored on the pixels of networks."""

import numpy as np
import pytest

from fibsem.analysis.metrics import balanced_scores
from fibsem.inference.model.predict import BlockScorer
from fibsem.training.features import sample_scores
from fibsem.training.fit import train


@pytest.mark.parametrize("model", ["forest", "threshold"])
def test_one_pass_is_reported_as_one_epoch(material, model):
    """And its figures are those of the balanced sample."""
    trees = ["model.trees=5"] if model == "forest" else []
    setting = material(f"model={model}", "nbhd=11x11x3", *trees)
    seen = []
    trained = train(setting, on_epoch=seen.append)
    assert seen == list(trained.history) == [trained.best]
    labels, scores = sample_scores(setting, trained.model, "val")
    assert trained.best.val == balanced_scores(labels, scores)
    assert trained.best.val["miou"] > 0.5  # guessing gives 0.33
    assert trained.best.train_loss > 0
    assert 0 <= trained.best.val_seconds <= trained.seconds < 60
    assert len(labels) == len(setting.sample("val").pixels)
    assert labels.mean() == pytest.approx(0.5)


def test_a_forest_classifies_a_pixel_as_it_does_in_its_square(material):
    """Few pixels of many are classified alone; the whole window is the reference."""
    setting = material("model=forest", "nbhd=11x11x3", "model.trees=5")
    model = train(setting).model
    labels, scores = sample_scores(setting, model, "val")
    pixels = setting.sample("val").pixels
    scorer = BlockScorer(setting.config.spec, model)
    for k, window in enumerate(setting.val):
        here = pixels.window == k
        places = pixels.y[here], pixels.x[here]
        np.testing.assert_allclose(scores[here], scorer(window.image)[places], atol=1e-6)
        np.testing.assert_array_equal(labels[here], window.labels[places])
