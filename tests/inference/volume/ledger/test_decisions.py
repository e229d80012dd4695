"""What was decided is read as it was written, and what was not is not written."""

import json

import pytest

from fibsem.inference.volume.ledger.decisions import Decisions, Likeness, Moved
from fibsem.system.records import typed
from fibsem.system.summaries.lineage import FromSweep, FromTrial, Lineage
from fibsem.system.summaries.measured import Measured, SlabCounts
from fibsem.system.summaries.provenance import Provenance

LINEAGE = Lineage(FromSweep("s"), (FromSweep("s"),), FromTrial(seed=7), dataset="film")


@pytest.mark.parametrize(
    "decided",
    [
        {},
        {"mask": "00ff"},
        {"provenance": Provenance()},
        {"provenance": Provenance(earlier_code=("0.1.0",))},
        {
            "provenance": Provenance(
                weights=("a",),
                versions=(None,),
                lineage=(LINEAGE,),
                code="0.2.0",
                command="fibsem.segment",
                earlier_code=("0.1",),
            )
        },
        {"likeness": Likeness(None, ("dark",)), "members": Moved((), 0)},
        {"likeness": Likeness(0.25, ()), "members": Moved((0.5, -0.5), 64)},
        {
            "measured": Measured(
                (9, 8), 2, {"network": 1.0}, 0.5, "tcp:", 1.5, slabs=SlabCounts(3, 1)
            )
        },
        {"pores_3d": (3, None, 0), "exported": ("labels", "uncertainty")},
    ],
)
def test_decisions_are_read_as_they_were_written(decided):
    before = Decisions(**decided)
    record = before.to_json()
    assert record.keys() == decided.keys()
    assert typed(Decisions, json.loads(json.dumps(record))) == before


def test_what_an_older_version_measured_is_told_as_it_was():
    """Nothing is made up of what it did not measure."""
    older = {"seconds": 1.5, "stages": {"network": 1.0}}
    assert typed(Decisions, {"measured": older}).measured.to_json() == older


def test_a_cluster_is_told_where_other_processes_labelled():
    alone, several = (Measured((9, 8), workers, slabs=SlabCounts(3, 0)) for workers in (1, 2))
    assert "scheduler" not in alone.to_json()
    assert several.to_json()["scheduler"] is None


def test_a_provenance_that_nobody_told_says_nothing_of_models():
    assert Provenance().to_json() == {}
    assert Provenance(earlier_code=("0.1.0",)).to_json() == {"earlier_code": ["0.1.0"]}
    told = Provenance(code="0.2.0").to_json()
    assert told == {
        "weights": [], "versions": [], "lineage": [], "code": "0.2.0", "command": None
    }  # fmt: skip


def test_a_plan_that_does_not_fit_is_refused_by_its_key():
    with pytest.raises(ValueError, match="precision"):
        typed(Decisions, {"decisions": {"correction": 1, "precision": "float8"}})
