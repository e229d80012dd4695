"""The best trials again with fresh seeds: which, how often, in what order."""

import math
from dataclasses import replace

import numpy as np
import pytest

from fibsem import sweep
from fibsem.config import DataConfig, RankConfig, TrackingConfig, compose, read
from fibsem.data.split import SplitRecipe
from fibsem.errors import UserError
from fibsem.learning.datasets import obtain
from fibsem.learning.ranking import Ranked, Ranking, Trial, best_trials, ranking_rows
from fibsem.learning.tracking import Tracking


@pytest.fixture(scope="module")
def swept(small, tmp_path_factory):
    """Tree, dataset and store of two sweeps with two trials each."""
    folder = tmp_path_factory.mktemp("ranking")
    common = [
        *small, f"tracking.uri=sqlite:///{folder / 'ml.db'}",
        f"tracking.artifacts={folder / 'artifacts'}",
    ]  # fmt: skip
    for name, low, high in (("fast", 0.05, 0.1), ("slow", 1e-6, 1e-5)):
        how = [
            "space=smoke", "space.axes.model.blocks=[1]", "search.trials=2",
            f"space.axes.train.learning_rate.low={low}",
            f"space.axes.train.learning_rate.high={high}", f"output={folder / name}",
        ]  # fmt: skip
        sweep.main(compose("sweep", [*common, *how]))
    tree = compose("promote", common)
    dataset = obtain(read(DataConfig, tree["data"], "data"), SplitRecipe())
    tracking = Tracking.open(read(TrackingConfig, tree["tracking"], "tracking"), dataset.name)
    return tree, dataset, tracking, folder


def test_the_best_trials_of_all_sweeps_come_first(swept):
    _, dataset, tracking, _ = swept
    trials = best_trials(tracking, dataset, RankConfig(k=6))
    losses = [trial.loss for trial in trials]
    assert len(losses) == 4
    assert losses == sorted(losses)
    assert {trial.study for trial in trials} == {"fast", "slow"}
    best = best_trials(tracking, dataset, RankConfig(k=2))
    assert [trial.study for trial in best] == ["fast", "fast"]


def test_a_sweep_can_be_named_and_so_can_several(swept):
    _, dataset, tracking, _ = swept
    (best,) = best_trials(tracking, dataset, RankConfig(k=1), ["slow"])
    assert best.study == "slow"
    assert best.tree["train"]["learning_rate"] <= 1e-5
    assert len(best_trials(tracking, dataset, RankConfig(k=9), ["slow", "fast"])) == 4
    with pytest.raises(UserError, match=r"`study=other` must have a finished trial"):
        best_trials(tracking, dataset, RankConfig(), ["other"])


def test_slow_networks_are_left_out(swept):
    _, dataset, tracking, _ = swept
    costs = sorted(
        trial.seconds_per_gigapixel for trial in best_trials(tracking, dataset, RankConfig(k=6))
    )
    middle = (costs[1] + costs[2]) / 2
    kept = best_trials(tracking, dataset, RankConfig(k=6), most_seconds=middle)
    assert sorted(trial.seconds_per_gigapixel for trial in kept) == costs[:2]
    with pytest.raises(UserError, match=r"must leave a trial, but got 1e-06; those .* take \d+ to"):
        best_trials(tracking, dataset, RankConfig(), most_seconds=1e-6)


def test_trials_run_again_with_fresh_seeds_under_one_run(swept):
    tree, dataset, tracking, folder = swept
    (good,) = best_trials(tracking, dataset, RankConfig(k=1), ["fast"])
    (bad,) = best_trials(tracking, dataset, RankConfig(k=1), ["slow"])
    how = RankConfig(k=2, seeds=2, seed=500)
    parent = tracking.start("promotion", tags={})
    ranking = Ranking(tree, dataset, folder / "rank", tracking, parent)
    ranked = ranking.of([bad, good], how)
    assert [one.trial.run_id for one in ranked] == [good.run_id, bad.run_id]
    assert [run["seed"] for run in ranked[0].runs] == [500, 501]
    assert ranked[0].runs[0]["val"] != ranked[0].runs[1]["val"]
    assert ranked[0].miou.mean == np.mean([run["val"]["miou"] for run in ranked[0].runs])
    children = tracking.children(parent)
    assert len(children) == 4
    assert {run.data.tags["fibsem.seed"] for run in children} == {"500", "501"}
    assert {run.data.tags["fibsem.winner"] for run in children} == {good.run_id, bad.run_id}

    again = Ranking(tree, dataset, folder / "rank", tracking, parent).of([bad, good], how)
    assert again == ranked
    assert len(tracking.children(parent)) == 4


def test_one_trial_is_taken_as_it_is(swept):
    tree, dataset, tracking, folder = swept
    trials = best_trials(tracking, dataset, RankConfig(k=1))
    ranked = Ranking(tree, dataset, folder / "none", tracking, "nobody").of(trials, RankConfig(k=1))
    assert ranked == [Ranked(trials[0])]
    assert "val_miou" not in ranking_rows(ranked)[0]


def made_up(name, mious, squares):
    trial = Trial(name, name, "0", 0.5, 100.0, "s", "p", "c", {})
    runs = tuple(
        {
            "seed": k, "val": {"miou": miou}, "train_seconds": 1.0,
            "squares": {f"q{q}": value for q, value in enumerate(squares)},
        }
        for k, miou in enumerate(mious)
    )  # fmt: skip
    return Ranked(trial, runs)


def test_rows_show_noise_and_what_is_tied():
    squares = np.linspace(0.6, 0.8, 10)
    first = made_up("a", [0.80, 0.82], squares)
    close = made_up("b", [0.79, 0.81], squares + 0.01 * np.resize([1, -1], 10))
    worse = made_up("c", [0.70, 0.71], squares - 0.1)
    rows = ranking_rows([first, close, worse])
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert rows[0]["val_miou"] == pytest.approx(0.81)
    assert rows[0]["val_miou_sd"] == pytest.approx(0.02 / math.sqrt(2))
    assert "tied" not in rows[0]
    assert rows[1]["tied"] is True
    assert rows[2]["tied"] is False
    assert rows[2]["difference"] == pytest.approx(-0.1)
    few = replace(worse, runs=made_up("c", [0.7], squares[:5] - 0.1).runs)
    assert ranking_rows([made_up("a", [0.8], squares[:5]), few])[1]["tied"] is True
