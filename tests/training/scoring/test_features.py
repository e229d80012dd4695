"""Models that are not networks: fitted in one pass, scored on the pixels of networks."""

import numpy as np
import pytest

from fibsem.inference.model.predict import BlockScorer
from fibsem.training.scoring.estimating import drawn, estimate
from fibsem.training.steps.fit import train


@pytest.mark.parametrize("model", ["forest", "threshold"])
def test_one_pass_is_reported_as_one_epoch(material, model):
    """And its figures are those of the balanced sample."""
    trees = ["model.trees=5"] if model == "forest" else []
    setting = material(f"model={model}", "nbhd=11x11x3", *trees)
    seen = []
    trained = train(setting, on_epoch=seen.append)
    assert seen == list(trained.history) == [trained.best]
    assert trained.best.val == estimate(setting, trained.model, "val").balanced
    assert trained.best.val["miou"] > 0.5  # guessing gives 0.33
    assert trained.best.train_loss > 0
    assert 0 <= trained.best.val_seconds <= trained.seconds < 60


def test_a_forest_classifies_a_pixel_as_it_does_in_its_square(material):
    """Few pixels of many are classified alone; the whole window is the reference."""
    setting = material("model=forest", "nbhd=11x11x3", "model.trees=5")
    model = train(setting).model
    some, found = drawn(setting.fixed("val")), estimate(setting, model, "val")
    pixels = some.pixels
    scorer = BlockScorer(setting.config.spec, model)
    for k, window in enumerate(some.windows):
        here = pixels.window == k
        places = pixels.y[here], pixels.x[here]
        np.testing.assert_allclose(found.scores[here], scorer(window.image)[places], atol=1e-6)
        np.testing.assert_array_equal(found.labels[here], window.labels[places])
