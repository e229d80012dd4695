"""Translate trials of Optuna into attempts and outcomes of a sweep."""

from __future__ import annotations

import json
from typing import TypedDict, cast

from optuna.trial import FrozenTrial, TrialState

from fibsem.search.space.space import Values
from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.slots import Attempt, Cause, Opening, State
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.system.records import Record

STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


class EndAttributes(TypedDict, total=False):
    """The fields of :class:`~fibsem.search.studies.slots.End`, and the reason."""

    strikes: int
    failures: int
    final: bool
    cause: Cause | None
    reason: str


class TrialAttributes(EndAttributes, total=False):
    """User attributes of a trial, by their keys in the storage.

    ``values`` are hyperparameters as JSON. Keys of ``end`` override the others. Earlier versions
    stored ``own_failure`` instead of a cause.
    """

    slot: int
    attempt: int
    values: str
    continues: int
    duplicate: bool
    record: Record
    end: EndAttributes
    own_failure: bool


def attributes_of(
    opening: Opening, values: Values, continues: int | None = None
) -> TrialAttributes:
    """Return the user attributes of a new trial, which :func:`attempt_of` reads.

    ``values`` are empty if they are drawn later; ``continues`` is the number of another attempt.
    """
    attrs = TrialAttributes(
        slot=opening.slot, attempt=opening.attempt, strikes=opening.strikes,
        failures=opening.failures,
    )  # fmt: skip
    if values:
        attrs["values"] = json.dumps(values)
    if continues is not None:
        attrs["continues"] = continues
    return attrs


def attempt_of(frozen: FrozenTrial) -> Attempt:
    """Convert a trial of Optuna to an attempt."""
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


def _attributes(frozen: FrozenTrial) -> TrialAttributes:
    """Return the user attributes of a trial, updated with its end if it failed."""
    attrs = cast(TrialAttributes, frozen.user_attrs)
    if frozen.state != TrialState.FAIL:
        return attrs
    if "own_failure" in attrs:  # stored by an earlier version
        return {**attrs, "cause": "own" if attrs["own_failure"] else "killed"}
    return {**attrs, **attrs.get("end", {})}


def outcome_of(frozen: FrozenTrial) -> Outcome:
    """Convert a trial of Optuna to an outcome."""
    attrs = _attributes(frozen)
    record = TrialRecord.from_json(attrs.get("record", {}))
    return Outcome(
        attempt=attempt_of(frozen),
        reason=attrs.get("reason") or record.reason,
        objectives=tuple(frozen.values) if frozen.state == TrialState.COMPLETE else None,
        record=record,
        started=frozen.datetime_start and frozen.datetime_start.timestamp(),
        ended=frozen.datetime_complete and frozen.datetime_complete.timestamp(),
    )
