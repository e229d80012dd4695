"""How long trainings of the last rung are: as planned, or longer where a budget has time left.

A plan is made by a few networks that are timed for a moment, and prices what goes on as large ones.
What the trainings that go on have taken themselves says more. So the clock is asked once for each
slot of the last rung, before its first step, and never for fewer epochs than planned. The study has
the answer: whoever goes on with the slot trains as many, and so does a repetition by the plan.
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
    """Epochs of a slot of the last rung, once they are settled; None of all others."""
    plan = sweep.pace.plan
    if plan is None or not sweep.pace.lengthens(slot):
        return None
    return dict(plan.lengths).get(slot) if plan.lengths else sweep.study.get(_note(slot))


def settled_lengths(sweep: Sweep, attempts: Iterable[Attempt]) -> tuple[tuple[int, int], ...]:
    """Slots of the last rung with their epochs, those that came to no result among them.

    Repeated they come to none by the same epochs.
    """
    lengths = {slot: settled_length(sweep, slot) for slot in {one.slot for one in attempts}}
    return tuple(sorted((slot, epochs) for slot, epochs in lengths.items() if epochs is not None))


def settle_length(sweep: Sweep, attempt: Attempt, attempts: Sequence[Attempt]) -> None:
    """Note how many epochs a slot of the last rung has, unless that is settled.

    Parameters
    ----------
    sweep
        By whose plan and time.
    attempt
        At the slot, with the checkpoint that it goes on from in its folder.
    attempts
        All that there are.
    """
    plan, slot = sweep.pace.plan, attempt.slot
    if plan is None or plan.lengths or not sweep.pace.lengthens(slot):
        return
    if settled_length(sweep, slot) is None:
        planned = sweep.epochs_of(attempt.values) or plan.epochs
        sweep.study.set(_note(slot), max(planned, _epochs_that_fit(sweep, attempt, attempts)))


def _note(slot: int) -> str:
    """Key of the study under which the epochs of a slot are noted."""
    return f"length/{slot}"


def _epochs_that_fit(sweep: Sweep, attempt: Attempt, attempts: Iterable[Attempt]) -> int:
    """Epochs for which there is time, by what those before have taken; 0 where nothing tells.

    No more than a checkpoint may be given without another warm-up.
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
    """Trainings of the last rung that a worker does one after the other, from this slot on."""
    slots = {one.slot for one in attempts if not one.duplicate and sweep.pace.lengthens(one.slot)}
    before, workers = sum(one < slot for one in slots), sweep.search.workers
    return -(-len(slots) // workers) - before // workers
