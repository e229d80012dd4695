"""Which files of trials are kept: weights of the best, checkpoints that somebody goes on from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fibsem.search.studies.outcomes import best_first
from fibsem.search.studies.rungs import left_behind, read_rungs
from fibsem.search.studies.slots import Attempt, predecessors
from fibsem.system.files import replace_file
from fibsem.training.run import CHECKPOINT

if TYPE_CHECKING:
    from fibsem.search.sweep import Sweep

#: Files of a trial that hold its weights.
WEIGHTS = ("model.keras", "model.skops")


def tidy(sweep: Sweep) -> None:
    """Remove the weights of trials that are not among the best by the only objective.

    And of trials that are over the checkpoints that nobody goes on from.
    """
    search, trials = sweep.search, sweep.folder / "trials"
    if search.keep is None or len(sweep.goals) > 1:
        return
    outcomes = sweep.study.outcomes()
    complete = best_first(outcomes, sweep.goals[0])
    for one in complete[search.keep :]:
        for name in WEIGHTS:
            (trials / one.attempt.place / name).unlink(missing_ok=True)
    if search.backend == "keras_tuner":  # Hyperband may continue any trial
        return
    attempts = [one.attempt for one in outcomes]
    place = {attempt.number: attempt.place for attempt in attempts}
    best = {one.number for one in complete[: search.keep]}
    for number in left_behind(read_rungs(search.rungs), attempts) - best:
        (trials / place[number] / CHECKPOINT).unlink(missing_ok=True)


def inherit(attempt: Attempt, attempts: Iterable[Attempt], trials: Path) -> None:
    """Give an attempt the checkpoint of the one that it goes on with, in the folder of its own.

    Where a study that is no more has left such a folder, its results know what they are of.
    """
    everything = list(attempts)
    folder = trials / attempt.place
    sources = predecessors(attempt, everything)
    if not attempt.failures:
        sources += [other for other in everything if other.number == attempt.continues]
    for source in sources:
        checkpoint = trials / source.place / CHECKPOINT
        if checkpoint.is_file():
            replace_file(folder / CHECKPOINT, checkpoint.read_bytes())
            return
