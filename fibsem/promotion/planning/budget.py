"""Plan a promotion within a time budget: repetitions, final trainings and their steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from fibsem.config import Configuration, PromoteConfig, TrainConfig
from fibsem.data.dataset.dataset import Dataset
from fibsem.errors import UserError
from fibsem.promotion.candidates import Candidates
from fibsem.promotion.planning.cost import (
    dataset_px,
    scored_models,
    search_s,
    squares_px,
    volumes_px,
)
from fibsem.promotion.repetition import REPEATED
from fibsem.system.files import read_json
from fibsem.system.summaries.budget import CutOff
from fibsem.training.material.material import Material
from fibsem.training.planning.account import cut_off
from fibsem.training.planning.budgeting import plan_trainings
from fibsem.training.planning.estimate import duration
from fibsem.training.planning.plan import Plan, RankingPlan
from fibsem.training.planning.probing import Probe, probe
from fibsem.training.results import TrialResult

#: Largest share of the time for all trainings that repetitions for the ranking may take.
RANKING = 0.5
#: Time per pixel of labelled squares relative to the timed block, because of margins, reading and
#: counting; measured 1.17 with slices of 1024 x 1024.
SCORED = 1.15
#: Seconds for work done once after scoring (figures, tables, bundle and its version); seconds per
#: volume apart from its pixels (search for its extent, certificate, tracing, previews); time per
#: pixel of a volume relative to scoring it. Values of a promotion of the demo.
PUBLISHED_S, OPENED_S, WRITTEN = 6.0, 3.0, 1.3


def plan_promotion(
    configuration: Configuration, candidates: Candidates, dataset: Dataset,
    began: float, budget_s: float,
) -> Plan:  # fmt: skip
    """Plan a promotion: final trainings get the time left by ranking, scores, search and volumes.

    Volumes are postponed to another start of the command if they would take more time than the
    final trainings and make these shorter than in the sweep, unless ``segment`` was typed.

    Parameters
    ----------
    configuration, candidates, dataset
        The configuration, and the candidates, at least one of them a network.
    began
        Start of the command, from ``time.perf_counter``.
    budget_s
        The budget in seconds.
    """
    timed = cache(lambda k: probe(Material(dataset, candidates.each[k].final), budget_s))
    share = partial(
        _shared, configuration, candidates=candidates, dataset=dataset, timed=timed, began=began,
        budget_s=budget_s,
    )  # fmt: skip
    may_wait = configuration.promotion.segment and "segment" not in configuration.typed
    try:
        shared = share(volumes=True)
    except UserError:  # too short for the volumes
        if not may_wait:
            raise
        shared = share(volumes=False)
    if may_wait and shared.crowded:
        shared = share(volumes=False)
    if shared.warning:
        print(shared.warning)
    return shared.plan


@dataclass(frozen=True)
class _Shared:
    """Plan of a promotion, seconds of its volumes, and a warning if trainings are too short."""

    plan: Plan
    volumes_s: float
    warning: str | None

    @property
    def crowded(self) -> bool:
        """Whether trainings are shorter than in the sweep, and take less time than volumes."""
        return self.warning is not None and self.volumes_s > self.plan.seconds


def _shared(
    configuration: Configuration, *, candidates: Candidates, dataset: Dataset,
    timed: Callable[[int], Probe], began: float, budget_s: float, volumes: bool,
) -> _Shared:  # fmt: skip
    """Plan a promotion with its volumes, or without them."""
    asked = configuration if volumes else configuration.with_values({"segment": False})
    slowest, again_s = _probed(candidates, dataset, timed)
    scoring_s = _scoring_s(asked, dataset, slowest, views=candidates.views)
    left_s = budget_s - (time.perf_counter() - began) - scoring_s
    ranked = trained_anew(configuration, candidates.fewest, again_s, RANKING * left_s)
    shortlist = candidates.first(ranked.trials)
    if shortlist.slowest != candidates.slowest:  # another network is the slowest now
        slowest, _ = _probed(shortlist, dataset, timed)
        scoring_s = _scoring_s(asked, dataset, slowest, views=shortlist.views)
    ranking_s = ranked.seconds(again_s)
    spent_s = time.perf_counter() - began + scoring_s + ranking_s
    instead = ["rank.k=1 (no trial is trained anew)"] if ranking_s else []
    if volumes_s := _volumes_s(asked, dataset, slowest):
        instead.append(f"segment=false (leaves {duration(volumes_s)} of whole volumes for later)")
    count = final_trainings(configuration.promotion, shortlist.architectures)
    plan = plan_trainings(slowest, budget_s, spent_s, dataset.hash, trials=count, instead=instead)
    warning = shorter(plan, [candidate.trained for candidate in shortlist.each], dataset, instead)
    waiting_s = 0.0 if volumes else _volumes_s(configuration, dataset, slowest)
    plan = replace(
        plan, ranking_s=ranking_s, scoring_s=scoring_s, ranked=ranked, waiting_s=waiting_s
    )
    return _Shared(plan, volumes_s, warning)


def shorter(
    plan: Plan, trained: Sequence[TrainConfig], dataset: Dataset, instead: Sequence[str]
) -> str | None:
    """Return a warning if final trainings have fewer steps than their trials, else None.

    Parameters
    ----------
    plan
        Plan of the promotion.
    trained
        Settings of the trials' trainings in the sweep.
    dataset
        Training data.
    instead
        Options that would leave more time.
    """
    longest = max(train.epochs * _steps(train, dataset) for train in trained)
    steps = plan.epochs * plan.steps
    if steps >= longest:
        return None
    ways = ", ".join(["a longer budget", *instead])
    return f"warning: final training: {steps} steps, and up to {longest} in the sweep; {ways}"


def _probed(
    candidates: Candidates, dataset: Dataset, timed: Callable[[int], Probe]
) -> tuple[Probe, list[float]]:
    """Time the slowest network; returns its times and the seconds of each trial's repetition."""
    slowest = candidates.slowest
    assert slowest is not None
    slow, took = candidates.each[slowest], timed(slowest)
    speed = slower(took.step_s * _steps(slow.trained, dataset), slow.epoch_s, slow.train_s)
    each_s = took.once_s - took.traced_s + took.pixel_s * dataset_px(dataset, "val")
    return took, [speed * candidate.train_s + each_s for candidate in candidates.each]


def _scoring_s(
    configuration: Configuration, dataset: Dataset, timed: Probe, *, views: bool
) -> float:
    """Estimate the seconds of the steps after the final trainings, ``views`` if they are scored."""
    searched = len(scored_models(configuration.promotion)) * search_s(
        dataset, configuration.postprocessing
    )
    scored = SCORED * timed.pixel_s * squares_px(configuration, dataset, views=views)
    return scored + _volumes_s(configuration, dataset, timed) + searched + PUBLISHED_S


def _volumes_s(configuration: Configuration, dataset: Dataset, timed: Probe) -> float:
    """Estimate the seconds to segment the whole volumes; 0 if ``segment`` is false."""
    if not configuration.promotion.segment:
        return 0.0
    written_s = WRITTEN * timed.pixel_s * volumes_px(configuration, dataset)
    return len(dataset.samples) * OPENED_S + written_s


def trained_anew(
    configuration: Configuration, fewest: int, anew_s: Sequence[float], seconds: float
) -> RankingPlan:
    """Choose how many of the best trials to repeat within ``seconds``, and with how many seeds.

    There are as many repetitions as fit, up to the number that ``rank`` requests. Typed values of
    ``rank`` are kept, and there are at least as many trials as a typed number of ``candidates``. If
    there is no time for two trials, the best one is taken without repetitions.

    Parameters
    ----------
    configuration
        Settings of the promotion, with the keys that were typed.
    fewest
        Number of the best trials that include a network.
    anew_s
        Expected time of one repetition of each trial, best first.
    seconds
        Time that repetitions may take.
    """
    most, typed, least = len(anew_s), configuration.typed, fewest
    if "candidates" in typed:
        least = max(least, min(configuration.promotion.candidates, most))
    if "rank.k" in typed or configuration.promotion.mixed:
        least = most
    seeds = (
        [configuration.rank.seeds]
        if "rank.seeds" in typed
        else range(1, configuration.rank.seeds + 1)
    )
    choices = [RankingPlan(k, n) for k in range(least, most + 1) for n in seeds]
    fitting = [choice for choice in choices if choice.seconds(anew_s) <= seconds]
    best = max(fitting, key=lambda choice: (choice.trainings, choice.trials), default=None)
    return best or min(choices, key=lambda choice: choice.seconds(anew_s))


def slower(now_s: float, epoch_s: float, train_s: float) -> float:
    """Return the time of an epoch now relative to the sweep; 1 if MLflow does not have the latter.

    Workers of a sweep may have shared the machine, also with other work. The ratio is also 1 after
    a single epoch, which includes work that a training does only once.

    Parameters
    ----------
    now_s
        Seconds of an epoch of the trial, at the time per step measured now.
    epoch_s, train_s
        Seconds of its last epoch in the sweep, and of all its epochs.

    Examples
    --------
    >>> slower(6.0, 3.0, 30.0), slower(6.0, 0.0, 30.0), slower(6.0, 30.0, 30.4)
    (2.0, 1.0, 1.0)
    """
    return now_s / epoch_s if 0 < 2 * epoch_s < train_s else 1.0


def _steps(train: TrainConfig, dataset: Dataset) -> int:
    """Return the number of steps in an epoch of a training."""
    return train.epoch_length.steps_of(labelled_px(dataset, train.steps))


def labelled_px(dataset: Dataset, *steps: int | None) -> int:
    """Count labelled training pixels; 0 if all ``steps`` are given and none depend on them."""
    return 0 if all(steps) else sum(dataset.pixels("train"))


def cut_of(plan: Plan, folder: Path, repetitions: int) -> CutOff:
    """Print and return what a hard budget has cut off from a promotion.

    Diverged trainings are left out. Repetitions that did not begin were printed before.
    """
    results = sorted(folder.glob("final/*/result.json"))
    cut = cut_off(plan, [read_json(file, TrialResult.from_json).whole_epochs for file in results])
    return replace(cut, not_repeated=repetitions - len(list(folder.glob(REPEATED))))


def final_trainings(promotion: PromoteConfig, architectures: Sequence[str]) -> int:
    """Count the final trainings: candidates, and further members of an ensemble."""
    if promotion.mixed:
        return max(promotion.ensemble, len(set(architectures)))
    return min(promotion.candidates, len(architectures)) + promotion.ensemble - 1


def values(
    plan: Plan, limit_s: float | None, *, mixed: bool = False, typed: Container[str] = ()
) -> dict[str, object]:
    """Return the settings of a promotion that follow from its plan, by dotted key.

    For ``mixed`` ensembles all trials are kept, so that each architecture has its best ones.
    Postponed volumes are segmented once ``segment`` is among the ``typed`` keys. See
    :meth:`fibsem.training.planning.plan.Plan.values`.
    """
    set_by: dict[str, object] = {"final.epochs": plan.epochs, "final.steps": plan.steps}
    if plan.waiting_s and "segment" not in typed:
        set_by |= {"segment": False}
    if plan.ranked is not None:  # plans of earlier versions ranked all trials
        trials = {} if mixed else {"rank.k": plan.ranked.trials}
        set_by |= {**trials, "rank.seeds": plan.ranked.seeds}
    return set_by if limit_s is None else {**set_by, "final.max_seconds": limit_s}
