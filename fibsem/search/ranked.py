"""Ranked list of trials: as a table, and for the page of a sweep's parent run in MLflow.

MLflow's table shows which runs belong together only until it is sorted by a metric, and the page of
a parent run lists its children without their results. So its description lists them, best first,
with links. It has room for some dozens; the table has them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from textwrap import shorten

import pandas as pd

from fibsem.analysis import tables
from fibsem.analysis.encoding import cell, markdown
from fibsem.search.folder import ATTEMPTS, RANKED
from fibsem.search.space.space import Values
from fibsem.search.studies.outcomes import Outcome, best_first
from fibsem.system import metric_names
from fibsem.training.scoring.objectives import Objective

#: Length of a description that every MLflow store accepts, in characters.
LONGEST = 5000
#: Length of the list of values that all trials share, in characters.
SHARED = 400


def ranking_table(outcomes: Iterable[Outcome], goals: Sequence[Objective]) -> pd.DataFrame:
    """Return all complete trials, best first, with every hyperparameter and the ids of their runs.

    Trials beyond a bound of the search come last, without a rank.
    """
    rows = [
        {"rank": rank, "number": outcome.number, **_figures(outcome, goals), **outcome.values,
         "reason": outcome.reason, "run_id": outcome.run_id}
        for rank, outcome in _ranked(outcomes, goals[0])
    ]  # fmt: skip
    return pd.DataFrame(rows)


def ranking_note(
    outcomes: Iterable[Outcome],
    goals: Sequence[Objective],
    experiment: str,
    *,
    running: bool = False,
) -> str:
    """Format complete trials, best first, as a Markdown table with as many rows as fit.

    A hyperparameter with one value in all trials has no column.

    Parameters
    ----------
    outcomes
        Outcomes of the study; attempts without objectives are left out.
    goals
        Objectives of the sweep.
    experiment
        Id of the experiment in MLflow, for the links.
    running
        Whether the sweep has not ended; the whole tables are logged at its end.
    """
    ranked = _ranked(outcomes, goals[0])
    complete = [outcome for _, outcome in ranked]
    shared, beyond = _shared(complete), any(outcome.infeasible for outcome in complete)
    rows = [
        {
            "rank": rank,
            "trial": f"[{outcome.number}](#/experiments/{experiment}/runs/{outcome.run_id})",
            **_figures(outcome, goals),
            **{key: value for key, value in outcome.values.items() if key not in shared},
            **({"reason": outcome.reason} if beyond else {}),
        }
        for rank, outcome in ranked
    ]
    begin = f"Complete trials{' so far' if running else ''} by {goals[0].key}, the best first"
    if beyond:
        begin += "; those beyond a bound come behind the others, and have no rank"
    if shared:
        values = ", ".join(f"{key} {value}" for key, value in shared.items())
        begin += f"\n\nThe same in all: {cell(shorten(values, SHARED, placeholder=' …'))}"
    end = "" if running else f"Artifacts: {RANKED} has all of them, {ATTEMPTS} all attempts"
    return _fitting(f"{begin}\n\n", markdown(tables.trials(rows)).splitlines(), end)


def _fitting(begin: str, table: Sequence[str], end: str) -> str:
    """Join a beginning, the first rows of a table, the number of the others, and an end."""
    room = LONGEST - len(begin) - len(end) - len("\n\nand 1000000 more\n\n")
    lengths = accumulate(len(line) + 1 for line in table)
    shown = sum(length <= room for length in lengths)
    rest = f"and {len(table) - shown} more" if shown < len(table) else ""
    return begin + "\n\n".join(filter(None, ["\n".join(table[:shown]), rest, end]))


def _ranked(outcomes: Iterable[Outcome], goal: Objective) -> list[tuple[int | str, Outcome]]:
    """Return complete trials, best first, with their ranks; those beyond a bound have none."""
    complete = enumerate(best_first(outcomes, goal), 1)
    return [("" if outcome.infeasible else rank, outcome) for rank, outcome in complete]


def _figures(outcome: Outcome, goals: Sequence[Objective]) -> dict[str, float]:
    """Return the objectives of a trial, its validation mIoU, and its median pore IoU if known."""
    objectives = dict(zip((goal.key for goal in goals), outcome.objectives or (), strict=True))
    median = {k: v for k, v in outcome.figures.items() if k == metric_names.VAL_ALL_MEDIAN}
    return {**objectives, metric_names.VAL_MIOU: outcome.val["miou"], **median}


def _shared(complete: Sequence[Outcome]) -> Values:
    """Return the hyperparameters that have one value in all trials, if there are several trials."""
    if len(complete) < 2:
        return {}
    first, *others = (outcome.values for outcome in complete)
    return {
        key: value
        for key, value in first.items()
        if all(key in values and values[key] == value for values in others)
    }
