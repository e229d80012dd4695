"""What a checkpoint says of its training: how far it has come, and how much longer it may be."""

import json
import tempfile
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as every
from hypothesis import strategies as st

from fibsem.config import TrainConfig
from fibsem.errors import UserError
from fibsem.training.results import Epoch
from fibsem.training.steps.checkpoint import Reached, continuation, restore, save
from fibsem.training.steps.learner import Learner
from fibsem.training.steps.state import TrainingState


def epochs(count, seconds=1.0):
    return [Epoch(k, 0.1, 0.5, {"loss": 0.5}, seconds, 0.25) for k in range(count)]


@pytest.fixture(scope="module")
def learner(material):
    """Of no training: its weights are saved and loaded as they are."""
    return Learner.of(material("train.schedule=wsd").config)


def settings(*overrides):
    return ["train.schedule=wsd", "train.warmup=0", "train.epochs=10", *overrides]


@pytest.mark.parametrize(
    ("before", "reached", "restart", "now", "goes_on"),
    [
        ([], 4, None, ["train.epochs=20"], True),
        ([], 8, None, ["train.epochs=11"], True),
        ([], 9, None, ["train.epochs=20"], False),  # the rate falls
        ([], 4, None, ["train.epochs=9"], False),  # it would have fallen sooner
        ([], 4, 2, ["train.epochs=20"], False),  # looked for by the end that it had
        (["train.warmup=0.1"], 2, None, ["train.epochs=20"], True),
        (["train.warmup=0.1"], 2, None, ["train.epochs=21"], False),  # not over by that end
        (["train.warmup=0.5"], 2, None, ["train.epochs=11"], False),  # nor by the own one
        (["train.schedule=cosine"], 4, None, ["train.epochs=20"], False),
        ([], 4, None, ["train.epochs=20", "train.schedule=cosine"], False),
        ([], 4, None, ["train.epochs=20", "train.learning_rate=0.5"], False),
        (["train.schedule=constant"], 4, None, ["train.epochs=20"], True),  # as ever
    ],
)
def test_a_training_ends_later_only_where_no_rate_before_knew_its_end(
    learner, material, tmp_path, before, reached, restart, now, goes_on
):
    file, own = tmp_path / "checkpoint.npz", material(*settings(*before))
    state = TrainingState.of(own.config.train)
    state.history, state.best, state.restart = epochs(reached), 0, restart
    state.best_weights = learner.scored.get_weights()
    save(learner, state, file, continuation(own.identity))
    asked = material(*settings(*before, *now))
    fresh = TrainingState.of(asked.config.train)
    with nullcontext() if goes_on else pytest.raises(UserError, match=r"another train\."):
        restore(learner, fresh, file, continuation(asked.identity))
    assert len(fresh.history) == (reached if goes_on else 0)


@every(
    st.integers(2, 40), st.integers(1, 80), st.integers(1, 40), st.integers(1, 9),
    st.sampled_from([0.0, 0.05, 0.07, 0.1, 0.3]),
)  # fmt: skip
def test_rates_before_are_those_of_the_later_end_behind_the_warm_up(
    own, more, reached, steps, warmup
):
    reached = min(reached, own)
    record = {
        "history": list(map(asdict, epochs(reached))),
        "identity": of_settings(
            {"train.epochs": own, "train.schedule": "wsd", "train.warmup": warmup}
        ),
    }  # fmt: skip
    most = told(record).most_epochs
    assert most >= own
    if own + more > most:
        return
    one, two = (
        TrainConfig(learning_rate=0.1, schedule="wsd", epochs=end, warmup=warmup)
        for end in (own, own + more)
    )
    for epoch in range(reached):
        for step in range(steps):
            rates = [how.rates.of_step(epoch, step, steps) for how in (one, two)]
            if warmup == 0 or epoch >= warmup * (own + more):
                assert rates == [0.1, 0.1]
    assert two.rates.of_step(reached, 0, steps) == pytest.approx(0.1) or reached >= 0.8 * own


def of_settings(settings):
    return {"kind": "training", "settings": settings, "data": {}}


def told(record):
    """What is read of a checkpoint that has nothing but a record."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint.npz"
        np.savez(file, record=np.frombuffer(json.dumps({"best": 0, **record}).encode(), np.uint8))
        return Reached.read(file)


def test_a_usual_epoch_is_none_of_those_that_trace():
    history = [*epochs(1, 9.0), *epochs(4)[1:3], *epochs(4, 5.0)[3:]]
    identity = of_settings({"train.epochs": 10, "train.schedule": "wsd"})
    reached = told({"history": list(map(asdict, history)), "identity": identity})
    assert reached.epoch_s({0, 3}) == 1.25
    assert reached.epoch_s(()) == pytest.approx((1.25 + 5.25) / 2)
    assert reached.epoch_s(range(4)) is None


@pytest.mark.parametrize(
    "record",
    [
        {"history": []},
        {"history": [], "identity": {"kind": "a"}},
        {"history": [], "identity": of_settings({})},
    ],
)
def test_a_checkpoint_that_does_not_say_what_it_is_of_tells_nothing(record, tmp_path):
    """As versions before wrote it; or that is damaged, or not there."""
    assert told(record) is None
    assert Reached.read(tmp_path / "none.npz") is None
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    assert Reached.read(tmp_path / "damaged.npz") is None
