"""A trial of Optuna in our words: the attempt that it is, as it is stored, and what came of it."""

from __future__ import annotations

import json
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from fibsem.search.space.space import Values
from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.slots import Attempt, Opening, State

STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def attributes_of(
    opening: Opening, values: Values, continues: int | None = None
) -> dict[str, object]:
    """What a trial is opened with, for :func:`attempt_of` to read.

    ``values`` where they are drawn already, and the number of the attempt that it ``continues``.
    """
    return {
        "slot": opening.slot,
        "attempt": opening.attempt,
        "strikes": opening.strikes,
        "failures": opening.failures,
        **({"values": json.dumps(values)} if values else {}),
        **({} if continues is None else {"continues": continues}),
    }


def attempt_of(frozen: FrozenTrial) -> Attempt:
    """The attempt that a trial is."""
    attrs = _attributes(frozen)
    cause = attrs.get("cause")
    return Attempt(
        number=frozen.number,
        slot=attrs["slot"],
        attempt=attrs["attempt"],
        strikes=attrs["strikes"],
        failures=attrs["failures"],
        state="stopped" if cause == "let_go" else STATES[frozen.state],
        values=json.loads(attrs.get("values", "{}")),
        final=attrs.get("final", False),
        continues=attrs.get("continues"),
        duplicate=attrs.get("duplicate", False),
        cause=cause,
    )


def _attributes(frozen: FrozenTrial) -> dict[str, Any]:
    """What is stored of an attempt, and of its end where it had one."""
    attrs = frozen.user_attrs
    if frozen.state != TrialState.FAIL:
        return attrs
    if "own_failure" in attrs:  # as former versions stored an end
        return {**attrs, "cause": "own" if attrs["own_failure"] else "killed"}
    return {**attrs, **attrs.get("end", {})}


def outcome_of(frozen: FrozenTrial) -> Outcome:
    """What came of a trial."""
    attrs = _attributes(frozen)
    record = attrs.get("record", {})
    return Outcome(
        attempt=attempt_of(frozen),
        reason=attrs.get("reason") or record.get("reason", ""),
        objectives=tuple(frozen.values) if frozen.state == TrialState.COMPLETE else None,
        record=record,
        started=frozen.datetime_start and frozen.datetime_start.timestamp(),
        ended=frozen.datetime_complete and frozen.datetime_complete.timestamp(),
    )
