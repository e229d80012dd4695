"""Estimates before the first trial: how long one trial and all of them may take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from fibsem.search.workers.shares import abreast
from fibsem.training.planning.estimate import TimeEstimate, duration
from fibsem.training.planning.instead import LONG_S, instead
from fibsem.training.planning.stages import stages_of


def said_of_all(
    timed: Sequence[TimeEstimate], trials: int, workers: int, *, planned: bool, dry_run: bool,
    rungs: Sequence[Sequence[int]] = (),
) -> Iterator[str]:  # fmt: skip
    """Yield sentences on the duration of a trial and of all trials.

    Parameters
    ----------
    timed
        Time of a training of each architecture, or of the first architecture alone.
    trials, workers
        Number of trials, and of workers.
    planned
        Whether there is a budget; if not, one is suggested.
    dry_run
        Whether to yield a sentence on the time of all trials, too.
    rungs
        (trials, epochs) of a successive halving; empty without one.
    """
    if rungs:
        timed = [replace(estimate, epochs=max(epochs for _, epochs in rungs)) for estimate in timed]
    yield timed[0].sentence()
    at_once = abreast(workers)
    total_s = fmean(_seconds(estimate, trials, rungs) for estimate in timed) / at_once
    if total_s > LONG_S and not planned:
        yield instead(timed[0])
    if dry_run:
        kind = "default model" if timed[0].at_once else "default network"
        of = f"the {kind}" if len(timed) == 1 else "a network of each architecture"
        yield f"{trials} trials: about {duration(total_s)} with {of}{_beside(workers, at_once)}"


def _seconds(estimate: TimeEstimate, trials: int, rungs: Sequence[Sequence[int]]) -> float:
    """Estimate the seconds of all trials from one; epochs of earlier rungs count once."""
    if not rungs or estimate.at_once:
        return trials * estimate.trial_s
    return sum(stage.count * estimate.training_s(stage.epochs) for stage in stages_of(rungs))


def _beside(workers: int, at_once: int) -> str:
    """Describe how several workers share the machine; empty for one worker."""
    if workers == 1:
        return ""
    shared = f"train on {at_once} accelerators" if at_once > 1 else "share what one would use"
    return f"; search.workers={workers} {shared}"
