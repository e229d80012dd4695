"""Gain and cost of views, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis.metrics import pooled
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.promotion.symmetry import compare_views
from fibsem.training.scoring.scoring import scored_squares


def test_views_are_compared_square_by_square(material, trained):
    """All validation squares are smaller than a piece here: the pieces are the squares."""
    spec, model = trained(11, filters=4)
    here = material()
    one = Segmenter.of(spec, model, here.config.preprocess, PostProcessing(1.0, 0.5, 1, 0))
    found = compare_views(one, here, 4).views
    assert list(found) == ["1", "2", "4"]
    mious = {}
    for count in (1, 4):
        scorer = Scorer(replace(one, symmetry=count))
        squares = scored_squares(here, scorer, "val", one.postprocessing.margin)
        parts = [square.confusion(one.postprocessing) for _, square in squares]
        assert found[str(count)]["val_miou"] == pytest.approx(pooled(parts).miou)
        mious[count] = np.array([part.miou for part in parts])
    assert found["4"]["squares"] == len(mious[4])
    assert found["4"]["gain"] == pytest.approx((mious[4] - mious[1]).mean())


def test_what_goes_patch_by_patch_would_take_hours(material, trained):
    spec, model = trained(11, padding="same", filters=4, blocks=1)
    here = material("model.padding=same")
    one = Segmenter.of(spec, model, here.config.preprocess, PostProcessing())
    assert compare_views(one, here, 2).views == {}
