"""Errors of the best trials on one validation square, side by side.

Every training leaves a picture of the same part of a square, so no trial is scored again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fibsem.search.studies.outcomes import Outcome, best_first
from fibsem.training.scoring.objectives import Objective
from fibsem.training.scoring.picture import PICTURE, Picture, read_square

#: Number of trials that are shown.
SHOWN = 12


@dataclass(frozen=True)
class BestSquares:
    """Pictures of one part of a validation square.

    Attributes
    ----------
    grey, labels
        Its grey values and labels.
    errors
        Errors of each trial, by rank, number and value of the trial.
    """

    grey: Picture
    labels: Picture
    errors: Mapping[str, Picture]


def best_squares(outcomes: Iterable[Outcome], goal: Objective, trials: Path) -> BestSquares | None:
    """Read the pictures of the best trials within the bounds.

    Parameters
    ----------
    outcomes, goal
        Outcomes of the study, and the objective that ranks them.
    trials
        The folder with those of the trials.

    Returns
    -------
    BestSquares or None
        None if none of them has a picture, as with ``tracking.pictures=false``.
    """
    ranked = [outcome for outcome in best_first(outcomes, goal) if not outcome.infeasible]
    squares = {
        f"{rank}: trial {outcome.number}\n{outcome.first():.4g}": panels
        for rank, outcome in enumerate(ranked[:SHOWN], 1)
        if (panels := _panels(trials / outcome.attempt.folder_name / PICTURE))
    }
    if not squares:
        return None
    # a slow network is shown on a smaller part, which begins at the same pixel
    grey, labels, *_ = max(squares.values(), key=lambda panels: panels[0].size)
    return BestSquares(grey, labels, {title: panels[-1] for title, panels in squares.items()})


def _panels(path: Path) -> list[Picture] | None:
    """Read the panels of a trial's picture; None if there is none, or it is damaged."""
    with contextlib.suppress(ValueError):
        return read_square(path) if path.is_file() else None
    return None
