"""How long a sweep without a budget may be, said before its first trial."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from fibsem.config import Configuration
from fibsem.search.declared import one_of_each
from fibsem.search.shares import abreast
from fibsem.search.space import Space
from fibsem.training.estimate import duration, estimate_training
from fibsem.training.instead import LONG_S, instead
from fibsem.training.material import Material


def said_of_all(given: Configuration, space: Space, material: Material) -> Iterator[str]:
    """Time some steps; say what a trial takes, what a budget would do instead, and what all take.

    What all of them take is said by a dry run alone, which times a network of each architecture.
    """
    search = given.search
    trained = one_of_each(given, space) if search.dry_run else [given]
    others = [material.for_config(one.run) for one in trained[1:]]
    timed = [estimate_training(one) for one in (material, *others)]
    yield timed[0].sentence()
    at_once = abreast(search.workers)
    total_s = search.trials * fmean(one.trial_s for one in timed) / at_once
    if total_s > LONG_S and not given.budget.planned:
        yield instead(timed[0])
    if search.dry_run:
        what = "default network" if material.config.spec.is_network else "default model"
        of = f"the {what}" if len(timed) == 1 else "a network of each architecture"
        yield (
            f"{search.trials} trials: about {duration(total_s)} with {of}"
            f"{_beside(search.workers, at_once)}"
        )


def _beside(workers: int, at_once: int) -> str:
    """What several workers make of it."""
    if workers == 1:
        return ""
    shared = f"train on {at_once} accelerators" if at_once > 1 else "share what one would use"
    return f"; search.workers={workers} {shared}"
