"""What a training found, as it is kept."""

from dataclasses import replace

from fibsem.search.studies.trial_record import TrialRecord
from fibsem.training.results import Epoch, TrialResult


def test_an_epoch_that_a_time_limit_cut_is_not_whole():
    whole = Epoch(0, 0.1, 0.5, {"loss": 0.5}, 1.0, 0.1, steps=9)
    cut = replace(whole, epoch=1, steps=4, cut=True)
    result = TrialResult("run", {"loss": 0.4}, (whole, cut), 0, 1.5, 20, 9, {})
    assert (result.epochs, result.whole_epochs) == (2, 1)
    again = TrialResult.from_json(result.to_json())
    assert again.history == (whole, cut)


def test_an_epoch_that_diverged_whole_is_none_that_a_time_limit_cut():
    """It was trained, and is in no history: a hard budget was said to have cut it off."""
    epoch = Epoch(0, 0.1, 0.5, {"loss": 0.5}, 1.0, 0.1, steps=9)
    result = TrialResult("run", {"loss": 0.4}, (epoch,), 0, 1.5, 20, 9, {}, lost_epochs=1)
    assert (result.epochs, result.whole_epochs) == (1, 2)
    record = TrialRecord.of(TrialResult.from_json(result.to_json()), {}, "")
    assert (record.epochs, record.uncut_epochs) == (1, 2)


def test_a_result_without_more_than_it_must_have_says_so():
    record = TrialResult("run", {"loss": 0.4}, (), 0, 1.5, 20, 9, {}).to_json()
    assert {key: record[key] for key in ("val_all", "restart", "start")} == dict.fromkeys(
        ("val_all", "restart", "start")
    )
    assert "test" not in record
    assert TrialResult.from_json(record).to_json() == record
