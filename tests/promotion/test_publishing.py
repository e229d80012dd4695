"""What a promotion logs, whatever call of the store was its last."""

import itertools

import pytest

from fibsem.config import Configuration, compose
from fibsem.data.manifest import load_dataset
from fibsem.promotion.publishing import log_record
from fibsem.promotion.setting import Promotion
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking
from tests.conftest import CutOffError

FIGURES = {"miou": 0.7, "loss": 0.2}
#: What the store is told by, call by call.
CALLS = ("log_artifact", "log_batch", "set_terminated")


@pytest.fixture
def begin(tiny, new_store, tmp_path):
    """Function () -> a promotion whose run and that of its training are at work, and its record."""
    given = Configuration(compose("promote", new_store(tmp_path)))
    tracking = Tracking.open(given.tracking, "film")

    def make():
        run_id, parent = (tracking.start(name, tags={}) for name in ("final", "promotion"))
        record = {"run_id": run_id, "postprocessing": {"sigma": 1.0}}
        record |= dict.fromkeys(("val", "test", "train_all", "val_all", "test_all"), FIGURES)
        return Promotion(given, load_dataset(tiny), tmp_path, tracking, parent), record

    return make


def logged(work, record):
    """Status, metrics by step and files of both runs."""
    client, found = work.tracking.client, []
    for run_id in (record["run_id"], work.parent):
        run = client.get_run(run_id)
        history = {
            key: [(one.step, one.value) for one in client.get_metric_history(run_id, key)]
            for key in run.data.metrics
        }
        files = [one.path for one in client.list_artifacts(run_id, "tables")]
        found.append((run.info.status, history, run.data.tags.get(names.TEST), files))
    return found


def test_it_is_told_once_whenever_a_start_before_was_killed(begin, tmp_path, monkeypatch):
    """Before each call of the store, and behind it."""
    table = tmp_path / "labelled.csv"
    table.write_text("a\n")
    work, record = begin()
    log_record(work, record, {"tables": [table]}, 7)
    whole = logged(work, record)
    assert [status for status, *_ in whole] == ["FINISHED", "FINISHED"]
    assert whole[0][1]["test_all/miou"] == [(7, 0.7)]
    kills = 0
    for k in itertools.count():
        work, record = begin()
        with monkeypatch.context() as patch:
            cut_off_at(k, work.tracking.client, patch)
            try:
                log_record(work, record, {"tables": [table]}, 7)
                break
            except CutOffError:
                kills += 1
        log_record(work, record, {"tables": [table]}, 7)
        assert logged(work, record) == whole, k
    assert kills == 2 * (1 + 2 * 3)


def cut_off_at(k, client, patch):
    """Cut off before the call of a store, for even numbers, or behind it."""
    count = itertools.count()

    def cutting(call):
        def called(*args, **how):
            number = next(count)
            if k == 2 * number:
                raise CutOffError
            result = call(*args, **how)
            if k == 2 * number + 1:
                raise CutOffError
            return result

        return called

    for name in CALLS:
        patch.setattr(client, name, cutting(getattr(client, name)))
