"""Set the epochs of trainings of the last rung: as planned, or more if time is left.

A plan is made from a few briefly timed networks, and assumes that trainings of the last rung are of
large networks. The earlier epochs of these trainings give better estimates. So before the first
step of each slot of the last rung its epochs are set from the time that is left, and never to fewer
than planned. They are stored in the study, so that another process that continues the slot, or a
repetition of the plan, trains as many.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from fibsem.search.studies.slots import Attempt, Study
from fibsem.training.run import CHECKPOINT
from fibsem.training.steps.checkpoint import Reached

if TYPE_CHECKING:
    from fibsem.search.sweep import Sweep
    from fibsem.search.workers.pace import Pace


def settled_length(pace: Pace, study: Study, slot: int) -> int | None:
    """Return the stored epochs of a slot of the last rung, or None for other slots."""
    plan = pace.plan
    if plan is None or not pace.lengthens(slot):
        return None
    return dict(plan.lengths).get(slot) if plan.lengths else study.get(_note(slot))


def settled_lengths(
    pace: Pace, study: Study, attempts: Iterable[Attempt]
) -> tuple[tuple[int, int], ...]:
    """Return the slots of the last rung with their stored epochs.

    Slots without a result are included, since a repetition must fail in the same way.
    """
    lengths = {slot: settled_length(pace, study, slot) for slot in {a.slot for a in attempts}}
    return tuple(sorted((slot, epochs) for slot, epochs in lengths.items() if epochs is not None))


def settle_length(sweep: Sweep, attempt: Attempt, attempts: Sequence[Attempt]) -> None:
    """Store the epochs of a slot of the last rung, unless they were stored before.

    Parameters
    ----------
    sweep
        The sweep, with its plan and the time that is left.
    attempt
        The attempt at the slot; the checkpoint that it continues from is in its folder.
    attempts
        All attempts of the study.
    """
    pace, study, slot = sweep.pace, sweep.study, attempt.slot
    plan = pace.plan
    if plan is None or plan.lengths or not pace.lengthens(slot):
        return
    if settled_length(pace, study, slot) is None:
        planned = sweep.epochs_of(attempt.values) or plan.epochs
        reached = Reached.read(sweep.folder / "trials" / attempt.place / CHECKPOINT)
        slots = {a.slot for a in attempts if not a.duplicate and pace.lengthens(a.slot)}
        turns = _turns(slots, slot, sweep.search.workers)
        study.set(_note(slot), max(planned, _epochs_that_fit(pace, reached, turns)))


def _note(slot: int) -> str:
    """Return the study's key for the epochs of a slot."""
    return f"length/{slot}"


def _epochs_that_fit(pace: Pace, reached: Reached | None, turns: int) -> int:
    """Return the epochs that fit, by the time of earlier epochs; 0 if there are none.

    The checkpoint's learning rates limit the number, since more epochs would need a longer
    warm-up.
    """
    if reached is None or math.isinf(pace.ends):
        return 0
    epoch_s = reached.epoch_s({0, *(rung.epochs for rung in pace.rungs)})
    if not epoch_s:
        return 0
    more = pace.each_s(turns) / epoch_s
    return int(min(reached.most_epochs, len(reached.history) + more))


def _turns(slots: Collection[int], slot: int, workers: int) -> int:
    """Count the trainings of the last rung that a worker still has to do, with this slot."""
    before = sum(earlier < slot for earlier in slots)
    return -(-len(slots) // workers) - before // workers
