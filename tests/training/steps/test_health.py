"""A network that says the same everywhere is no result, whatever its figures look like."""

import time
from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.config import Configuration, TrackingConfig, TrainConfig, compose
from fibsem.errors import one_line
from fibsem.system.files import read_json
from fibsem.tracking.runs import Tracking
from fibsem.training.failures import failure_of
from fibsem.training.job import Job
from fibsem.training.results import Epoch
from fibsem.training.run import run_job
from fibsem.training.scoring.estimating import estimate
from fibsem.training.steps import fit
from fibsem.training.steps.health import (
    BrokenOffError,
    CollapsedError,
    DivergedError,
    check_alive,
    check_taught,
)
from fibsem.training.steps.state import TrainingState, seconds_of
from tests.impossible import ALIVE, DEAD, LABELS, NOISE, sigmoid


@pytest.mark.parametrize("name", DEAD)
def test_a_network_that_has_learned_nothing_is_no_result(name):
    with pytest.raises(CollapsedError) as caught:
        check_alive(LABELS, DEAD[name].astype(np.float32))
    said = one_line(caught.value)
    assert "\n" not in said
    assert said.startswith("a network must ")
    assert said.endswith("a smaller train.learning_rate or another seed may help")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scores_that_are_no_numbers_have_diverged(bad, dtype):
    scores = sigmoid(NOISE).astype(dtype)
    scores[7] = bad
    with pytest.raises(DivergedError, match="not finite") as caught:
        check_alive(LABELS, scores)
    assert caught.value.word == "diverged"


@pytest.mark.parametrize("name", ALIVE)
def test_a_poor_network_is_a_result(name):
    check_alive(LABELS, ALIVE[name].astype(np.float32))


@given(st.floats(0.05, 0.95), st.integers(0, 9))
def test_a_rare_class_does_not_make_a_network_dead(share, seed):
    """The constant that counts is that of the labels: a network that beats it is a result."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(500) < share).astype(np.uint8)
    labels[:2] = 0, 1
    mean = labels.mean()
    scores = np.where(labels == 1, mean + 0.1 * (1 - mean), mean - 0.1 * mean)
    check_alive(labels, scores.astype(np.float32))


@pytest.fixture
def tracking(new_store, tmp_path):
    new_store(tmp_path)
    config = TrackingConfig(
        uri=f"sqlite:///{tmp_path / 'ml.db'}", artifacts=str(tmp_path / "artifacts")
    )
    return Tracking.open(config, "any")


@pytest.fixture
def killed(monkeypatch):
    """Trainings whose last layer dies: it gives its bias whatever comes in."""
    whole = fit._one_epoch

    def deadly(learner, *rest):
        epoch = whole(learner, *rest)
        layer = next(one for one in reversed(learner.scored.layers) if one.weights)
        layer.kernel.assign(keras.ops.zeros_like(layer.kernel))
        return epoch

    monkeypatch.setattr(fit, "_one_epoch", deadly)


@pytest.mark.slow
def test_a_training_that_collapsed_fails_and_fails_again(killed, tracking, material, tmp_path):
    """Its run says why, and the same command does not take it for a result."""
    job = Job(Configuration(compose("train")), tmp_path / "trial", "a trial", {})
    for _ in range(2):
        with pytest.raises(CollapsedError, match="this one is constant") as caught:
            run_job(job, material("train.epochs=1"), tracking)
    run = tracking.client.get_run(read_json(job.folder / "run.json")["run_id"])
    assert run.info.status == "FAILED"
    assert run.data.tags["fibsem.reason"].startswith("collapsed: a network must tell pixels apart")
    assert not (job.folder / "result.json").exists()
    failure = failure_of(caught.value)
    assert not failure.final  # another seed may do better
    assert failure.reason == run.data.tags["fibsem.reason"]


LOST_S = 0.05


@pytest.fixture
def dies_once(monkeypatch):
    """A training whose network dies in its second epoch, and not after it is begun again.

    That takes :data:`LOST_S`, at least.
    """
    whole = fit._one_epoch

    def dying(learner, material, score, state, feed):
        if state.restart is None and len(state.history) == 1:
            time.sleep(LOST_S)
            raise CollapsedError("it is constant")
        return whole(learner, material, score, state, feed)

    monkeypatch.setattr(fit, "_one_epoch", dying)


def test_a_training_that_begins_to_die_is_begun_again_once_at_a_smaller_rate(
    dies_once, material, capsys, tmp_path
):
    setting = material("train.epochs=4", "train.restart=true", "train.warmup=0")
    file = tmp_path / "checkpoint.npz"
    trained = fit.train(setting, checkpoint=file)
    # within the same budget: the epoch that was lost is one of the four
    assert (trained.restart, trained.lost, len(trained.history)) == (1, 1, 3)
    rates = [epoch.learning_rate for epoch in trained.history]
    assert rates[1] < 0.11 * rates[0]
    assert rates[-1] < rates[1]
    assert trained.best.val["loss"] == min(epoch.val["loss"] for epoch in trained.history)
    said = capsys.readouterr().err
    assert "it is constant; begun again after epoch 1, from a learning rate of 0.001" in said
    again = fit.train(setting, checkpoint=file)  # finished: nothing is trained
    assert (again.restart, again.lost, again.history) == (1, 1, trained.history)
    assert again.seconds == trained.seconds >= LOST_S + seconds_of(trained.history)


@pytest.fixture
def dies_late(monkeypatch):
    """A training of which every network dies in its last epoch but one, or after it is begun again.

    What it takes in the meantime is multiplied with ``alive``.
    """
    whole, kept = fit._one_epoch, {"alive": 1.0}

    def dying(learner, material, score, state, feed):
        if len(state.history) == 3 and state.restart is None:
            raise DivergedError("the training loss is nan in epoch 4")
        epoch = whole(learner, material, score, state, feed)
        if state.restart is None:
            layer = next(one for one in reversed(learner.scored.layers) if one.weights)
            layer.kernel.assign(kept["alive"] * layer.kernel)
        return epoch

    monkeypatch.setattr(fit, "_one_epoch", dying)
    return kept


#: At whose rates the first network learns more in three epochs than the second one in one.
LATE = ("train.epochs=4", "train.steps=20", "train.restart=true", "train.learning_rate=0.02")


def test_what_a_network_has_learned_before_it_dies_is_kept(dies_late, material, capsys):
    trained = fit.train(material(*LATE))
    assert (trained.restart, len(trained.history)) == (3, 4)
    losses = [epoch.val["loss"] for epoch in trained.history]
    assert trained.best.val["loss"] == min(losses) < losses[3]
    scored = estimate(material(*LATE), trained.model, "val").balanced["loss"]
    assert scored == pytest.approx(trained.best.val["loss"], abs=1e-5)
    said, number = capsys.readouterr().err, trained.best.epoch + 1
    assert f"; epoch {number} is kept if none is better" in said
    assert f"kept: epoch {number}, of the network that was begun first" in said


@pytest.mark.slow
def test_weights_of_a_network_that_was_dead_already_are_not_kept(dies_late, material, capsys):
    dies_late["alive"] = 0.0
    trained = fit.train(material(*LATE))
    assert trained.best.epoch == trained.restart == 3
    assert "kept" not in capsys.readouterr().err


def epoch(number, loss):
    return Epoch(number, 0.1, loss, {"loss": loss, "miou": 1 - loss}, 5.0, 1.0)


@pytest.mark.parametrize("begun_again", [False, True])
def test_where_nothing_can_follow_the_best_is_what_it_comes_to(begun_again, capsys):
    """No time is left, or the second network dies like the first."""
    how, error = TrainConfig(learning_rate=0.1, keep="loss"), DivergedError("it died")
    state = TrainingState.of(replace(how, max_seconds=None if begun_again else 20.0))
    if begun_again:
        state.begin_again(error, 1.0)
    for number, loss in enumerate([0.4, 0.3]):
        state.take(epoch(number, loss), lambda loss=loss: [loss])
    assert not state.ended
    state.begin_again(error, 9.0)
    assert state.ended
    assert (state.best, state.best_weights) == (1, [0.3])
    assert "it died; nothing more is trained, and epoch 2 is kept" in capsys.readouterr().err
    with pytest.raises(DivergedError, match="it died"):
        TrainingState.of(replace(how, max_seconds=1.0)).begin_again(error, 2.0)


@pytest.mark.parametrize(
    ("error", "epochs", "before", "lost"),
    [
        (DivergedError("the validation loss is nan"), 4, 0, 1),
        (CollapsedError("it is constant"), 4, 2, 1),
        (CollapsedError("it is constant"), 4, 3, 0),  # else no epoch would follow
        (DivergedError("the validation loss is nan"), 1, 0, 0),
        (BrokenOffError("the training loss is nan"), 4, 0, 0),  # it took a few steps alone
    ],
)
def test_an_epoch_that_diverged_whole_is_not_repeated(error, epochs, before, lost):
    """Four epochs took the time of five, and a minute's plan a quarter more."""
    state = TrainingState.of(TrainConfig(learning_rate=0.1, keep="loss", epochs=epochs, warmup=0))
    for number in range(before):
        state.take(epoch(number, 0.5), list)
    state.begin_again(error, 6.0)
    assert state.rate(100).schedule.epochs == epochs - before - lost
    while not state.ended:
        state.take(epoch(len(state.history), 0.4), list)
    assert (state.lost, len(state.history)) == (lost, epochs - lost)


def test_patience_with_the_second_network_is_with_what_it_learns():
    """It begins anew, behind what the first one knew."""
    state = TrainingState.of(TrainConfig(learning_rate=0.1, keep="loss", patience=2, epochs=99))
    state.take(epoch(0, 0.1), list)
    state.begin_again(DivergedError("it died"), 1.0)
    for number in range(1, 6):
        state.take(epoch(number, 0.9 - 0.1 * number), list)
        assert not state.ended
    state.take(epoch(6, 0.5), list)
    assert not state.ended
    state.take(epoch(7, 0.5), list)
    assert state.ended
    assert state.best == 0


def test_a_network_that_only_guesses_has_learned_nothing():
    with pytest.raises(CollapsedError, match=r"0\.7100 at best, above the 0\.6931 of a constant"):
        check_taught([0.9, 0.71], 0.51)
    check_taught([0.9, 0.69], 0.51)
    check_taught([0.9, 0.71], 0.8)  # too sure, but it tells pixels apart


def test_a_training_is_not_begun_again_where_that_is_not_wanted(dies_once, material):
    with pytest.raises(CollapsedError):
        fit.train(material("train.epochs=4", "train.restart=false"))


@pytest.mark.slow
def test_a_network_that_dies_of_a_large_rate_learns_at_a_tenth_of_it(material, capsys):
    """The real thing: SGD without cut gradients, at a rate that leaves a constant."""
    given = [
        "train=sgd", "model.activation=relu", "train.steps=40", "train.epochs=5",
        "train.learning_rate=0.5", "train.restart=true",
    ]  # fmt: skip
    trained = fit.train(material(*given))
    assert trained.restart is not None
    assert "begun again" in capsys.readouterr().err
    assert trained.best.val["miou"] > 0.4


@pytest.mark.slow
def test_a_training_of_one_epoch_is_begun_again_too(material, capsys):
    """Its steps are over when it is looked at."""
    given = [
        "train=sgd", "model.activation=relu", "train.steps=60", "train.epochs=1",
        "train.learning_rate=0.5", "train.restart=true",
    ]  # fmt: skip
    trained = fit.train(material(*given))
    assert (trained.restart, len(trained.history)) == (0, 1)
    assert "begun again after epoch 0" in capsys.readouterr().err
