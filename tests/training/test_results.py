"""What a training found, as it is kept."""

from fibsem.training.results import TrialResult


def test_a_result_without_more_than_it_must_have_says_so():
    record = TrialResult("run", {"loss": 0.4}, (), 0, 1.5, 20, 9, {}).to_json()
    assert {key: record[key] for key in ("val_all", "restart", "start")} == dict.fromkeys(
        ("val_all", "restart", "start")
    )
    assert "test" not in record
    assert TrialResult.from_json(record).to_json() == record
