"""A promotion that fills a budget: what is left of it for the final trainings, and their steps."""

from __future__ import annotations

import math
import time
import timeit
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from fibsem.analysis.postprocessing import SampledParts, ScoredSquare, search, search_by_sample
from fibsem.config import (
    Configuration,
    PostProcessingConfig,
    PromoteConfig,
    TrainConfig,
    Tree,
)
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.split import SPLITS, Split
from fibsem.data.pieces import MOST
from fibsem.data.pieces import SIDE as PIECE
from fibsem.errors import UserError
from fibsem.inference.model.views import SYMMETRIES
from fibsem.promotion.candidates import Candidates
from fibsem.promotion.repetition import REPEATED
from fibsem.system.files import read_json
from fibsem.training.material.material import Material
from fibsem.training.planning.account import CutOff, cut_off
from fibsem.training.planning.budgeting import plan_trainings
from fibsem.training.planning.estimate import duration
from fibsem.training.planning.instead import FEWEST_STEPS, LONG_S
from fibsem.training.planning.plan import Plan, RankingPlan
from fibsem.training.planning.probing import Probe, probe
from fibsem.training.results import TrialResult

#: Side of the square on which the search for a post-processing is timed.
SIDE = 128
#: Share of the time for ranking and final trainings that the ranking may take.
RANKING = 0.5
#: What a pixel of labelled slices takes against one of the block that is timed, by their margins,
#: reading and counting: 1.17 of slices of 1024 x 1024.
SCORED = 1.15
#: Seconds of what is done once behind the scores (figures, tables, a bundle and its version) and
#: for each volume (a look for what is no material, certificate, tracing, previews), and what a
#: pixel of a volume takes, written, against one of a network, as in a promotion of the demo.
PUBLISHED_S, OPENED_S, WRITTEN = 6.0, 3.0, 1.3


def plan_promotion(
    given: Configuration, candidates: Candidates, dataset: Dataset, began: float, budget_s: float
) -> Plan:  # fmt: skip
    """Share what ranking, scores, search and volumes leave of a budget to the final trainings.

    Volumes wait for another start where they would take more than the final trainings get, and
    these would be shorter than in the sweep; not if ``segment`` was typed.

    Parameters
    ----------
    given, candidates, dataset
        The promotion, and its trials, of which one at least is a network's.
    began
        When the command began, by ``time.perf_counter``.
    budget_s
        Given.
    """
    timed = cache(lambda k: probe(Material(dataset, candidates.finals[k]), budget_s))
    share = partial(
        _shared, given, candidates=candidates, dataset=dataset, timed=timed, began=began,
        budget_s=budget_s,
    )  # fmt: skip
    may_wait = given.tree["segment"] and "segment" not in given.typed
    try:
        shared = share(volumes=True)
    except UserError:  # too short for them
        if not may_wait:
            raise
        shared = share(volumes=False)
    if may_wait and shared.crowded:
        shared = share(volumes=False)
    if shared.said:
        print(shared.said)
    return shared.plan


@dataclass(frozen=True)
class _Shared:
    """A budget that is shared out, the time of volumes in it, and whether trainings are short."""

    plan: Plan
    volumes_s: float
    said: str | None

    @property
    def crowded(self) -> bool:
        """Whether trainings are shorter than in the sweep, and volumes take more than they do."""
        return self.said is not None and self.volumes_s > self.plan.seconds


def _shared(
    given: Configuration, *, candidates: Candidates, dataset: Dataset,
    timed: Callable[[int], Probe], began: float, budget_s: float, volumes: bool,
) -> _Shared:  # fmt: skip
    """Share a budget out to what a promotion does, with its volumes or without them."""
    asked = given if volumes else given.with_values({"segment": False})
    slowest, again_s = _probed(candidates, dataset, timed)
    scoring_s = _scoring_s(asked, candidates, dataset, slowest)
    left_s = budget_s - (time.perf_counter() - began) - scoring_s
    ranked = trained_anew(given, candidates, again_s, RANKING * left_s)
    kept = candidates.first(ranked.trials)
    if kept.slowest != candidates.slowest:  # another network is the slowest that is trained
        slowest, _ = _probed(kept, dataset, timed)
        scoring_s = _scoring_s(asked, kept, dataset, slowest)
    ranking_s = ranked.seconds(again_s)
    spent_s = time.perf_counter() - began + scoring_s + ranking_s
    instead = ["rank.k=1 (no trial is trained anew)"] if ranking_s else []
    if volumes_s := _volumes_s(asked, dataset, slowest):
        instead.append(f"segment=false (leaves {duration(volumes_s)} of whole volumes for later)")
    count = final_trainings(given.promotion, kept.architectures)
    plan = plan_trainings(slowest, budget_s, spent_s, dataset.hash, trials=count, instead=instead)
    said = shorter(plan, [one.tree for one in kept.trials], dataset, instead)
    waiting_s = 0.0 if volumes else _volumes_s(given, dataset, slowest)
    plan = replace(
        plan, ranking_s=ranking_s, scoring_s=scoring_s, ranked=ranked, waiting_s=waiting_s
    )
    return _Shared(plan, volumes_s, said)


def shorter(
    plan: Plan, trials: Sequence[Tree], dataset: Dataset, instead: Sequence[str]
) -> str | None:
    """What is said where a final training has fewer steps than its trial; None where it has not.

    Parameters
    ----------
    plan
        Of the final trainings.
    trials
        As they were trained.
    dataset
        What they learned.
    instead
        What would leave more time.
    """
    longest = max(tree["train"]["epochs"] * _steps(tree, dataset) for tree in trials)
    steps = plan.epochs * plan.steps
    if steps >= longest:
        return None
    ways = ", ".join(["a longer budget", *instead])
    return f"warning: final training: {steps} steps, and up to {longest} in the sweep; {ways}"


def _probed(
    candidates: Candidates, dataset: Dataset, timed: Callable[[int], Probe]
) -> tuple[Probe, list[float]]:
    """What the final training of the slowest network takes, and each trial with another seed."""
    slowest = candidates.slowest
    assert slowest is not None
    trial, took = candidates.trials[slowest], timed(slowest)
    speed = slower(took.step_s * _steps(trial.tree, dataset), trial.epoch_s, trial.train_s)
    each_s = took.once_s - took.traced_s + took.pixel_s * dataset_px(dataset, "val")
    return took, [speed * one.train_s + each_s for one in candidates.trials]


def _scoring_s(
    given: Configuration, candidates: Candidates, dataset: Dataset, timed: Probe
) -> float:
    """Seconds of what comes behind the final trainings."""
    views = any(one.spec.is_network and one.spec.convertible for one in candidates.finals)
    searched = len(_models(given.promotion)) * search_s(dataset, given.postprocessing)
    scored = SCORED * timed.pixel_s * squares_px(given, dataset, views=views)
    return scored + _volumes_s(given, dataset, timed) + searched + PUBLISHED_S


def _volumes_s(given: Configuration, dataset: Dataset, timed: Probe) -> float:
    """Seconds of the whole volumes; none where they are left for later."""
    if not given.tree["segment"]:
        return 0.0
    written_s = WRITTEN * timed.pixel_s * volumes_px(given, dataset)
    return len(dataset.samples) * OPENED_S + written_s


def trained_anew(
    given: Configuration, candidates: Candidates, anew_s: Sequence[float], seconds: float
) -> RankingPlan:
    """How many of the best trials are trained anew in some seconds, and with how many seeds.

    As many trainings as there is time for, of those that ``rank`` asks for; what was typed of it
    stays, and a typed number of ``candidates`` has as many trials. Where there is no time for two
    trials, the best one is taken as it is; a budget needs a network among them.

    Parameters
    ----------
    given, candidates
        The promotion, and its trials.
    anew_s
        Expected time of each trial with one seed, best first.
    seconds
        That may be taken.
    """
    most, typed = len(candidates.trials), given.typed
    least = [one.spec.is_network for one in candidates.finals].index(True) + 1
    if "candidates" in typed:
        least = max(least, min(given.promotion.candidates, most))
    if "rank.k" in typed or given.promotion.mixed:
        least = most
    seeds = [given.rank.seeds] if "rank.seeds" in typed else range(1, given.rank.seeds + 1)
    choices = [RankingPlan(k, n) for k in range(least, most + 1) for n in seeds]
    fitting = [one for one in choices if one.seconds(anew_s) <= seconds]
    best = max(fitting, key=lambda one: (one.trainings, one.trials), default=None)
    return best or min(choices, key=lambda one: one.seconds(anew_s))


def slower(now_s: float, epoch_s: float, train_s: float) -> float:
    """How many times as long an epoch takes as in a sweep; 1 where the store does not know.

    A sweep may have shared the machine among workers, or have had it beside other work. An only
    epoch has what is done once in it, and says nothing.

    Parameters
    ----------
    now_s
        Of an epoch of the trial, as steps take now.
    epoch_s, train_s
        Of its last epoch in the sweep, and of all.

    Examples
    --------
    >>> slower(6.0, 3.0, 30.0), slower(6.0, 0.0, 30.0), slower(6.0, 30.0, 30.4)
    (2.0, 1.0, 1.0)
    """
    return now_s / epoch_s if 0 < 2 * epoch_s < train_s else 1.0


def _steps(tree: Tree, dataset: Dataset) -> int:
    """Steps of an epoch of a trial."""
    train = Configuration(tree).run.train
    return train.epoch_length.steps_of(_labelled(dataset, train.steps))


def _labelled(dataset: Dataset, *steps: int | None) -> int:
    """Labelled pixels to learn from, which are counted where some steps are not given."""
    return 0 if all(steps) else sum(dataset.pixels("train"))


def cut_of(plan: Plan, folder: Path, repetitions: int) -> CutOff:
    """Say what a hard budget has cut off of final trainings.

    Those that diverged are left out. Of so many repetitions it was said before what was not begun.
    """
    results = sorted(folder.glob("final/*/result.json"))
    cut = cut_off(plan, [read_json(file, TrialResult.from_json).epochs for file in results])
    return replace(cut, not_repeated=repetitions - len(list(folder.glob(REPEATED))))


def final_trainings(promotion: PromoteConfig, architectures: Sequence[str]) -> int:
    """Candidates of trials of these architectures, and the other members of an ensemble."""
    if promotion.mixed:
        return max(promotion.ensemble, len(set(architectures)))
    return min(promotion.candidates, len(architectures)) + promotion.ensemble - 1


@dataclass(frozen=True)
class Took:
    """What trials took in their sweep: one epoch of the slowest, and all of all together.

    ``train`` and ``seconds_per_gigapixel`` are of the slowest, too; ``architectures`` of each.
    """

    epoch_s: float
    train_s: float
    seconds_per_gigapixel: float
    train: TrainConfig
    architectures: tuple[str, ...]


def foretold(given: Configuration, took: Took, final: TrainConfig, dataset: Dataset) -> str | None:
    """What is said before a promotion without a budget; None where it takes no hour.

    Nothing is timed; a store that does not know what trials took has nothing said.
    """
    each_s = took.epoch_s * final.epochs * _longer(took.train, final, dataset)
    each_s = min(each_s, final.max_seconds or math.inf)
    count = final_trainings(given.promotion, took.architectures)
    again_s = (given.rank.seeds if len(took.architectures) > 1 else 0) * took.train_s
    pixels = volumes_px(given, dataset) if given.tree["segment"] else 0
    volumes_s = pixels * took.seconds_per_gigapixel / 1e9
    parts = {"trials anew": again_s, "final trainings": count * each_s, "volumes": volumes_s}
    if (total_s := sum(parts.values())) <= LONG_S:
        return None
    where = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts.items())
    left_s = LONG_S - again_s - volumes_s
    instead = f"budget=1h would leave {duration(left_s)} to the final trainings instead"
    if left_s < count * FEWEST_STEPS:  # a step may take a second
        instead = "budget=1h is too short for a promotion like this: rank.k=1 or segment=false"
    return f"estimated time: {duration(total_s)} ({where})\n{instead}"


def _longer(before: TrainConfig, final: TrainConfig, dataset: Dataset) -> float:
    """How much longer an epoch of the final training is than one of the trial, by their steps."""
    labelled = _labelled(dataset, before.steps, final.steps)
    return final.epoch_length.steps_of(labelled) / before.epoch_length.steps_of(labelled)


def values(
    plan: Plan, limit_s: float | None, *, mixed: bool = False, typed: Container[str] = ()
) -> dict[str, Any]:
    """Keys of a promotion that a plan sets; see :meth:`fibsem.training.planning.plan.Plan.values`.

    Of ``mixed`` ensembles the best trials of each architecture are all there. Volumes that wait do
    so until ``segment`` is among the keys that are ``typed``.
    """
    set_by = {"final.epochs": plan.epochs, "final.steps": plan.steps}
    if plan.waiting_s and "segment" not in typed:
        set_by |= {"segment": False}
    if plan.ranked is not None:  # versions before ranked all that were asked for
        trials = {} if mixed else {"rank.k": plan.ranked.trials}
        set_by |= {**trials, "rank.seeds": plan.ranked.seeds}
    return set_by if limit_s is None else {**set_by, "final.max_seconds": limit_s}


def _models(promotion: PromoteConfig) -> list[int]:
    """Members of the models that are scored: the challenger and, beside an ensemble, its first."""
    return [promotion.ensemble, *([1] if promotion.ensemble > 1 else [])]


def dataset_px(dataset: Dataset, split: Split) -> int:
    """Pixels of the labelled squares of a split."""
    return sum(one.box.size for one in dataset.regions(split))


def squares_px(given: Configuration, dataset: Dataset, *, views: bool) -> int:
    """Pixels of labelled squares that networks go over: those of every member of every model.

    The pieces of the validation part are scored again in all ``views`` that there may be.
    """
    sizes = {split: dataset_px(dataset, split) for split in SPLITS}
    members, *single = _models(given.promotion)
    most = max(2, given.tree["segmentation"]["symmetry"])
    counts = sum(count for count in SYMMETRIES if count <= most) if views else 0
    pieces = min(sizes["val"], MOST * PIECE**2)
    alone = sum(single) * (sizes["val"] + sizes["test"])
    return members * (sum(sizes.values()) + counts * pieces) + alone


def volumes_px(given: Configuration, dataset: Dataset) -> int:
    """Pixels of whole volumes that networks go over: those of every member, in every view."""
    voxels = sum(int(np.prod(sample.volume.shape)) for sample in dataset.samples)
    return voxels * given.promotion.ensemble * int(given.tree["segmentation"]["symmetry"])


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
    sample = SampledParts([square], [1.0])
    sampled_s = _pixel_s(lambda: search_by_sample([], sample, config.grid))
    both_s = _pixel_s(lambda: search_by_sample([square], sample, config.grid))
    sampled = min(area, MOST * (PIECE + margin) ** 2)
    return sampled_s * sampled + max(0.0, both_s - sampled_s) * area


def _pixel_s(work: Callable[[], object]) -> float:
    """Seconds for each pixel of the small square, at the better of two times."""
    return min(timeit.repeat(work, number=1, repeat=2)) / SIDE**2
