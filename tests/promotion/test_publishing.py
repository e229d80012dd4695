"""What a promotion logs, whatever call of the store was its last."""

import itertools

import numpy as np
import pytest

from fibsem.analysis.calibration import Calibration
from fibsem.analysis.metrics import Confusion
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.analysis.reliability import Reliability
from fibsem.config import Configuration, compose
from fibsem.data.dataset.manifest import load_dataset
from fibsem.promotion.figures import CalibrationOnTest, ChallengerFigures
from fibsem.promotion.publishing import log_figures
from fibsem.promotion.setting import Promotion
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking
from fibsem.training.scoring.squares import SquareCounts
from tests.conftest import CutOffError

BALANCED = {"miou": 0.7, "loss": 0.2}
#: A test square of which nine tenths are right.
SQUARE = SquareCounts("test", "film", "a", (0, 0, 0), 0.2, *2 * [Confusion(((45, 5), (5, 45)))])
#: What the store is told by, call by call.
CALLS = ("log_artifact", "log_batch", "set_terminated")


@pytest.fixture
def begin(tiny, new_store, tmp_path):
    """Function () -> a promotion, the run of its training, both at work."""
    given = Configuration(compose("promote", new_store(tmp_path)))
    tracking = Tracking.open(given.tracking, "film")

    def make():
        run_id, parent = (tracking.start(name, tags={}) for name in ("final", "promotion"))
        return Promotion(given, load_dataset(tiny), tmp_path, tracking, parent), run_id

    return make


@pytest.fixture
def figures():
    reliability = Reliability.of(np.array([0, 1]), np.array([0.2, 0.9]))
    calibration = Calibration(1.0, 0.2, 0.2, reliability, reliability)
    return ChallengerFigures(
        PostProcessing(), CalibrationOnTest(calibration, {}, {}), BALANCED, BALANCED, (SQUARE,), 9.0
    )


def logged(work, run_id):
    """Status, metrics by step and files of both runs."""
    client, found = work.tracking.client, []
    for one_id in (run_id, work.parent):
        run = client.get_run(one_id)
        history = {
            key: [(one.step, one.value) for one in client.get_metric_history(one_id, key)]
            for key in run.data.metrics
        }
        files = [one.path for one in client.list_artifacts(one_id, "tables")]
        found.append((run.info.status, history, run.data.tags.get(names.TEST), files))
    return found


@pytest.mark.slow
def test_it_is_told_once_whenever_a_start_before_was_killed(begin, figures, tmp_path, monkeypatch):
    """Before each call of the store, and behind it."""
    table = tmp_path / "labelled.csv"
    table.write_text("a\n")
    work, run_id = begin()
    log_figures(work, run_id, figures, {"tables": [table]}, 7)
    whole = logged(work, run_id)
    assert [status for status, *_ in whole] == ["FINISHED", "FINISHED"]
    assert whole[0][1]["test_all/miou"] == [(7, pytest.approx(45 / 55))]
    kills = 0
    for k in itertools.count():
        work, run_id = begin()
        with monkeypatch.context() as patch:
            cut_off_at(k, work.tracking.client, patch)
            try:
                log_figures(work, run_id, figures, {"tables": [table]}, 7)
                break
            except CutOffError:
                kills += 1
        log_figures(work, run_id, figures, {"tables": [table]}, 7)
        assert logged(work, run_id) == whole, k
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
