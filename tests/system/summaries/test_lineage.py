"""The lineage of a model is the same after it was stored, also by another version."""

from hypothesis import given
from hypothesis import strategies as st

from fibsem.system.summaries.lineage import DataSource, FromPromotion, FromSweep, FromTrial, Lineage

WORDS = st.none() | st.text(max_size=3)
SWEEPS = st.builds(FromSweep, WORDS, WORDS, WORDS, WORDS)
LINEAGES = st.builds(
    Lineage,
    SWEEPS,
    st.lists(SWEEPS, max_size=2).map(tuple),
    st.builds(FromTrial, WORDS, WORDS, WORDS, st.none() | st.integers(), WORDS, WORDS),
    st.builds(FromPromotion, WORDS, WORDS, st.lists(st.integers(), max_size=2).map(tuple), WORDS),
    WORDS,
    WORDS,
    st.builds(DataSource, WORDS, WORDS, WORDS),
    WORDS,
)


@given(LINEAGES)
def test_what_was_stored_is_read_again(lineage):
    assert Lineage.from_json(lineage.to_json()) == lineage


@given(LINEAGES)
def test_what_a_later_version_added_is_left_out(lineage):
    record = lineage.to_json()
    for part in ("trial", "promotion", "sweep", "data_source"):
        record[part] = {**record[part], "added": 1}
    assert Lineage.from_json({**record, "added": 1}) == lineage


def test_what_others_read_of_a_summary_keeps_its_names():
    """Programs read these keys of ``summary.json``; a trial has ``init`` only where it had some."""
    record = Lineage(sweeps=(FromSweep(),)).to_json()
    sweep = {"study", "parent_run_id", "code", "command"}
    assert record.keys() == {
        "sweep", "sweeps", "trial", "promotion", "dataset", "data", "data_source", "code",
    }  # fmt: skip
    assert record["sweep"].keys() == record["sweeps"][0].keys() == sweep
    assert record["trial"].keys() == {"run_id", "name", "number", "seed", "code"}
    assert record["promotion"].keys() == {"run_id", "parent_run_id", "seeds", "command"}
    assert record["data_source"].keys() == {"name", "path", "phantom"}
    begun = Lineage(trial=FromTrial(init="models:/fibsem/1"))
    assert begun.to_json()["trial"]["init"] == "models:/fibsem/1"
    taught = Lineage(trial=FromTrial(teacher="models:/fibsem/1"))
    assert taught.to_json()["trial"].keys() == {*record["trial"], "teacher"}
    assert Lineage.from_json(taught.to_json()).trial == taught.trial
