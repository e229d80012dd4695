"""The trials of a sweep in their order, on the page of its parent run.

MLflow's table shows which runs belong together only as long as nobody sorts it by a metric, and the
page of a parent does not name its children. So its description does, the best first, with links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fibsem.analysis import tables
from fibsem.analysis.encoding import markdown
from fibsem.tracking import names
from fibsem.training.objectives import Objective

#: Characters of a description that every store of MLflow keeps.
LONGEST = 5000

Row = Mapping[str, Any]


def ranking_note(rows: Sequence[Row], goals: Sequence[Objective], experiment: str) -> str:
    """Complete trials by the first objective as Markdown, as many as a description holds.

    Parameters
    ----------
    rows
        Of the study; those without objectives are left out.
    goals
        Of the sweep.
    experiment
        Id, for the links.
    """
    sign = 1 if goals[0].direction == "minimize" else -1
    complete = [row for row in rows if row["state"] == "complete"]
    complete.sort(key=lambda row: sign * row["objectives"][0])
    named = [_named(rank, row, goals, experiment) for rank, row in enumerate(complete, 1)]
    head, line, *lines = markdown(tables.trials(named)).splitlines()
    title = f"Complete trials by {goals[0].key}, the best first\n\n"
    kept = [head, line]
    for text in lines:
        if len(title) + sum(map(len, [*kept, text])) + len(kept) > LONGEST - 100:
            return title + "\n".join(kept) + f"\n\nand {len(lines) - len(kept) + 2} more"
        kept.append(text)
    return title + "\n".join(kept)


def _named(rank: int, row: Row, goals: Sequence[Objective], experiment: str) -> dict[str, Any]:
    run_id = row["record"]["run_id"]
    figures = dict(zip((goal.key for goal in goals), row["objectives"], strict=True))
    return {
        "rank": rank,
        "trial": f"[{row['number']}](#/experiments/{experiment}/runs/{run_id})",
        **figures,
        names.VAL_MIOU: row["record"]["val"]["miou"],
        **row["values"],
    }
