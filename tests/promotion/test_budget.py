"""A budget of a promotion: what it goes over, and what its plan sets of the final training."""

import pytest

from fibsem.config import PostProcessingConfig, RankConfig, RunConfig, compose, read, with_values
from fibsem.promotion.budget import pixels, search_s, values
from fibsem.promotion.final import final_tree
from fibsem.promotion.trials import Trial
from fibsem.training.plan import Plan

PLAN = Plan(600.0, "abc", 2, 7, 30, 0.1, 0.2, 5.0)


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
    trial = Trial("r", "a", "0", 0.5, 100.0, "s", "p", "c", tree)
    tree = with_values(compose("promote", small[:2]), values(PLAN, limit))
    how = RunConfig.of(final_tree(trial, tree, seed=3)).train
    assert (how.epochs, how.steps, how.schedule, how.max_seconds) == (7, 30, "cosine", limit)
    plain = RunConfig.of(final_tree(trial, compose("promote", small[:2]), seed=3)).train
    assert (plain.epochs, plain.steps, plain.schedule) == (60, 4, "step")
