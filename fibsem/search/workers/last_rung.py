"""Sets the epochs of trainings of the last rung: as planned, or more if time is left.

A plan is made from a few networks that are timed for a moment, and assumes that trainings of the
last rung are of large networks. The earlier epochs of these trainings tell their time better. So
before the first step of each slot of the last rung its epochs are set by the time that is left, and
never to fewer than planned. They are noted in the study, so that another process that goes on with
the slot, or a repetition by the plan, trains as many.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fibsem.search.studies.slots import Attempt
from fibsem.training.run import CHECKPOINT
from fibsem.training.steps.checkpoint import Reached

if TYPE_CHECKING:
    from fibsem.search.sweep import Sweep


def settled_length(sweep: Sweep, slot: int) -> int | None:
    """Epochs that were noted for a slot of the last rung; None for all other slots."""
    plan = sweep.pace.plan
    if plan is None or not sweep.pace.lengthens(slot):
        return None
    return dict(plan.lengths).get(slot) if plan.lengths else sweep.study.get(_note(slot))


def settled_lengths(sweep: Sweep, attempts: Iterable[Attempt]) -> tuple[tuple[int, int], ...]:
    """Slots of the last rung with the epochs that were noted for them.

    Those that came to no result are among them: a repetition must fail in the same way.
    """
    lengths = {slot: settled_length(sweep, slot) for slot in {one.slot for one in attempts}}
    return tuple(sorted((slot, epochs) for slot, epochs in lengths.items() if epochs is not None))


def settle_length(sweep: Sweep, attempt: Attempt, attempts: Sequence[Attempt]) -> None:
    """Note how many epochs a slot of the last rung has, unless that was noted before.

    Parameters
    ----------
    sweep
        The sweep, with its plan and the time that is left.
    attempt
        The attempt at the slot; the checkpoint that it goes on from lies in its folder.
    attempts
        All attempts of the study.
    """
    plan, slot = sweep.pace.plan, attempt.slot
    if plan is None or plan.lengths or not sweep.pace.lengthens(slot):
        return
    if settled_length(sweep, slot) is None:
        planned = sweep.epochs_of(attempt.values) or plan.epochs
        sweep.study.set(_note(slot), max(planned, _epochs_that_fit(sweep, attempt, attempts)))


def _note(slot: int) -> str:
    """Property of the study with the epochs of a slot."""
    return f"length/{slot}"


def _epochs_that_fit(sweep: Sweep, attempt: Attempt, attempts: Iterable[Attempt]) -> int:
    """Epochs for which there is time, by the time of earlier epochs; 0 if there are none.

    No more than fit the checkpoint's learning rates, of which more epochs would need a longer
    warm-up.
    """
    pace = sweep.pace
    reached = Reached.read(sweep.folder / "trials" / attempt.place / CHECKPOINT)
    if reached is None or math.isinf(pace.ends):
        return 0
    epoch_s = reached.epoch_s({0, *(rung.epochs for rung in pace.rungs)})
    if not epoch_s:
        return 0
    more = pace.each_s(_turns(sweep, attempt.slot, attempts)) / epoch_s
    return int(min(reached.most_epochs, len(reached.history) + more))


def _turns(sweep: Sweep, slot: int, attempts: Iterable[Attempt]) -> int:
    """Trainings of the last rung that one worker still has to do, this slot among them."""
    slots = {one.slot for one in attempts if not one.duplicate and sweep.pace.lengthens(one.slot)}
    before, workers = sum(one < slot for one in slots), sweep.search.workers
    return -(-len(slots) // workers) - before // workers
