"""``search.constraints``: trials beyond a bound count, but are never the best, nor promoted."""

import pytest

from fibsem.api.sweeping import SweepResult, prepare
from fibsem.config import Configuration, SearchConfig, compose, read
from fibsem.errors import UserError
from fibsem.search.studies.samplers import bounds
from fibsem.tracking import names
from fibsem.training.scoring import scoring
from tests.search.sweeps import finished, opened, worked

BOUND = "search.constraints={cost/seconds_per_gigapixel: 2000}"


def test_a_trial_beyond_a_bound_is_said_and_never_the_best(here):
    sweep = opened(BOUND, "search.sampler=tpe", "search.trials=3", **here)
    worked(sweep, [finished(0.1, cost=2500), finished(0.3, cost=2000), finished(0.2, cost=2000.5)])
    told = sweep.summary(1.0)
    assert (told.best.value, told.infeasible, told.trials.complete) == (0.7, 2, 3)
    reasons = [row.reason for row in sweep.table()]
    said = "beyond search.constraints: cost/seconds_per_gigapixel is"
    assert reasons == [f"{said} 2500", "", f"{said} 2000.5"]
    by = [list(one.constraints.values()) for one in sweep.study.trials.all()]
    assert by == [[500], [0], [0.5]]  # what Optuna's samplers read
    sweep.study.close()


def test_where_none_is_within_the_bounds_that_is_what_is_said(here):
    sweep = opened(BOUND, "search.trials=1", **here)
    worked(sweep, [finished(0.1, cost=2500)])
    text = str(SweepResult(sweep.summary(1.0), here["folder"], "sqlite:///ml.db"))
    assert "1 trials, 0 pruned, 1 beyond search.constraints; none is within search.const" in text
    sweep.study.close()


def test_of_figures_that_shall_be_large_a_bound_is_the_least(here):
    sweep = opened("search.constraints={val/miou: 0.8}", "search.trials=2", **here)
    worked(sweep, [finished(0.1, miou=0.7), finished(0.3, miou=0.9)])
    assert sweep.summary(1.0).best.val["miou"] == 0.9
    sweep.study.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [(["search.constraints={cost/hours: 1}"], "search.constraints` must be among .*got cost/hours"),
     ([BOUND, "search=keras_tuner"], "must be null with search=keras_tuner"),
     ([BOUND, "search.sampler=cmaes"], "must be null with search=keras_tuner, search.sampler=cma"),
     (["search.constraints=2000"], "must be a mapping in braces, but got 2000"),
     (["search.constraints={val/loss: low}"], "`search.constraints.val/loss` must be a number")],
)  # fmt: skip
def test_bounds_that_nobody_can_keep_are_refused(given, said):
    with pytest.raises(UserError, match=said):
        bounds(read(SearchConfig, compose("sweep", given)["search"], "search").constraints)


def test_a_budget_does_not_halve_where_losses_are_not_all_that_counts():
    assert SearchConfig().can_halve
    assert not SearchConfig(constraints={"cost/seconds_per_gigapixel": 2000.0}).can_halve


def test_what_lies_beyond_a_bound_is_not_promoted(run_thresholds):
    """Its run is told from those that are: no network takes a millionth of a second."""
    from fibsem.config import RankConfig
    from fibsem.promotion.trials import best_trials
    from fibsem.tracking.runs import Tracking
    from fibsem.training.material.datasets import obtain

    bound = "search.constraints={cost/seconds_per_gigapixel: 0.000001}"
    summary = run_thresholds(bound, trials=1)
    assert summary["best"] is None
    config = Configuration(compose("sweep", run_thresholds.always)).run
    dataset = obtain(config.data, config.split)
    tracking = Tracking.open(read_store(run_thresholds), dataset.name)
    (child,) = tracking.children(summary["parent_run_id"])
    assert child.info.status == "FINISHED"
    assert child.data.tags[names.STATE] == "infeasible"
    with pytest.raises(UserError, match="must have a finished trial"):
        best_trials(tracking, dataset, RankConfig(k=1), ["sweep"])


def read_store(run):
    from fibsem.config import TrackingConfig

    return read(TrackingConfig, compose("sweep", run.store)["tracking"], "tracking")


@pytest.mark.parametrize("given", [
    ["search.pruner=median", "search.objectives=[cost/seconds_per_gigapixel]"],
    ["search.pruner=halving", "search.objectives=[val_all/miou]", "train.validation=lattice"],
    ["search.rungs=[[3,2],[1,6]]", "search.trials=4",
     "search.objectives=[cost/seconds_per_gigapixel]"],
])  # fmt: skip
def test_unfinished_trainings_are_not_compared_by_what_they_do_not_have(tmp_path, given):
    what = given[0].partition("=[")[0]
    with pytest.raises(UserError, match=rf"`{what}` compares trainings that are not finished"):
        prepare(compose("sweep", ["data=demo", *given, f"output={tmp_path / 'sweep'}"]))


@pytest.mark.parametrize("key", ["objectives=[val_all/miou]", "constraints={val_all/miou: 0.5}"])
def test_figures_that_no_trial_has_are_refused_before_the_first(tmp_path, key):
    given = ["data=demo", f"search.{key}", "train.val_all=false", f"output={tmp_path / 'sweep'}"]
    said = rf"`search.{key.partition('=')[0]}` must name figures of every trial, but val_all/miou"
    with pytest.raises(UserError, match=said):
        prepare(compose("sweep", given))
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("key", ["objectives=[val_all/miou]", "constraints={val_all/miou: 0.5}"])
def test_figures_that_would_be_scored_one_by_one_are_refused_before_the_first(
    tiny, tmp_path, monkeypatch, key
):
    """All labelled pixels of the thesis's validation, by a network without dense form."""
    given = [
        f"data.path={tiny}", f"search.{key}", "model=2dcnn", "model.padding=same", "nbhd=11x11x3",
        "space=smoke", "train.validation=lattice", f"output={tmp_path / 'sweep'}",
    ]  # fmt: skip
    monkeypatch.setattr(scoring, "MOST_BY_PATCH", 0)
    said = (
        rf"`search.{key.partition('=')[0]}` must name .* but val_all/miou is .*which model=2dcnn "
        r"with padding=same scores one by one.*train.validation=pieces, model.padding=valid or "
        r"figures of val/"
    )
    with pytest.raises(UserError, match=said):
        prepare(compose("sweep", given))
    assert not (tmp_path / "sweep").exists()
