"""A journal that was cut off: read up to there, and gone on with."""

import json

import pytest
from optuna.storages.journal import JournalFileBackend

from fibsem.search.studies.journal import Journal
from fibsem.search.studies.slots import filled
from tests.search.slot_worker import open_study, work


@pytest.fixture(autouse=True)
def _closed(closed):
    """Connections are let go, whatever happened."""


def test_it_is_the_format_of_optuna(tmp_path):
    records = [{"op_code": 0, "worker_id": "a", "study_name": "ü"}, {"op_code": 1, "x": [1.5]}]
    Journal(tmp_path / "log").append_logs(records)
    assert list(JournalFileBackend(str(tmp_path / "log")).read_logs(0)) == records
    JournalFileBackend(str(tmp_path / "log")).append_logs([{"op_code": 2}])
    journal = Journal(tmp_path / "log")
    assert list(journal.read_logs(1)) == [records[1], {"op_code": 2}]
    assert list(journal.read_logs(3)) == []
    journal.append_logs([{"op_code": 3}])
    assert list(journal.read_logs(3)) == [{"op_code": 3}]
    assert list(journal.read_logs(0))[:2] == records  # from the start once more


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_study_goes_on_behind_half_a_line(tmp_path, kept, capsys, clock):
    storage, log = f"journal:{tmp_path / 'study.log'}", tmp_path / "study.log"
    work(open_study(storage, tmp_path, 3), 0)
    whole = log.read_bytes()
    last = whole[:-1].rpartition(b"\n")[2]
    log.write_bytes(whole[: len(whole) - len(last) - 1] + last[:kept])
    study = open_study(storage, tmp_path, 3)
    assert filled(study.attempts()) == 2  # the last line said that the third was complete
    clock.look_s = 0.5  # who was at work on the third is given up for its silence
    work(open_study(storage, tmp_path, 4), 0)
    assert filled(open_study(storage, tmp_path, 4).attempts()) == 4
    said = capsys.readouterr().err
    assert said.count("a damaged line") >= 1
    lines = log.read_bytes().splitlines()
    assert sum(_is_record(line) for line in lines) == len(lines) - 1


def _is_record(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
