"""End the runs of attempts in MLflow, as FINISHED if the study counts the trial.

A run is RUNNING until the study has ended its attempt; the process that ended the attempt then ends
the run. If it was killed between the two, a later start ends the run.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fibsem.search.studies.outcomes import Outcome
from fibsem.system.files import read_json
from fibsem.tracking import names
from fibsem.tracking.run_notes import RUN
from fibsem.tracking.runs import Tracking


def run_of(folder: Path) -> str | None:
    """Return the id of an attempt's run from its folder, or None if there is none."""
    file = folder / "run.json"
    return read_json(file, RUN, remedy="remove it") if file.is_file() else None


def end_run(tracking: Tracking, run_id: str | None, outcome: Outcome) -> None:
    """Log the outcome of an attempt on its run, and end the run.

    The run is ended last: as long as it is RUNNING, a later start logs everything again.
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
    """Return the MLflow status for the run of an attempt that has ended."""
    if outcome.diverged:
        return "FAILED"
    if outcome.state in ("complete", "pruned"):
        return "FINISHED"
    return "FAILED" if outcome.cause == "own" else "KILLED"


def reconcile(tracking: Tracking, parent: str, outcomes: Iterable[Outcome]) -> None:
    """End every run whose attempt has ended, and no other, as other processes may be training."""
    by_number = {outcome.number: outcome for outcome in outcomes}
    at_work = {outcome.slot for outcome in by_number.values() if outcome.state == "running"}
    for run in tracking.children(parent):
        number, slot = run.data.tags.get(names.ATTEMPT), run.data.tags.get(names.SLOT)
        run_id, running = run.info.run_id, run.info.status == "RUNNING"
        outcome = by_number.get(int(number)) if number is not None else None
        if outcome is None:  # the study does not list this run
            if running and int(slot or -1) not in at_work:
                tracking.end(run_id, "KILLED")
        elif outcome.state not in ("waiting", "running"):
            counted = (outcome.record.run_id or run_id) == run_id
            wanted = status_of(outcome) if counted else "KILLED"
            if running or (run.info.status == "FINISHED") != (wanted == "FINISHED"):
                end_run(tracking, run_id, outcome) if counted else tracking.end(run_id, wanted)
