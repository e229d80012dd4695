"""Set the epochs of trainings of the last rung: as planned, or more if time is left.

A plan is made from a few briefly timed networks, and assumes that trainings of the last rung are of
large networks. The earlier epochs of these trainings give better estimates. So before the first
step of each slot of the last rung its epochs are set from the time that is left, and never to fewer
than planned. They are stored in the study, so that another process that continues the slot, or a
repetition of the plan, trains as many.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from fibsem.search.studies.slots import Attempt, Study
from fibsem.training.steps.checkpoint import Reached

if TYPE_CHECKING:
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


def lacks_length(pace: Pace, study: Study, slot: int) -> bool:
    """Whether the epochs of a slot have to be set before its training: one of the last rung."""
    plan = pace.plan
    if plan is None or plan.lengths or not pace.lengthens(slot):
        return False
    return settled_length(pace, study, slot) is None


def settle_length(
    pace: Pace, study: Study, slot: int, planned: int | None, reached: Reached | None, workers: int
) -> None:
    """Store the epochs of a slot of the last rung.

    Parameters
    ----------
    pace, study, slot
        A slot that :func:`lacks_length`.
    planned
        Planned epochs of its network; None: those of the plan.
    reached
        State of the training that it continues; None without a checkpoint.
    workers
        Number of workers of the sweep.
    """
    assert pace.plan is not None
    slots = {a.slot for a in study.attempts() if not a.duplicate and pace.lengthens(a.slot)}
    turns = _turns(slots, slot, workers)
    least = planned or pace.plan.epochs
    study.set(_note(slot), max(least, _epochs_that_fit(pace, reached, turns)))


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
