"""A network that says the same everywhere is no result, whatever its figures look like."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.config import Configuration, TrackingConfig
from fibsem.errors import one_line
from fibsem.system.files import read_json
from fibsem.tracking.runs import Tracking
from fibsem.training import fit
from fibsem.training.failures import failure_of
from fibsem.training.health import CollapsedError, DivergedError, check_alive
from fibsem.training.run import Job, run_job
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


def test_a_training_that_collapsed_fails_and_fails_again(killed, tracking, material, tmp_path):
    """Its run says why, and the same command does not take it for a result."""
    job = Job(Configuration({}), tmp_path / "trial", "a trial", {})
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


@pytest.fixture
def dies_once(monkeypatch):
    """A training whose network dies in its second epoch, and not after it is begun again."""
    whole = fit._one_epoch

    def dying(learner, material, score, state):
        if state.restart is None and len(state.history) == 1:
            raise CollapsedError("it is constant")
        return whole(learner, material, score, state)

    monkeypatch.setattr(fit, "_one_epoch", dying)


def test_a_training_that_begins_to_die_is_begun_again_once_at_a_smaller_rate(
    dies_once, material, capsys, tmp_path
):
    setting = material("train.epochs=4", "train.restart=true", "train.warmup=0")
    file = tmp_path / "checkpoint.npz"
    trained = fit.train(setting, checkpoint=file)
    assert (trained.restart, len(trained.history)) == (1, 4)  # within the same budget
    rates = [epoch.learning_rate for epoch in trained.history]
    assert rates[1] < 0.11 * rates[0]
    assert rates[-1] < rates[1]
    assert trained.best.epoch >= 1
    said = capsys.readouterr().err
    assert "it is constant; begun again after epoch 1, from a learning rate of 0.001" in said
    again = fit.train(setting, checkpoint=file)  # finished: nothing is trained
    assert (again.restart, again.history) == (1, trained.history)


def test_a_training_is_not_begun_again_where_that_is_not_wanted(dies_once, material):
    with pytest.raises(CollapsedError):
        fit.train(material("train.epochs=4", "train.restart=false"))


def test_a_network_that_dies_of_a_large_rate_learns_at_a_tenth_of_it(material, capsys):
    """The real thing: SGD without cut gradients, at a rate that leaves a constant."""
    given = [
        "train=sgd", "model.activation=relu", "train.steps=40", "train.epochs=5",
        "train.learning_rate=0.5",
    ]  # fmt: skip
    with pytest.raises(DivergedError):
        fit.train(material(*given))
    trained = fit.train(material(*given, "train.restart=true"))
    assert trained.restart is not None
    assert "begun again" in capsys.readouterr().err
    assert trained.best.val["miou"] > 0.4
