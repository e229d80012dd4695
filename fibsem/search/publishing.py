"""What becomes of the run of an attempt: only what the study counts is FINISHED in MLflow.

A run is RUNNING until the study has changed its attempt from running to something else; whoever
made that change ends it. Where a kill came between the two, any later start does.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fibsem.system.files import read_json
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking

Row = dict[str, Any]


def run_of(folder: Path) -> str | None:
    """Id of the run of an attempt, by its folder; None where it has begun none, or elsewhere."""
    file = folder / "run.json"
    return str(read_json(file)["run_id"]) if file.is_file() else None


def publish(tracking: Tracking, run_id: str | None, row: Row) -> None:
    """End a run as the row of its attempt says."""
    if run_id is None:
        return
    tags = {names.STATE: "infeasible" if infeasible(row) else row["state"]}
    if row["reason"]:
        tags[names.REASON] = row["reason"]
    tracking.publish(run_id, tags, status_of(row))


def diverged(row: Row) -> bool:
    """Whether a trial filled its slot without a result."""
    return row["state"] == "pruned" and bool(row["reason"])


def infeasible(row: Row) -> bool:
    """Whether a complete trial lies beyond a bound of ``search.constraints``."""
    return row["state"] == "complete" and bool(row["reason"])


def status_of(row: Row) -> str:
    """How the run of an ended attempt ends."""
    if diverged(row):
        return "FAILED"
    if row["state"] in ("complete", "pruned"):
        return "FINISHED"
    return "FAILED" if row["cause"] == "own" else "KILLED"


def reconcile(tracking: Tracking, parent: str, rows: Iterable[Row]) -> None:
    """End every run whose attempt has ended, and only those: others may still be at work."""
    by_number = {row["number"]: row for row in rows}
    at_work = {row["slot"] for row in by_number.values() if row["state"] == "running"}
    for run in tracking.children(parent):
        number, slot = run.data.tags.get(names.ATTEMPT), run.data.tags.get(names.SLOT)
        run_id, running = run.info.run_id, run.info.status == "RUNNING"
        row = by_number.get(int(number)) if number is not None else None
        if row is None:  # of a former version, or opened twice
            if running and int(slot or -1) not in at_work:
                tracking.end(run_id, "KILLED")
        elif row["state"] not in ("waiting", "running"):
            counted = row["record"].get("run_id", run_id) == run_id
            wanted = status_of(row) if counted else "KILLED"
            if running or (run.info.status == "FINISHED") != (wanted == "FINISHED"):
                publish(tracking, run_id, row) if counted else tracking.end(run_id, wanted)
