"""Every labelled pixel of a split: the pooled figures, against the squares one by one."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis.metrics import Confusion, cross_entropy
from fibsem.analysis.postprocessing import PostProcessing, segment_slice, smooth
from fibsem.data.dataset.labels import IGNORE
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.predict import BlockScorer
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.segmentation import segment_volume
from fibsem.training.scoring import scoring
from fibsem.training.scoring.estimating import estimate
from fibsem.training.scoring.scoring import check_scored, score_all, scored_squares
from tests.conftest import labels


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
    found = score_all(scored_squares(setting, scorer, "val"))
    right = Confusion.at_threshold(labels, scores, 0.5).record()
    assert {key: found[key] for key in right} == pytest.approx(right)
    assert found["loss"] == pytest.approx(cross_entropy(labels[known], scores[known]))
    other = score_all(scored_squares(setting, scorer, "val"), PostProcessing(threshold=0.3))
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


@pytest.fixture(scope="module")
def unet(material, trained):
    """Material and a trained U-Net whose pools may fall anywhere in a square."""
    spec, model = trained(1, 3, "unet", blocks=3, filters=4)
    setting = material("model=unet", "nbhd=1x1x3", "model.blocks=3", "model.filters=4")
    assert setting.config.spec == spec
    regions = [region.box.start for region in setting.dataset.regions("val")]
    assert any(start % spec.alignment for _, *place in regions for start in place)
    return setting, spec, model


def test_a_square_has_the_labels_of_the_segmented_volume(unet, tmp_path):
    """Wherever it lies among the places where a network's pools fall in the slice."""
    setting, spec, model = unet
    recipe, volume = setting.config.preprocess, setting.dataset.samples[0].volume
    plain = Segmenter.of(spec, model, recipe, PostProcessing())
    _, first = next(scored_squares(setting, Scorer(plain), "val", margin=4))
    steps = PostProcessing(1.0, float(np.median(smooth(first.scores, 1.0))))
    segmenter = replace(plain, postprocessing=steps)
    segment_volume(volume, segmenter, tmp_path, Options(valid="all", previews=0))
    mapped = labels(tmp_path / "labels.ome.zarr") > 0
    for region, square in scored_squares(setting, Scorer(segmenter), "val", steps.margin):
        found = segment_slice(square.scores, steps)[square.inner]
        assert 0.05 < found.mean() < 0.95
        assert (found == mapped[region.box.slices][0]).mean() > 0.9995  # but for ties by rounding


def test_views_of_a_square_have_the_scores_that_they_have_of_the_slice(unet):
    setting, spec, model = unet
    segmenter = Segmenter.of(spec, model, setting.config.preprocess, PostProcessing())
    scorer = Scorer(segmenter.with_views(8))
    for region, square in scored_squares(setting, scorer, "val"):
        volume = setting.volumes[region.sample]
        z, (height, width) = region.box.start[0], volume.shape[1:]
        whole = Box((z, 0, 0), (z + 1, height, width)).grow(scorer.halo)
        slice_scores = scorer(np.ascontiguousarray(np.moveaxis(volume.read(whole), 0, -1)))
        expected = slice_scores[region.box.slices[1:]]
        np.testing.assert_allclose(square.scores[square.inner], expected, atol=1e-5)


def test_validation_scores_a_piece_as_the_volume_is_scored(unet):
    setting, spec, model = unet
    found = estimate(setting, model, "val")
    truth, expected = [], []
    for _, square in scored_squares(setting, BlockScorer(spec, model), "val"):
        labelled = square.labels != IGNORE
        truth.append(square.labels[labelled])
        expected.append(square.scores[square.inner][labelled])
    truth, expected = np.concatenate(truth), np.concatenate(expected)
    order, right = (np.lexsort(pair) for pair in ((found.scores, found.labels), (expected, truth)))
    np.testing.assert_array_equal(found.labels[order], truth[right])
    np.testing.assert_allclose(found.scores[order], expected[right], atol=1e-4)  # folded norms


@pytest.mark.parametrize(
    ("given", "key", "most", "refused"),
    [
        (["model.padding=same", "train.validation=lattice"], "val_all/miou", 0, True),
        (["model.padding=same", "train.validation=lattice"], "val_all/miou", 10**6, False),
        (["model.padding=same", "train.validation=lattice"], "val/miou", 0, False),
        (["model.padding=same", "train.validation=pieces"], "val_all/miou", 0, False),
        (["train.validation=lattice"], "val_all/miou", 0, False),
        (["model=forest", "train.validation=lattice"], "val_all/miou", 0, False),
    ],
)
def test_figures_that_no_training_would_have_are_refused(
    material, monkeypatch, given, key, most, refused
):
    """Those of all labelled pixels, where a network would score too many one by one."""
    monkeypatch.setattr(scoring, "MOST_BY_PATCH", most)
    made = material(*given)
    pixels = sum(region.box.size for region in made.dataset.regions("val"))
    said = f"more than 0 are left out, and here are {pixels}"
    with pytest.raises(UserError, match=said) if refused else contextlib.nullcontext():
        scored = [made.config.spec] if made.config.train.scores_all else []
        check_scored("search.objectives", ["val/loss", key], scored, made.dataset)
