"""Validation on pieces: the scores are those of whole squares, the figures those of the split."""

import numpy as np
import pytest

from fibsem.analysis.estimates import Estimate
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.inference.model import pieces as scorers
from fibsem.inference.model.predict import BlockScorer, compiled, sliding_window
from fibsem.models import build
from fibsem.training.scoring.estimating import drawn, estimate, estimator, most_lattices
from fibsem.training.scoring.scoring import score_all, scored_squares
from fibsem.training.steps.fit import train


@pytest.mark.parametrize(
    ("model", "nbhd", "blocks"),
    [("2dcnn", "11x11x3", 1), ("2dcnn", "33x33x3", 2), ("unet", "1x1x3", 2)],
)
def test_a_piece_is_scored_as_the_square_that_it_is_cut_from(
    material, monkeypatch, model, nbhd, blocks
):
    """On the lattice of a network's stride, in batches that are as small as they may be, too."""
    small = f"model.blocks={blocks}", "model.filters=4"
    setting = material(f"model={model}", f"nbhd={nbhd}", *small)
    spec = setting.config.spec
    if spec.family == "pixel":
        assert spec.stride > 1
    network = build(spec)
    found = estimator(setting, "val")(compiled(network))
    scorer, expected, labels = BlockScorer(spec, network), [], []
    draws, s = setting.fixed("val"), spec.stride
    windows = draws.windows
    lattices = draws.lattices(most_lattices(spec, windows, setting.usual_pixels))
    assert len(lattices) >= len(windows)
    whole = [scorer(window.image) for window in windows]
    for piece, (y, x) in zip(lattices.piece, lattices.start, strict=True):
        truth = windows[piece].labels[y::s, x::s]
        labels.append(truth[truth <= 1])
        expected.append(whole[piece][y::s, x::s][truth <= 1])
    labels, expected = np.concatenate(labels), np.concatenate(expected)
    order, right = (np.lexsort(pair) for pair in ((found.scores, found.labels), (expected, labels)))
    np.testing.assert_array_equal(found.labels[order], labels[right])
    np.testing.assert_allclose(found.scores[order], expected[right], atol=1e-5)
    monkeypatch.setattr(scorers, "AT_ONCE", 1)
    one_by_one = estimator(setting, "val")(compiled(network))
    np.testing.assert_allclose(one_by_one.scores, found.scores, atol=1e-6)


def test_where_all_is_drawn_the_figures_are_those_of_all_pixels(material):
    """The U-Net gives every pixel of a piece, and the tiny phantom is drawn whole."""
    setting = material("model=unet", "nbhd=1x1x3", "model.blocks=1", "model.filters=4")
    model = build(setting.config.spec)
    natural = estimate(setting, model, "val").natural
    how = PostProcessing(threshold=natural["threshold"])
    right = score_all(scored_squares(setting, BlockScorer(setting.config.spec, model), "val"), how)
    assert {key: natural[key] for key in right} == pytest.approx(right, abs=1e-4)


def test_as_many_lattices_are_scored_as_a_tenth_of_an_epoch_allows(material):
    """A pass over a lattice costs what its input is; three of them a step over as much."""
    setting = material("nbhd=81x81x3", "model.blocks=4", "train.steps=50")
    windows = setting.fixed("val").windows
    step = 16 * (81 + 16 * 7) ** 2
    assert {window.labels.shape for window in windows} == {(72, 72)}
    assert most_of(setting) == int(0.1 * 3 * 50 * step / (81 + 16 * 4) ** 2)
    longer = material("nbhd=81x81x3", "model.blocks=4", "train.steps=100")
    assert most_of(longer) > 1.9 * most_of(setting)
    planned = material("nbhd=81x81x3", "model.blocks=4", "train.steps=900")
    usual = material("nbhd=81x81x3", "model.blocks=4", "train.steps=null")
    assert most_of(planned) == most_of(usual)


def most_of(setting):
    """How many lattices a network is validated on."""
    windows = setting.fixed("val").windows
    return most_lattices(setting.config.spec, windows, setting.usual_pixels)


def test_networks_share_the_pieces_and_not_how_many_of_their_pixels_are_scored(material):
    """A U-Net gives every pixel of them, a pixel classifier one in the square of its stride."""
    both = [material("model=unet", "nbhd=33x33x3", "model.blocks=1"),
            material("nbhd=81x81x3", "model.blocks=4", "train.steps=1")]  # fmt: skip
    first, second = ([r.box for r in one.pieces("val").regions] for one in both)
    assert first == second
    every, some = (len(estimator(one, "val")(compiled(build(one.config.spec))).labels)
                   for one in both)  # fmt: skip
    pieces = both[0].fixed("val").windows
    assert every == sum(int((window.labels <= 1).sum()) for window in pieces)
    assert some < every / 2


def test_patch_by_patch_few_pixels_are_scored(material):
    setting = material("model.padding=same", "nbhd=11x11x3")
    network = build(setting.config.spec)
    found = estimator(setting, "val")(compiled(network))
    some = drawn(setting.fixed("val"))
    assert len(found.labels) == len(some.pixels) < 2 * 4096
    forward = compiled(network)
    for k in (0, len(found.labels) // 2):
        window = some.windows[some.pixels.window[k]]
        patch = window.around(some.pixels.y[k], some.pixels.x[k], 11, 11, (5, 5))
        score = sliding_window(forward, patch, setting.config.spec)
        assert found.scores[k] == pytest.approx(float(score[0, 0]), abs=1e-6)


def test_the_study_keeps_its_pixels(material):
    """``lattice``: the balanced draw, each pixel once, as it was before there were pieces."""
    setting = material("train.validation=lattice")
    found = estimator(setting, "val")(compiled(build(setting.config.spec)))
    np.testing.assert_array_equal(found.labels, setting.fixed("val").balanced.pixels.label)
    assert found.labels.mean() == 0.5
    assert found.balanced.keys() == {"miou", "accuracy", "loss"}


def test_the_figures_of_few_pixels_are_near_those_of_all(material):
    """Every fourth pixel, from a random one on, against all that are labelled."""
    setting = material("train.steps=20")
    trained = train(setting)
    scorer = BlockScorer(setting.config.spec, trained.model)
    labels, scores = [], []
    for _, square in scored_squares(setting, scorer, "val"):
        known = square.labels <= 1
        labels.append(square.labels[known])
        scores.append(square.scores[square.inner][known])
    known, every = np.concatenate(labels), np.concatenate(scores)
    right = Estimate(known, every, np.ones(known.size), np.zeros(known.size, np.int64), (1, 1))
    assert trained.best.val["miou"] == pytest.approx(right.balanced["miou"], abs=0.03)
    assert trained.best.val["loss"] == pytest.approx(right.balanced["loss"], abs=0.03)
    assert trained.best.val["miou"] > 0.5
