"""What becomes of the run of an attempt: only what the study counts is FINISHED in MLflow.

A run is RUNNING until the study has changed its attempt from running to something else; whoever
made that change ends it. Where a kill came between the two, any later start does.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fibsem.search.studies.outcomes import Outcome
from fibsem.system.files import read_json
from fibsem.tracking import names
from fibsem.tracking.beginning import RUN
from fibsem.tracking.runs import Tracking


def run_of(folder: Path) -> str | None:
    """Id of the run of an attempt, by its folder; None where it has begun none, or elsewhere."""
    file = folder / "run.json"
    return read_json(file, RUN, remedy="remove it") if file.is_file() else None


def publish(tracking: Tracking, run_id: str | None, outcome: Outcome) -> None:
    """End a run as it came to its attempt.

    Its end comes last: as long as it is RUNNING, a later start tells all of it.
    """
    if run_id is None or tracking.find(run_id) is None:
        return
    tags: dict[str, object] = {names.STATE: "infeasible" if outcome.infeasible else outcome.state}
    if outcome.reason:
        tags[names.REASON] = outcome.reason
    tracking.tag(run_id, tags)
    if outcome.complete:
        tracking.log_model(run_id)
    tracking.end(run_id, status_of(outcome))


def status_of(outcome: Outcome) -> str:
    """How the run of an ended attempt ends."""
    if outcome.diverged:
        return "FAILED"
    if outcome.state in ("complete", "pruned"):
        return "FINISHED"
    return "FAILED" if outcome.cause == "own" else "KILLED"


def reconcile(tracking: Tracking, parent: str, outcomes: Iterable[Outcome]) -> None:
    """End every run whose attempt has ended, and only those: others may still be at work."""
    by_number = {one.number: one for one in outcomes}
    at_work = {one.slot for one in by_number.values() if one.state == "running"}
    for run in tracking.children(parent):
        number, slot = run.data.tags.get(names.ATTEMPT), run.data.tags.get(names.SLOT)
        run_id, running = run.info.run_id, run.info.status == "RUNNING"
        one = by_number.get(int(number)) if number is not None else None
        if one is None:  # of a former version, or opened twice
            if running and int(slot or -1) not in at_work:
                tracking.end(run_id, "KILLED")
        elif one.state not in ("waiting", "running"):
            counted = one.record.get("run_id", run_id) == run_id
            wanted = status_of(one) if counted else "KILLED"
            if running or (run.info.status == "FINISHED") != (wanted == "FINISHED"):
                publish(tracking, run_id, one) if counted else tracking.end(run_id, wanted)
