"""Figures from weighted pixels: against counting, and errors against their spread."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis.estimates import TRIED, Estimate
from fibsem.analysis.metrics import Confusion, balanced_scores, cross_entropy, over_squares


def made_up(squares=12, pixels=400, share=0.2, seed=0):
    """Labels and scores of squares that differ: (labels, scores, square)."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((squares, pixels)) > share * rng.uniform(0.5, 1.5, (squares, 1))).astype(
        np.uint8
    )
    logit = 2.5 * labels - 1 + rng.normal(0, 1, labels.shape) + rng.normal(0, 0.5, (squares, 1))
    scores = (1 / (1 + np.exp(-logit))).astype(np.float32)
    square = np.repeat(np.arange(squares), pixels)
    return labels.ravel(), scores.ravel(), square


def estimate_of(labels, scores, square, weight=None, counts=None):
    weight = np.ones(labels.size) if weight is None else weight
    counts = counts or (int((labels == 0).sum()), int((labels == 1).sum()))
    return Estimate(labels, scores, weight, square, counts)


def test_of_all_pixels_the_figures_are_those_that_are_counted():
    labels, scores, square = made_up()
    found = estimate_of(labels, scores, square).natural
    best = max(
        (Confusion.at_threshold(labels, scores, np.float32(t)) for t in TRIED),
        key=lambda confusion: confusion.miou,
    )
    assert {key: found[key] for key in best.record()} == pytest.approx(best.record(), abs=1e-9)
    assert Confusion.at_threshold(labels, scores, found["threshold"]).miou == pytest.approx(
        found["miou"], abs=1e-9
    )
    assert found["loss"] == pytest.approx(cross_entropy(labels, scores))


def test_the_median_of_squares_is_that_of_whole_squares():
    """Of weighted draws, too, of which each class has as many as there are labelled."""
    labels, scores, square = made_up()
    found = estimate_of(labels, scores, square).natural
    each = [
        Confusion.at_threshold(labels[square == k], scores[square == k], found["threshold"])
        for k in range(square.max() + 1)
    ]
    assert found["iou_pore_median"] == pytest.approx(over_squares(each)["iou_pore_median"])
    assert abs(found["iou_pore_median"] - found["iou_pore"]) > 1e-3
    half = labels == 1  # every solid stands for two, of which one was drawn
    twice = [np.concatenate([part, part[half]]) for part in (labels, scores, square)]
    counts = int((labels == 0).sum()), 2 * int(half.sum())
    drawn = estimate_of(labels, scores, square, counts=counts).natural
    assert drawn["iou_pore_median"] == pytest.approx(estimate_of(*twice).natural["iou_pore_median"])


def test_porosity_errors_of_films_do_not_cancel_out():
    """Five points too many pores on one film, five too few on the other, of unlike sizes."""
    labels = np.repeat(np.array([0, 1, 0, 1], np.uint8), [30, 70, 60, 140])
    scores = np.full(labels.size, 0.9, np.float32)
    scores[:35] = 0.1
    scores[100:150] = 0.1
    square = np.repeat([0, 1, 2], [100, 100, 100])
    found = estimate_of(labels, scores, square)
    assert found.natural["porosity"] == pytest.approx(85 / 300)
    one = found.natural["porosity_error"]
    assert one == pytest.approx(abs(found.natural["porosity"] - found.natural["label_porosity"]))
    films = replace(found, sample=np.array([0, 1, 1]))
    assert films.natural["porosity_error"] == pytest.approx((5 / 100 + 10 / 200) / 2)
    assert films.natural["porosity"] == found.natural["porosity"]


def test_squares_without_pores_have_no_median():
    labels, square = np.array([0, 1, 1, 1], np.uint8), np.array([0, 0, 1, 1])
    scores = np.array([0.1, 0.9, 0.9, 0.8], np.float32)
    assert estimate_of(labels, scores, square).natural["iou_pore_median"] == 1


def test_balanced_figures_are_those_of_pixels_drawn_alike_from_both_classes():
    """Every pore written down as often as makes them as many as the solids."""
    labels, scores, square = made_up(pixels=100, share=0.25)
    pores, solids = labels == 0, labels == 1
    times = np.where(pores, solids.sum(), pores.sum())
    labels_, scores_ = np.repeat(labels, times), np.repeat(scores, times)
    found = estimate_of(labels, scores, square).balanced
    right = balanced_scores(labels_, scores_)
    assert {key: found[key] for key in right} == pytest.approx(right, abs=1e-6)
    assert estimate_of(labels, scores, square).confusion.miou == pytest.approx(
        right["miou"], abs=1e-5
    )


def test_a_weight_counts_as_often():
    labels, scores, square = made_up(squares=4)
    times = np.array([1, 3, 2, 5])[square]
    weighted = estimate_of(labels, scores, square, times.astype(float), counts=(3, 7))
    again = [np.repeat(part, times) for part in (labels, scores, square)]
    written = estimate_of(*again, counts=(3, 7))
    for kind in ("balanced", "natural"):
        assert getattr(weighted, kind) == pytest.approx(getattr(written, kind))
    assert weighted.natural["label_porosity"] == pytest.approx(0.3)


def test_the_error_is_the_jackknife_over_squares():
    labels, scores, square = made_up(squares=5)
    without = [
        estimate_of(*(part[square != k] for part in (labels, scores)), square[square != k])
        .balanced["miou"] for k in range(5)
    ]  # fmt: skip
    error = np.sqrt(4 / 5 * ((np.array(without) - np.mean(without)) ** 2).sum())
    assert estimate_of(labels, scores, square).balanced["miou_se"] == pytest.approx(error)


def test_the_error_is_the_spread_over_draws():
    """Forty films of twelve squares; over pixels the error would be a third of that."""
    for kind in ("balanced", "natural"):
        found = [getattr(estimate_of(*made_up(seed=seed)), kind) for seed in range(40)]
        spread = np.std([one["miou"] for one in found], ddof=1)
        told = np.sqrt(np.mean([one["miou_se"] ** 2 for one in found]))
        assert told == pytest.approx(spread, rel=0.35)


def test_there_is_no_error_of_one_square_nor_where_one_holds_all_of_a_class():
    labels, scores, square = made_up(squares=1)
    assert "miou_se" not in estimate_of(labels, scores, square).balanced
    labels, scores, square = made_up(squares=6)
    labels[square > 0] = 1
    found = estimate_of(labels, scores, square).balanced
    assert np.isfinite(found["miou"])
    assert not {"miou_se", "loss_se"} & found.keys()  # far too small it would be
