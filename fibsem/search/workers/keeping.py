"""Remove files of trials, except for the weights of the best and for needed checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from fibsem.search.studies.outcomes import best_first
from fibsem.search.studies.slots import Attempt, Study, predecessors
from fibsem.system.files import replace_file
from fibsem.training.run import CHECKPOINT
from fibsem.training.scoring.objectives import Objective

#: Files of a trial that hold its weights.
WEIGHTS = ("model.keras", "model.skops")


def tidy(study: Study, goals: Sequence[Objective], trials: Path, keep: int | None) -> None:
    """Remove the weights of trials that are not among the best ones.

    Checkpoints of finished trials are removed, too, unless another training continues from them.
    Nothing is removed with several objectives.

    Parameters
    ----------
    study, goals, trials
        A study, its objectives, and the folder with those of its trials.
    keep
        Number of the best trials; None for all.
    """
    if keep is None or len(goals) > 1:
        return
    outcomes = study.outcomes()
    complete = best_first(outcomes, goals[0])
    for outcome in complete[keep:]:
        for name in WEIGHTS:
            (trials / outcome.attempt.folder_name / name).unlink(missing_ok=True)
    attempts = [outcome.attempt for outcome in outcomes]
    folder_names = {attempt.number: attempt.folder_name for attempt in attempts}
    best = {outcome.number for outcome in complete[:keep]}
    for number in study.left_behind(attempts) - best:
        (trials / folder_names[number] / CHECKPOINT).unlink(missing_ok=True)


def inherit(attempt: Attempt, attempts: Iterable[Attempt], trials: Path) -> None:
    """Copy the checkpoint that an attempt continues from into the attempt's own folder.

    A folder of this name may be left over from a deleted study, which its identity shows.
    """
    everything = list(attempts)
    folder = trials / attempt.folder_name
    sources = predecessors(attempt, everything)
    if not attempt.failures:
        sources += [other for other in everything if other.number == attempt.continues]
    for source in sources:
        checkpoint = trials / source.folder_name / CHECKPOINT
        if checkpoint.is_file():
            replace_file(folder / CHECKPOINT, checkpoint.read_bytes())
            return
