"""An evaluation with a budget of time: planned, trained by its plan, and repeated by it."""

import json
import time

import pytest

from fibsem import evaluate
from fibsem.config import compose
from fibsem.evaluation.scores import read_seeds
from fibsem.system.files import read_json
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.plan_file import FILE

pytestmark = pytest.mark.slow


def evaluated(folder, *given):
    """Evaluate into a folder; the record, and the seconds that it took."""
    began = time.perf_counter()
    evaluate.main(compose("evaluate", [*given, f"output={folder}"]))
    return json.loads((folder / "summary.json").read_text()), time.perf_counter() - began


def test_an_evaluation_takes_the_steps_of_its_plan_and_repeats_them(small, new_store, tmp_path):
    """One training a seed, and its scores; the file of the plan gives the first seed once more."""
    given = [*small, *new_store(tmp_path)]
    found, took_s = evaluated(tmp_path / "first", *given, "seeds=2", "budget=20s")
    plan, budget = Plan.from_json(found["plan"]), found["budget"]
    assert read_json(tmp_path / "first" / FILE, Plan.from_json) == plan
    assert (plan.budget_s, plan.trials) == (20, 2)
    assert plan.seconds < 20
    seeds = list(read_seeds(tmp_path / "first", [0, 1]))
    for seed in seeds:
        assert [epoch.steps for epoch in seed.history] == [plan.steps] * plan.epochs
    assert budget["given_s"] == 20
    assert sum(seed.train_seconds for seed in seeds) < budget["used_s"] < took_s
    assert found["seconds"] == pytest.approx(budget["used_s"], abs=5)

    again, _ = evaluated(
        tmp_path / "second", *given, "seeds=1", f"plan={tmp_path / 'first' / FILE}"
    )
    assert Plan.from_json(again["plan"]) == plan
    (seed,) = read_seeds(tmp_path / "second", [0])
    assert seed.scores.balanced == seeds[0].scores.balanced
    assert [one.val for one in seed.history] == [one.val for one in seeds[0].history]
