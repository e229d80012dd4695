"""What explains the differences between trials."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from fibsem.search.outcomes import Outcome
from fibsem.search.report import FEWEST, importances
from fibsem.search.slots import Attempt
from fibsem.search.space import Choice, Range
from fibsem.training.objectives import Objective

AXES = {
    "train.learning_rate": Range(0.001, 0.1, log=True), "model.width": Range(4, 64, integer=True),
    "model.kernels": Choice(([3], [3, 5])), "model.dense": Choice((1, 2)),
}  # fmt: skip


def test_importance_is_with_what_the_value_depends_on():
    """Of what every trial has and what varies; with few trials it is noise, and not given."""
    rng = np.random.default_rng(0)
    trials = []
    for k in range(20):
        values = {
            "train.learning_rate": float(10 ** rng.uniform(-3, -1)),
            "model.width": int(rng.integers(4, 65)),
            "model.kernels": [[3], [3, 5]][k % 2],
        }
        loss = np.log10(values["train.learning_rate"]) ** 2
        values |= {"model.dense": 1} if k else {}
        trials.append(Outcome(Attempt(k, k, 0, 0, 0, "complete", values), objectives=(loss,)))
    sweep = SimpleNamespace(space=SimpleNamespace(axes=AXES), goals=[Objective.named("val/loss")])
    found = importances(sweep, trials)
    assert set(found) == {"train.learning_rate", "model.width", "model.kernels"}
    assert found["train.learning_rate"] > 0.8
    assert sum(found.values()) == 1 or abs(sum(found.values()) - 1) < 1e-6
    assert importances(sweep, trials[: FEWEST - 1]) == {}
    assert importances(sweep, [replace(one, objectives=(1.0,)) for one in trials]) == {}
