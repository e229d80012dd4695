"""A sweep that fills a budget: how many trials, of how many steps, from some that are timed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from fibsem.config import Configuration
from fibsem.config.search import of_epochs
from fibsem.search.space import Space
from fibsem.training.material import Material
from fibsem.training.plan import VALIDATING, Plan, plan_trainings
from fibsem.training.probing import Probe, probe

#: Networks of the space that are timed: one for so many seconds of the budget, and at most.
PROBE_EVERY_S, MOST_PROBES = 150.0, 4
#: A trial takes as many times what is done once for each, and has so many steps, at least.
ONCES, STEPS = 5.0, 300
MOST_TRIALS = 100
#: Numbers of a checkpoint for each parameter, with two of the optimiser's.
IN_CHECKPOINT = 5
#: Trials and epochs of the rungs of a successive halving, how often it is done at most, the fewest
#: steps of an epoch, and the most that begins and ends take of the time.
RUNGS, MOST_TIMES, SHORTEST, MOST_ONCE = ((9, 2), (3, 6), (1, 18)), 8, 60, 0.3


def plan_sweep(
    given: Configuration,
    space: Space,
    material: Material,
    budget_s: float,
    began: float,
) -> Plan:
    """Time some networks of a space, and share a budget out to trials like them.

    Parameters
    ----------
    given, space, material
        The sweep.
    budget_s
        Given.
    began
        When the command began, by ``time.perf_counter``.
    """
    search = given.search
    count = min(MOST_PROBES, max(space.architectures, int(budget_s // PROBE_EVERY_S)))
    enumerated = search.sampler == "enumerated"
    probes = []
    for point in islice(space.plan(search.seed, enumerate_cells=enumerated), count):
        config = given.with_values(point).run
        probes.append(probe(material.for_config(config), budget_s / count))
    like, spent_s = mean(probes), time.perf_counter() - began
    data = material.dataset.hash
    by, estimates_all = search.objectives[0], given.estimates_all
    halve = search.can_halve and of_epochs(by, estimates_all=estimates_all)
    plan = halving(like, budget_s, spent_s, data) if halve else None
    if plan is None:
        trials = number_of_trials(like, budget_s - spent_s)
        plan = plan_trainings(like, budget_s, spent_s, data, trials=trials)
    largest = max(one.parameters for one in probes)
    return replace(plan, workers=search.workers, disk_mib=disk_mib(plan, search.keep, largest))


def disk_mib(plan: Plan, keep: int | None, parameters: float) -> float:
    """Most that a sweep keeps: weights and checkpoints of the best, checkpoints of who may go on.

    A checkpoint holds weights, averages, the best ones and what the optimiser knows of each.
    """
    kept = plan.trials if keep is None else min(keep, plan.trials)
    going_on = plan.rungs[0][0] if plan.rungs else 0
    checkpoints = min(plan.trials, kept + going_on)
    return 4 * parameters * (kept + IN_CHECKPOINT * checkpoints) / 2**20


def halving(like: Probe, budget_s: float, spent_s: float, data: str) -> Plan | None:
    """Successive halving that fills what is left of a budget; None where that is too little.

    As often as fits, nine trials begin, three of them go on, and one of these to the end.
    """
    left = budget_s - spent_s
    once = Plan(0, "", 0, RUNGS[-1][1], 0, 0, 0, 0, rungs=RUNGS)
    least = max(SHORTEST, (1 / VALIDATING - 1) * like.validation_s / like.step_s)
    of_one = once.as_average * (least * like.step_s + like.validation_s)
    count = sum(number for number, _ in RUNGS)
    times = min(MOST_TIMES, int(left / (of_one + count * like.once_s)))
    times = min(times, int(MOST_ONCE * left / (count * like.once_s)))
    if times < 1:
        return None
    rungs = tuple((times * number, last) for number, last in RUNGS)
    epoch_s = (left / times - count * like.once_s) / once.as_average
    steps = int((epoch_s - like.validation_s) / like.step_s)
    return Plan(
        budget_s, data, times * count, once.epochs, steps, like.step_s, like.validation_s,
        like.once_s, rungs, schedule="wsd",
    )  # fmt: skip


def values(plan: Plan, limit_s: float | None) -> dict[str, Any]:
    """What it sets of a sweep; see :meth:`fibsem.training.plan.Plan.values`."""
    rungs = [list(rung) for rung in plan.rungs]
    return {**plan.values(limit_s), "search.trials": plan.trials, "search.rungs": rungs}


def cut_off(budget_s: float | None, max_seconds: float | None, worked_s: float) -> dict[str, float]:
    """What a limit sets: no trial begins when the budget is used up.

    That of a sweep that goes on is what its starts before have left of it. ``budget_is=hard`` is a
    limit, and every budget of models that are fitted at once, whose time nothing can plan.
    """
    if budget_s is None:
        return {}
    left_s = max(1.0, budget_s - worked_s)
    return {"search.max_seconds": min(max_seconds or left_s, left_s)}


def mean(probes: Sequence[Probe]) -> Probe:
    """What trials take on average."""
    table = [(one.step_s, one.validation_s, one.once_s, one.pixel_s) for one in probes]
    step_s, validation_s, once_s, pixel_s = np.mean(table, axis=0).tolist()
    return Probe(step_s, validation_s, once_s, pixel_s)


def number_of_trials(like: Probe, seconds: float) -> int:
    """Trials that are long enough to be told apart; at least one."""
    least = like.once_s + max((ONCES - 1) * like.once_s, STEPS * like.step_s)
    return min(MOST_TRIALS, max(1, int(seconds / least)))
