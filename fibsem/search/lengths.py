"""How long a sweep without a budget may be, said before its first trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from fibsem.search.shares import abreast
from fibsem.training.estimate import duration, estimate_training
from fibsem.training.instead import LONG_S, instead
from fibsem.training.material import Material


def said_of_all(
    materials: Sequence[Material], trials: int, workers: int, *, planned: bool, dry_run: bool
) -> Iterator[str]:
    """Time some steps; say what a trial takes, what a budget would do instead, and what all take.

    Parameters
    ----------
    materials
        Of a network of each architecture, or of the first one alone.
    trials, workers
        How many there are.
    planned
        Whether there is a budget; then none is named.
    dry_run
        Whether it is said what all trials take.
    """
    timed = [estimate_training(one) for one in materials]
    yield timed[0].sentence()
    at_once = abreast(workers)
    total_s = trials * fmean(one.trial_s for one in timed) / at_once
    if total_s > LONG_S and not planned:
        yield instead(timed[0])
    if dry_run:
        what = "default network" if materials[0].config.spec.is_network else "default model"
        of = f"the {what}" if len(timed) == 1 else "a network of each architecture"
        yield f"{trials} trials: about {duration(total_s)} with {of}{_beside(workers, at_once)}"


def _beside(workers: int, at_once: int) -> str:
    """What several workers make of it."""
    if workers == 1:
        return ""
    shared = f"train on {at_once} accelerators" if at_once > 1 else "share what one would use"
    return f"; search.workers={workers} {shared}"
