"""Thresholds reach as far as a rare class needs, and ordinary films keep those they had."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis.estimates import Estimate
from fibsem.analysis.metrics import Confusion
from fibsem.analysis.postprocessing import (
    THRESHOLDS,
    PostProcessing,
    SampledParts,
    ScoredSquare,
    at_an_end,
    reaching,
    search,
    search_by_sample,
)
from fibsem.analysis.postprocessing.coarse_to_fine import COARSE
from fibsem.analysis.postprocessing.reach import STEPS
from fibsem.config import PostProcessingConfig, compose, read


def grid_of(*overrides):
    """Thresholds of a promotion, without smoothing."""
    tree = compose("promote", list(overrides))["postprocessing"]
    grid = read(PostProcessingConfig, tree, "postprocessing").grid
    return replace(grid, sigmas=(0.0,), rounds=(1,), min_sizes=(0,))


def rare_pores(share=0.002, separation=4, side=1000):
    """A film whose balanced posteriors have Gaussian logits."""
    rng = np.random.default_rng(0)
    labels = (rng.random((side, side)) > share).astype(np.uint8)
    logit = separation * (rng.normal(0, 1, labels.shape) + separation * (labels - 0.5))
    return ScoredSquare((1 / (1 + np.exp(-logit))).astype(np.float32), labels, np.s_[:, :])


def test_the_best_threshold_of_rare_pores_is_found_by_every_command():
    """mIoU is best at 0.003; it was 0.75 at 0.02 and 0.68 at 0.05, where the grids ended."""
    film = rare_pores()
    for grid in (THRESHOLDS, grid_of()):
        best, surface = search([film], grid)
        found = film.confusion(best)
        assert 0.002 < best.threshold < 0.004
        assert found.miou == np.nanmax(surface) > 0.81
        assert found.porosity == pytest.approx(0.0017, abs=0.0002)
        assert not at_an_end(best.threshold, grid.thresholds)
        assert search_by_sample([film], SampledParts([film], [1.0]), grid)[0] == best
    exact = search([film], replace(THRESHOLDS, thresholds=tuple(np.linspace(2e-4, 2e-2, 100))))
    assert found.miou == pytest.approx(np.nanmax(exact[1]), abs=0.002)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_training_is_told_the_threshold_of_a_class_that_is_rarer_yet(swapped):
    film = rare_pores(share=2e-4, separation=5)
    labels, scores = film.labels.ravel(), film.scores.ravel()
    if swapped:
        labels, scores = 1 - labels, 1 - scores
    counts = (int((labels == 0).sum()), int((labels == 1).sum()))
    found = Estimate(labels, scores, np.ones(labels.size), 0 * labels.astype(int), counts).natural
    edge = 0.9975 if swapped else 0.0025  # where it ended
    assert found["miou"] > Confusion.at_threshold(labels, scores, edge).miou + 0.02
    assert (found["threshold"] > edge) == swapped


def test_thresholds_of_ordinary_films_come_first():
    for grid, even in (
        (THRESHOLDS, np.linspace(0.02, 0.98, 97)),
        (grid_of(), np.linspace(0.05, 0.95, 181)),
    ):
        np.testing.assert_allclose(grid.thresholds[: even.size], even)
        assert 0 < min(grid.thresholds) < 0.00015 < 0.99985 < max(grid.thresholds) < 1
        assert len(set(grid.thresholds)) == even.size + 2 * STEPS
    assert STEPS % COARSE[1] == 0  # the lattice of the search by a sample stays in its place
    labels = np.tile(np.uint8([0, 1]), (8, 4))
    perfect = ScoredSquare(labels * np.float32(1), labels, np.s_[:, :])
    assert search([perfect], THRESHOLDS)[0] == PostProcessing(0.0, 0.02)
    assert (
        search_by_sample([perfect], SampledParts([perfect], [1.0]), THRESHOLDS)[0].threshold == 0.02
    )


def test_an_end_that_is_given_is_obeyed():
    assert grid_of("postprocessing.threshold_start=0.05").thresholds[181] > 0.95
    both = grid_of("postprocessing.threshold_start=0.1", "postprocessing.threshold_stop=0.2")
    np.testing.assert_allclose(both.thresholds, np.linspace(0.1, 0.2, 181))
    np.testing.assert_allclose(grid_of("experiment=thesis").thresholds, np.linspace(0.30, 0.45, 90))


def test_a_best_threshold_at_an_end_is_said():
    assert at_an_end(0.45, (0.3, 0.4, 0.45)).startswith("threshold 0.45 is an end")
    assert at_an_end(0.4, (0.3, 0.4, 0.45)) == at_an_end(0.4, (0.4,)) == ""
    assert at_an_end(min(THRESHOLDS.thresholds), reaching(np.linspace(0.02, 0.98, 97).tolist()))
