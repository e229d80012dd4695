"""Ranked list of trials for the page of a sweep's parent run in MLflow.

MLflow's table shows which runs belong together only until it is sorted by a metric, and the page of
a parent run does not list its children. So its description lists them, best first, with links.
"""

from __future__ import annotations

from collections.abc import Sequence

from fibsem.analysis import tables
from fibsem.analysis.encoding import markdown
from fibsem.search.studies.outcomes import Outcome, best_first
from fibsem.system import metric_names
from fibsem.training.scoring.objectives import Objective

#: Length of a description that every MLflow store accepts, in characters.
LONGEST = 5000


def ranking_note(outcomes: Sequence[Outcome], goals: Sequence[Objective], experiment: str) -> str:
    """Format complete trials, best first, as a Markdown table with as many rows as fit.

    Parameters
    ----------
    outcomes
        Outcomes of the study; attempts without objectives are left out.
    goals
        Objectives of the sweep.
    experiment
        Id of the experiment in MLflow, for the links.
    """
    complete = best_first(outcomes, goals[0])
    rows = [_row(rank, outcome, goals, experiment) for rank, outcome in enumerate(complete, 1)]
    order = f"Complete trials by {goals[0].key}, the best first"
    if any(outcome.infeasible for outcome in complete):
        rows = [
            row | {"reason": outcome.reason} for row, outcome in zip(rows, complete, strict=True)
        ]
        order += "; those beyond a bound come behind the others, and have no rank"
    head, line, *lines = markdown(tables.trials(rows)).splitlines()
    title = f"{order}\n\n"
    kept = [head, line]
    for text in lines:
        if len(title) + sum(map(len, [*kept, text])) + len(kept) > LONGEST - 100:
            return title + "\n".join(kept) + f"\n\nand {len(lines) - len(kept) + 2} more"
        kept.append(text)
    return title + "\n".join(kept)


def _row(
    rank: int, outcome: Outcome, goals: Sequence[Objective], experiment: str
) -> dict[str, object]:
    figures = dict(zip((goal.key for goal in goals), outcome.objectives or (), strict=True))
    return {
        "rank": "" if outcome.infeasible else rank,
        "trial": f"[{outcome.number}](#/experiments/{experiment}/runs/{outcome.run_id})",
        **figures,
        metric_names.VAL_MIOU: outcome.val["miou"],
        **{key: v for key, v in outcome.figures.items() if key == metric_names.VAL_ALL_MEDIAN},
        **outcome.values,
    }
