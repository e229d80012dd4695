"""Why a trial failed, in words a user can use; and an interrupt is no failure."""

import pytest

from fibsem.config import Configuration, TrackingConfig, compose
from fibsem.errors import UserError, one_line
from fibsem.inference.model.predict import BlockScorer
from fibsem.models.threshold import Threshold
from fibsem.system.files import read_json
from fibsem.tracking import names
from fibsem.tracking.run_notes import FileNotes
from fibsem.tracking.runs import Tracking
from fibsem.training.failures import PrunedError, failure_of, reason_of
from fibsem.training.job import Job
from fibsem.training.results import TrialResult
from fibsem.training.run import run_job
from fibsem.training.scoring.estimating import estimate
from fibsem.training.scoring.scoring import score_all, scored_squares
from fibsem.training.steps.health import DivergedError

#: A model that is fitted at once.
SIMPLE = ["model=threshold", "nbhd=11x11x3"]


def exhausted():
    """What TensorFlow raises where memory runs out, from TensorFlow itself."""
    import tensorflow as tf

    return tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (exhausted, "out of memory"),
        (lambda: MemoryError("8 GiB"), "out of memory"),
        (
            lambda: DivergedError("the training loss is nan in epoch 3"),
            "diverged: the training loss",
        ),
        (lambda: UserError("`model.blocks` must lie in 1..3"), "impossible"),
        (lambda: ZeroDivisionError("division by zero"), "ZeroDivisionError"),
    ],
)
def test_reasons(make, reason):
    said = reason_of(make())
    assert reason in said
    assert "\n" not in said


def test_a_failure_keeps_its_traceback_and_says_whether_it_would_only_be_repeated():
    for raised, final in ((UserError("`a` must be b"), True), (ZeroDivisionError("zero"), False)):
        try:
            raise raised
        except Exception as error:
            failure = failure_of(error)
        assert failure.final is final
        assert failure.reason == reason_of(raised)
        assert failure.trace.startswith("Traceback")
        assert str(raised) in failure.trace


def test_a_training_that_diverged_is_one_line_and_may_be_tried_again():
    error = DivergedError("the training loss is nan in epoch 3")
    assert one_line(error).startswith("the training loss is nan in epoch 3; a smaller")
    assert not failure_of(error).final
    assert failure_of(UserError("`model.blocks` must lie in 1..3")).final


def test_an_interrupt_is_not_lost_where_the_store_is(material, new_store, tmp_path):
    new_store(tmp_path)
    database = tmp_path / "ml.db"
    config = TrackingConfig(uri=f"sqlite:///{database}", artifacts=str(tmp_path / "artifacts"))
    tracking = Tracking.open(config, "any")

    def interrupted(_):
        database.unlink()
        raise KeyboardInterrupt

    given = Configuration(compose("train"))
    job = Job(given, folder=tmp_path / "trial", name="a trial", tags={})
    with pytest.raises(KeyboardInterrupt):
        run_job(job, material("train.epochs=2"), tracking, interrupted)


@pytest.fixture(scope="module")
def tracking(new_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    new_store(folder)
    config = TrackingConfig(
        uri=f"sqlite:///{folder / 'ml.db'}", artifacts=str(folder / "artifacts")
    )
    return Tracking.open(config, "any")


@pytest.fixture
def simple(material):
    return material(*SIMPLE)


def job(folder, parent=None):
    given = Configuration(compose("train", SIMPLE))
    return Job(given, folder, "a trial", {"fibsem.trial": 3}, parent)


def test_a_run_knows_its_figures_once(tracking, simple, tmp_path):
    """A second call gives the same record and repeats nothing."""
    record, _ = run_job(job(tmp_path), simple, tracking)
    assert (record.epochs, record.best_epoch, len(record.history)) == (1, 0, 1)
    found = estimate(simple, Threshold(simple.config.spec), "val")
    assert (record.val, record.val_all) == (found.balanced, found.natural)
    run = tracking.client.get_run(record.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["val/miou"] == record.val["miou"]
    assert run.data.metrics["val_all/miou"] == record.val_all["miou"]
    assert run.data.tags["fibsem.trial"] == "3"
    assert run.data.params["model.sigma"] == str(simple.config.spec.hyperparameters["sigma"])
    assert run.data.params.keys() == simple.config.hyperparameters.keys()
    assert run.data.tags["fibsem.data"] == simple.dataset.hash
    assert tracking.read_json(record.run_id, "config.json") == job(tmp_path).tree
    again, trained = run_job(job(tmp_path), simple, tracking)
    assert (again.val, again.run_id, trained) == (record.val, record.run_id, None)
    assert tracking.logged_steps(record.run_id, "epochs") == 1


def test_by_the_protocol_of_the_study_every_labelled_pixel_is_scored(tracking, material, tmp_path):
    study = material("model=threshold", "nbhd=11x11x3", "train.validation=lattice")
    record, _ = run_job(job(tmp_path), study, tracking)
    scorer = BlockScorer(study.config.spec, Threshold(study.config.spec))
    assert record.val_all == score_all(scored_squares(study, scorer, "val"))
    assert record.val == estimate(study, scorer.model, "val").balanced


def test_a_run_whose_folder_does_not_know_it_is_found_again(tracking, simple, tmp_path):
    """Its process was ended between the two; the run of another trial is left alone."""
    parent = tracking.start("a sweep", tags={})
    other = tracking.start("another trial", tags={"fibsem.trial": 3}, parent=parent)
    lost = tracking.start("a trial", tags={"fibsem.trial": 3, names.TOKEN: "noted"}, parent=parent)
    FileNotes(tmp_path / "run.json").set("token", "noted")
    record, _ = run_job(job(tmp_path, parent), simple, tracking)
    assert record.run_id == lost
    assert tracking.read_json(lost, "config.json") == job(tmp_path).tree
    assert tracking.client.get_run(other).info.status == "RUNNING"
    tracking.end(other)


def test_a_pruned_run_is_finished_and_marked(tracking, material, tmp_path):
    """What its network will cost is known before it is trained."""

    def prune(epoch):
        raise PrunedError(epoch.epoch)

    with pytest.raises(PrunedError):
        run_job(job(tmp_path), material("train.steps=1"), tracking, prune)
    run = tracking.client.get_run(read_json(tmp_path / "run.json")["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.tags["fibsem.state"] == "pruned"
    assert run.data.tags["fibsem.reason"] == "pruned after epoch 1"
    assert run.data.metrics["cost/predicted_seconds_per_gigapixel"] > 0
    assert {"train/loss", "train/learning_rate", "time/epoch_s", "time/val_s", "val/loss",
            "val/miou", "val/accuracy"} <= set(run.data.metrics)  # fmt: skip


def test_a_failed_run_says_why(tracking, simple, tmp_path):
    def fail(epoch):
        raise DivergedError("the training loss is nan")

    with pytest.raises(DivergedError):
        run_job(job(tmp_path), simple, tracking, fail)
    run = tracking.client.get_run(read_json(tmp_path / "run.json")["run_id"])
    assert run.info.status == "FAILED"
    assert run.data.tags["fibsem.reason"] == "diverged: the training loss is nan"


def test_a_result_is_read_as_it_was_written(tracking, material, tmp_path):
    """All of its groups are metrics of the run and figures for an objective; older ones open."""
    simple = material("model=threshold", "nbhd=11x11x3", "train.test=true")
    result, _ = run_job(job(tmp_path), simple, tracking)
    stored = read_json(tmp_path / "result.json")
    assert TrialResult.from_json(stored).to_json() == stored
    metrics = tracking.client.get_run(result.run_id).data.metrics
    for group in ("val", "val_all", "test"):
        figures = result.groups[group]
        assert {key: metrics[f"{group}/{key}"] for key in figures} == pytest.approx(figures)
    older = {key: value for key, value in stored.items() if key not in ("restart", "test")}
    read = TrialResult.from_json({**older, "of a later version": 1})
    assert (read.test, read.restart, read.val) == (None, None, result.val)
    assert "test" not in read.to_json()
