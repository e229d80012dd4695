"""A promotion that fills a budget: what is left of it for the final trainings, and their steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from fibsem.analysis.postprocessing import Sample, ScoredSquare, search, search_by_sample
from fibsem.config import PostProcessingConfig, PromoteConfig, RankConfig, RunConfig, Tree, read
from fibsem.data.dataset import Dataset
from fibsem.data.pieces import MOST
from fibsem.data.pieces import SIDE as PIECE
from fibsem.data.split import SPLITS
from fibsem.promotion.final import final_tree
from fibsem.promotion.trials import Trial
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking
from fibsem.training.material import Material
from fibsem.training.plan import Plan, plan_trainings, probe

#: Side of the square on which the search for a post-processing is timed.
SIDE = 128


def plan_promotion(
    tree: Tree, trials: Sequence[Trial], dataset: Dataset, tracking: Tracking,
    began: float, budget_s: float,
) -> Plan:  # fmt: skip
    """Share what ranking, scores, search and volumes leave of a budget to the final trainings.

    Parameters
    ----------
    tree, trials, dataset, tracking
        The promotion.
    began
        When the command began, by ``time.perf_counter``.
    budget_s
        Given.
    """
    promotion, rank = PromoteConfig.of(tree), read(RankConfig, tree["rank"], "rank")
    config = RunConfig.of(final_tree(slowest(trials, tracking), tree, tree["seed"]))
    timed = probe(Material.of(dataset, config), budget_s)
    finals = min(promotion.candidates, len(trials)) + promotion.ensemble - 1
    if promotion.mixed:
        finals = max(promotion.ensemble, len({trial.architecture for trial in trials}))
    known_s = (
        ranking_s(trials, rank, tracking)
        + timed.pixel_s * pixels(dataset, segment=tree["segment"])
        + search_s(dataset, read(PostProcessingConfig, tree["postprocessing"], ""))
    )
    spent_s = time.perf_counter() - began + known_s
    instead = ", rank.k=1, for which no trial is trained anew," if len(trials) > 1 else ""
    return plan_trainings(timed, budget_s, spent_s, dataset.hash, trials=finals, instead=instead)


def slowest(trials: Sequence[Trial], tracking: Tracking) -> Trial:
    """The trial whose epochs took longest: the ranking may make any of them a candidate."""

    def epoch_s(trial: Trial) -> float:
        run = tracking.find(trial.run_id)
        return 0.0 if run is None else run.data.metrics.get(names.EPOCH_S, 0.0)

    return max(trials, key=epoch_s)


def values(plan: Plan, limit_s: float | None) -> dict[str, Any]:
    """What it sets of a promotion; see :meth:`fibsem.training.plan.Plan.values`."""
    set_by = {"final.epochs": plan.epochs, "final.steps": plan.steps}
    return set_by if limit_s is None else {**set_by, "final.max_seconds": limit_s}


def ranking_s(trials: Sequence[Trial], rank: RankConfig, tracking: Tracking) -> float:
    """Seconds of the trainings that rank the trials: each as long as it took in its sweep."""
    if len(trials) == 1:
        return 0.0
    runs = [tracking.find(trial.run_id) for trial in trials]
    took = [run.data.metrics.get(names.TRAIN_S, 0.0) for run in runs if run is not None]
    return rank.seeds * sum(took)


def pixels(dataset: Dataset, *, segment: bool) -> int:
    """Pixels that a final model goes over: every labelled square, and all volumes."""
    labelled = sum(region.box.size for split in SPLITS for region in dataset.regions(split))
    volumes = sum(int(np.prod(sample.volume.shape)) for sample in dataset.samples)
    return labelled + (volumes if segment else 0)


def search_s(dataset: Dataset, config: PostProcessingConfig) -> float:
    """Seconds of the search for a post-processing, from one on a small square."""
    noise = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    scores = gaussian_filter(noise, 3)
    scores = ((scores - scores.min()) / np.ptp(scores)).astype(np.float32)
    labels = (scores > 0.5).astype(np.uint8)
    square = ScoredSquare(scores, labels, (slice(0, SIDE), slice(0, SIDE)))
    margin = 2 * config.grid.margin
    area = sum(
        (region.box.shape[1] + margin) * (region.box.shape[2] + margin)
        for region in dataset.regions("val")
    )
    if config.search == "exhaustive":
        one = replace(config.grid, sigmas=(float(np.median(config.grid.sigmas)),))
        return _pixel_s(lambda: search([square], one)) * len(config.grid.sigmas) * area
    sample = Sample([square], [1.0])
    sampled_s = _pixel_s(lambda: search_by_sample([], sample, config.grid))
    both_s = _pixel_s(lambda: search_by_sample([square], sample, config.grid))
    sampled = min(area, MOST * (PIECE + margin) ** 2)
    return sampled_s * sampled + max(0.0, both_s - sampled_s) * area


def _pixel_s(work: Callable[[], object]) -> float:
    """Seconds for each pixel of the small square."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / SIDE**2
