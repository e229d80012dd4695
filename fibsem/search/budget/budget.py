"""Plan a sweep that fills a time budget: number and steps of trials, from timed networks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice, product

from fibsem.config import Configuration
from fibsem.config.search import of_epochs
from fibsem.errors import UserError
from fibsem.search.budget.brackets import brackets_of
from fibsem.search.budget.sizes import NetworkCost, average, grown, to_be_timed
from fibsem.search.space.space import Space, Values
from fibsem.search.workers.shares import probe_at_once
from fibsem.training.material.datasets import obtain
from fibsem.training.material.material import Material
from fibsem.training.planning.budgeting import VALIDATING, plan_trainings
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.probing import Probe, probe

#: Minimum time of a trial, in multiples of its one-time work (building and tracing its network, and
#: scoring the kept one), and its minimum number of steps.
ONCES, STEPS = 5.0, 300
MOST_TRIALS = 100
#: Maximum number of networks whose operations are counted; each takes at most a tenth of a second.
COUNTED = 16
#: Values in a checkpoint per parameter of a network, including two of the optimiser.
IN_CHECKPOINT = 5
#: Rungs of a successive halving as (trials, epochs), and a version with half as many validations.
RUNGS = ((9, 2), (3, 6), (1, 18))
COARSE = ((9, 1), (3, 3), (1, 9))
#: Maximum successive halvings in one budget, minimum steps of an epoch, and maximum share of the
#: time for such one-time work.
MOST_TIMES, SHORTEST, MOST_ONCE = 8, 60, 0.3
#: Maximum number of times that a successive halving is planned for the networks of its first rung.
MOST_ROUNDS = 5


def plan_sweep(
    configuration: Configuration,
    space: Space,
    material: Material,
    budget_s: float,
    began: float,
) -> Plan:
    """Time some networks of a space, and plan number and steps of trials that fill a budget.

    Parameters
    ----------
    configuration, space, material
        Configuration, search space and training data of the sweep.
    budget_s
        The budget in seconds.
    began
        Start of the command, from ``time.perf_counter``.
    """
    search, data = configuration.search, material.dataset.hash
    points = first(space, search.seed, search.sampler)
    begun = [material.for_config(configuration.with_values(point).run) for point in points]
    networks = [NetworkCost.of(material.config.spec, material.step_shape) for material in begun]
    rounds, chosen = to_be_timed(networks, search.workers, budget_s)
    timed = [networks[k] for k in chosen]
    probes = _timed([begun[k] for k in chosen], search.workers, budget_s / rounds)
    estimated = partial(average, probes, timed)
    typical, spent_s = estimated(networks), time.perf_counter() - began
    by = search.objectives[0]
    halve = search.can_halve and of_epochs(by, estimates_all=configuration.estimates_all)
    plan: Plan | None = None
    if search.sampler == "hyperband":
        plan = by_brackets(typical, search.hyperband_epochs, budget_s, spent_s, data)
    elif halve:
        typical, plan = of_those_that_begin(
            estimated,
            networks,
            lambda network: halving(network, budget_s, spent_s, data, search.workers),
        )
        if plan is not None:
            plan = replace(plan, growth=grown(probes, timed, typical), lengthens=True)
    if plan is None:
        trials = number_of_trials(typical, budget_s - spent_s, search.workers)
        typical = estimated(networks[:trials])  # the networks that are trained, in order
        trials = number_of_trials(typical, budget_s - spent_s, search.workers)
        plan = plan_trainings(
            typical, budget_s, spent_s, data, trials=trials, workers=search.workers
        )
        pruned = search.pruner != "none"
        plan = replace(plan, pruned=pruned)
        if not pruned and not math.isclose(space.size, 1):
            sized, soft = grown(probes, timed, typical), not configuration.budget.strict
            plan = replace(plan, fills=True, growth=sized, lengthens=soft)
    largest = max(measured.parameters for measured in probes)
    several, tuner = len(search.objectives) > 1, search.backend == "keras_tuner"
    mib = disk_mib(plan, None if several else search.keep, largest, all_checkpoints=tuner)
    return replace(plan, disk_mib=mib)


def _timed(materials: Sequence[Material], workers: int, budget_s: float) -> list[Probe]:
    """Time networks, as many at once as there are workers."""
    if workers == 1:
        return [probe(material, budget_s) for material in materials]
    readings = [
        (
            partial(obtain, material.config.data, material.config.split),
            partial(Material, config=material.config),
        )
        for material in materials
    ]
    return [
        timed
        for k in range(0, len(readings), workers)
        for timed in probe_at_once(readings[k : k + workers], budget_s)
    ]


def first(space: Space, seed: int, sampler: str) -> list[Values]:
    """Return the first points of a sweep, whose networks' operations are counted."""
    points = space.plan(seed, enumerate_cells=sampler == "enumerated")
    return list(islice(points, COUNTED))


def disk_mib(
    plan: Plan, keep: int | None, parameters: float, *, all_checkpoints: bool = False
) -> float:
    """Estimate the maximum disk space of a sweep's weights and checkpoints, in MiB.

    A sweep keeps weights and checkpoints of its best trials, and checkpoints of trials that may
    continue. A checkpoint holds weights, their averages, the best weights and the optimiser's
    state. Nothing is removed with several objectives, and no checkpoint with Keras-Tuner.
    """
    trials = most_trials(plan)
    trials_kept = trials if keep is None else min(keep, trials)
    going_on = plan.rungs[0][0] if plan.rungs else 0
    checkpoints = trials if all_checkpoints else min(trials, trials_kept + going_on)
    return 4 * parameters * (trials_kept + IN_CHECKPOINT * checkpoints) / 2**20


def most_trials(plan: Plan) -> int:
    """Return the maximum number of trials.

    With a pruner it is :data:`MOST_TRIALS`; if the plan fills its time, twice the planned ones.
    """
    if plan.pruned:
        return MOST_TRIALS
    return 2 * plan.trials if plan.fills else plan.trials


def halving(
    typical: Probe, budget_s: float, spent_s: float, data: str, workers: int = 1
) -> Plan | None:
    """Plan a successive halving for the rest of a budget, or None if there is too little time.

    Nine trials begin, three of them continue, and one of these is trained to the end, repeated as
    often as it fits. If validations would take too much of the time, there are half as many.
    """
    for once, times in product((RUNGS, COARSE), range(MOST_TIMES, 0, -1)):
        rungs = tuple((times * number, last) for number, last in once)
        plan = in_rungs(typical, budget_s, spent_s, data, rungs, workers)
        begins_s = plan.turns * typical.once_s
        if long_enough(plan) and begins_s <= MOST_ONCE * (budget_s - spent_s):
            return replace(plan, schedule="wsd")
    return None


def of_those_that_begin(
    estimated: Callable[[Sequence[NetworkCost]], Probe],
    networks: Sequence[NetworkCost],
    halve: Callable[[Probe], Plan | None],
) -> tuple[Probe, Plan | None]:
    """Plan a successive halving for the average of its first networks; returns average and plan.

    The number of networks that begin follows from their average time, which in turn depends on how
    many begin: so it is planned again until both agree. If they never do, the plan with fewer
    trials is taken, and some time is left.

    Parameters
    ----------
    estimated
        Returns the average times of some networks.
    networks
        Networks in the order in which they begin.
    halve
        Returns the plan for average times, or None if there is too little time.
    """
    tried: list[tuple[Probe, Plan]] = []
    begin = len(networks)
    for _ in range(MOST_ROUNDS):
        typical = estimated(networks[:begin])
        plan = halve(typical)
        if plan is None:
            return typical, None
        tried.append((typical, plan))
        before, begin = begin, min(plan.rungs[0][0], len(networks))
        if begin == before:
            return typical, plan
    return min(tried[-2:], key=lambda option: option[1].trials)


def by_brackets(typical: Probe, longest: int, budget_s: float, spent_s: float, data: str) -> Plan:
    """Plan all brackets of Hyperband, or only the first one, with as many steps an epoch as fit.

    Raises
    ------
    UserError
        If the budget is too short for one bracket.
    """
    brackets = brackets_of(longest)
    for count in (len(brackets), 1):
        rungs = tuple(rung for bracket in brackets[:count] for rung in bracket)
        plan = in_rungs(typical, budget_s, spent_s, data, rungs)
        if long_enough(plan):
            return replace(plan, schedule="constant")
    least_s = spent_s + replace(plan, steps=fewest(typical)).seconds
    raise UserError(
        f"`budget` must be at least {math.ceil(1.1 * least_s)}s for a bracket of Hyperband, "
        f"{plan.trials} trainings, but got {budget_s:g}s; the choices are a longer one, "
        f"search.hyperband.epochs={max(1, longest // 3)} or "
        "search.sampler=random."
    )


def in_rungs(
    typical: Probe, budget_s: float, spent_s: float, data: str,
    rungs: tuple[tuple[int, int], ...], workers: int = 1,
) -> Plan:  # fmt: skip
    """Plan rungs whose steps fill the rest of a budget; steps are below 1 if nothing is left."""
    trials, epochs = sum(count for count, _ in rungs), max(epochs for _, epochs in rungs)
    plan = Plan(
        budget_s, data, trials, epochs, 0, typical.step_s, typical.validation_s, typical.once_s,
        rungs, workers, goes_on=typical.goes_on,
    )  # fmt: skip
    epoch_s = (budget_s - spent_s - plan.turns * typical.once_s) / plan.as_average
    return replace(plan, steps=math.floor((epoch_s - typical.validation_s) / typical.step_s))


def long_enough(plan: Plan) -> bool:
    """Whether the epochs of a plan have enough steps; see :func:`fewest`."""
    return plan.steps >= fewest(plan)


def fewest(typical: Probe | Plan) -> int:
    """Return the minimum steps of an epoch that keep validation within its share of the time."""
    return max(SHORTEST, math.ceil((1 / VALIDATING - 1) * typical.validation_s / typical.step_s))


def values(plan: Plan, limit_s: float | None = None, *, halves: bool = True) -> dict[str, object]:
    """Return the settings of a sweep that follow from its plan, by dotted key.

    ``halves`` is False for Keras-Tuner's Hyperband, which has rungs of its own. No time limit is
    set here: each training gets its limit when it begins. See
    :meth:`fibsem.training.planning.plan.Plan.values`.
    """
    rungs = [list(rung) for rung in plan.rungs] if halves else []
    trials = plan.filled or most_trials(plan)
    return {**plan.values(None), "search.trials": trials, "search.rungs": rungs}


def number_of_trials(typical: Probe, seconds: float, workers: int = 1) -> int:
    """Return how many trials, long enough to compare, fit into a time; at least one per worker."""
    least = typical.once_s + max(
        (ONCES - 1) * typical.once_s, STEPS * typical.step_s + typical.validation_s
    )
    return max(workers, min(MOST_TRIALS, workers * max(1, int(seconds / least))))
