"""A budget of a promotion: what it goes over, and what its plan sets of the final training."""

import time
from types import SimpleNamespace

import pytest

from fibsem.config import PostProcessingConfig, RankConfig, RunConfig, compose, read, with_values
from fibsem.promotion import budget
from fibsem.promotion.budget import pixels, plan_promotion, ranking_s, search_s, slowest, values
from fibsem.promotion.final import final_tree
from fibsem.promotion.trials import Trial
from fibsem.tracking import names
from fibsem.training.plan import Plan, Probe

PLAN = Plan(600.0, "abc", 2, 7, 30, 0.1, 0.2, 5.0)

#: Seconds of an epoch and of all, by run; one of an older version has none of an epoch.
TOOK = {
    "old": {names.TRAIN_S: 10.0}, "quick": {names.EPOCH_S: 1.0, names.TRAIN_S: 20.0},
    "slow": {names.EPOCH_S: 3.0, names.TRAIN_S: 30.0},
}  # fmt: skip


def trial(run_id, tree=None):
    return Trial(run_id, "a", "0", 0.5, 100.0, "s", "p", "c", tree)


@pytest.fixture
def tracking():
    """Of runs of which one is no more."""

    def find(run_id):
        data = SimpleNamespace(metrics=TOOK.get(run_id))
        return SimpleNamespace(data=data) if run_id in TOOK else None

    return SimpleNamespace(find=find)


def test_squares_and_volumes_are_gone_over(material):
    dataset = material().dataset
    assert pixels(dataset, segment=False) == 5 * 72 * 72
    assert pixels(dataset, segment=True) == 5 * 72 * 72 + 6 * 160 * 176


def test_the_quick_promotion_trains_no_trial_anew():
    """Else a budget as long as the sweep's would not pay for its ranking."""
    tree = compose("promote", ["experiment=quick"])
    assert tree["budget"] == "10min"
    assert read(RankConfig, tree["rank"], "rank").k == 1


@pytest.mark.parametrize("how", ["sample", "exhaustive"])
def test_the_search_is_timed_for_all_sigmas_and_squares(material, how):
    dataset = material().dataset
    few = search_s(dataset, PostProcessingConfig((1.0,), 0.4, 0.5, 2, search=how))
    many = search_s(dataset, PostProcessingConfig((1.0,) * 200, 0.4, 0.5, 2, search=how))
    assert 0 < few < many


@pytest.mark.parametrize("limit", [None, 99.0])
def test_a_plan_sets_the_final_training(small, limit):
    tree = compose("train", [*small, "train.schedule=step"])
    swept = trial("r", tree)
    tree = with_values(compose("promote", small[:2]), values(PLAN, limit))
    how = RunConfig.of(final_tree(swept, tree, seed=3)).train
    assert (how.epochs, how.steps, how.schedule, how.max_seconds) == (7, 30, "cosine", limit)
    plain = RunConfig.of(final_tree(swept, compose("promote", small[:2]), seed=3)).train
    assert (plain.epochs, plain.steps, plain.schedule) == (60, 4, "step")


def test_what_ranks_takes_as_long_as_it_took_in_the_sweep(tracking):
    trials = [trial(run_id) for run_id in ("gone", "old", "quick", "slow")]
    assert slowest(trials, tracking).run_id == "slow"
    assert ranking_s(trials, RankConfig(k=4, seeds=2), tracking) == 2 * (10 + 20 + 30)
    assert ranking_s(trials[:1], RankConfig(k=1, seeds=2), tracking) == 0  # the best by itself


@pytest.mark.parametrize(
    ("given", "trainings"),
    [((), 2), (("candidates=1", "ensemble=3"), 3), (("candidates=9",), 2),
     (("ensemble=3", "ensemble_of=architectures"), 3)],
)  # fmt: skip
def test_what_is_left_is_shared_by_the_final_trainings(
    material, small, tracking, monkeypatch, given, trainings
):
    monkeypatch.setattr(budget, "probe", lambda *_: Probe(0.1, 0.2, 5.0, 1e-6))
    monkeypatch.setattr(budget, "search_s", lambda *_: 40.0)
    trials = [trial(run_id, compose("train", small)) for run_id in ("quick", "slow")]
    tree = compose("promote", [*small[:2], "rank.seeds=2", *given])
    begun, dataset = time.perf_counter() - 60, material().dataset
    plan = plan_promotion(tree, trials, dataset, tracking, begun, 900.0)
    assert plan.trials == trainings
    left_s = 900 - 60 - 40 - 2 * (20 + 30)
    assert 0.9 * left_s < plan.seconds < left_s
