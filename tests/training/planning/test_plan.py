"""From a budget of time to steps: laws of the division, and that a plan is made once."""

import itertools
import json
import time
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as every
from hypothesis import strategies as st

from fibsem import train
from fibsem.config import Configuration, TrainConfig, compose
from fibsem.errors import UserError
from fibsem.system.files import write_json
from fibsem.system.identity import Identity
from fibsem.training.planning import probing
from fibsem.training.planning.growth import Growth
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.plan_file import FILE, PlanFile, read_plan
from fibsem.training.planning.planned import planned as by_file
from fibsem.training.planning.probing import probe
from fibsem.training.results import TrialResult
from fibsem.training.steps.fit import AfterStep
from fibsem.training.steps.state import seconds_of

PLAN = Plan(60.0, "abc", 1, 2, 3, 0.1, 0.2, 5.0)


def tree(*overrides):
    return Configuration(compose("train", ["nbhd=11x11x3", *overrides]))


def planned(given, folder, data, make, *, spent_s=lambda: 0.0, **more):
    """As a command plans whose results lie in a folder."""
    return by_file(given, PlanFile(folder, data, **more), make, spent_s=spent_s)


def never(seconds):
    raise AssertionError("the plan was there already")


def test_a_plan_is_made_once_and_kept(tmp_path, capsys):
    given = tree("budget=1min")
    first, made = planned(given, tmp_path, "abc", lambda seconds: PLAN)
    assert made == PLAN
    assert capsys.readouterr().out.startswith("plan: 1 training, 2 epochs of 3 steps at most, 6 s")
    how = first.tree["train"]
    assert (how["epochs"], how["steps"], how["patience"], how["schedule"]) == (2, 3, None, "cosine")
    assert planned(given, tmp_path, "abc", never) == (first, PLAN)
    longer = replace(PLAN, budget_s=120.0)
    assert planned(tree("budget=2min"), tmp_path, "abc", lambda seconds: longer)[1] == longer
    planned(given, tmp_path, "abc", lambda seconds: PLAN)
    assert planned(tree(f"plan={tmp_path / FILE}"), tmp_path / "other", "abc", never)[1] == PLAN
    assert (tmp_path / "other" / FILE).is_file()
    with pytest.raises(AssertionError, match="already"):
        planned(given, tmp_path, "abc", never, anew=True)


@pytest.mark.parametrize(("overrides", "said"), [
    (["train.epochs=7", "train.schedule=step"],
     ["budget: train.epochs=2 instead of 7, train.schedule=cosine instead of step"]),
    (["train.epochs=2", "seed=4"], []), ([], []),
    (["experiment=thesis", "model=2dcnn"],
     ["budget: train.epochs=2 instead of 125, train.steps=3 instead of null, train.patience=null "
      "instead of 10, train.schedule=cosine instead of step, which is not the protocol of "
      "experiment=thesis"]),
])  # fmt: skip
def test_what_a_plan_sets_in_place_of_what_was_typed_is_said(tmp_path, capsys, overrides, said):
    planned(tree("budget=1min", *overrides), tmp_path, "abc", lambda seconds: PLAN)
    assert capsys.readouterr().out.splitlines()[1:] == said


def test_results_without_a_plan_are_not_planned_and_get_none(tmp_path):
    """A plan was left beside them, and the next budget was told that it was theirs."""
    Identity("training", {"train.steps": 9}, {}).write(tmp_path)
    for budget in ("1min", "2min"):
        with pytest.raises(
            UserError, match=r"made without one; the choices are no budget, another"
        ):
            planned(tree(f"budget={budget}"), tmp_path, "abc", never)
    assert not (tmp_path / FILE).exists()
    anew = planned(tree("budget=1min"), tmp_path, "abc", lambda seconds: PLAN, anew=True)
    assert anew[1] == PLAN


@pytest.mark.parametrize("left", ['{"budget_s": 60', None], ids=["damaged", "of other data"])
def test_a_plan_that_cannot_be_used_is_made_anew_unless_results_hang_on_it(tmp_path, left):
    """It was refused with "give budget= instead", to whom had given it."""
    given, file = tree("budget=1min"), tmp_path / FILE
    file.write_text(left or json.dumps(replace(PLAN, data="other").to_json()))
    assert planned(given, tmp_path, "abc", lambda seconds: PLAN)[1] == PLAN
    file.write_text(left or json.dumps(replace(PLAN, data="other").to_json()))
    Identity("training", {}, {}).write(tmp_path)
    with pytest.raises(UserError, match="another output or overwrite=true"):
        planned(given, tmp_path, "abc", never)
    assert planned(given, tmp_path, "abc", lambda seconds: PLAN, anew=True)[1] == PLAN


def test_that_a_budget_does_not_bound_what_is_fitted_at_once_is_said(
    tiny, new_store, tmp_path, capsys
):
    given = [f"data.path={tiny}", "model=threshold", "nbhd=11x11x3", f"output={tmp_path / 'run'}"]
    train.main(compose("train", [*given, "budget=1min", *new_store(tmp_path)]))
    said = "budget: model=threshold is fitted at once, in the time that it takes"
    assert said in capsys.readouterr().out.splitlines()


def test_a_plan_of_results_is_not_replaced(tmp_path):
    """They go on by it: another one is refused before anything is timed or written."""
    planned(tree("budget=1min"), tmp_path, "abc", lambda seconds: PLAN)
    Identity("training", {}, {}).write(tmp_path)
    with pytest.raises(
        UserError, match=r"`budget` must be that of the results in .*, 60s, but got"
    ):
        planned(tree("budget=2min"), tmp_path, "abc", never)
    assert read_plan(tmp_path / FILE, "abc") == PLAN
    assert planned(tree("budget=1min"), tmp_path, "abc", never)[1] == PLAN
    other = tmp_path / "other.json"
    write_json(other, replace(PLAN, steps=4).to_json())
    with pytest.raises(UserError, match="another one, of 60s"):
        planned(tree(f"plan={other}"), tmp_path, "abc", never)
    assert planned(tree(f"plan={other}"), tmp_path, "abc", never, anew=True)[1].steps == 4


def test_a_plan_is_of_its_network_until_results_go_on_by_it(tmp_path):
    """A command may be killed between its plan and its first result."""

    def of(steps):
        return lambda seconds: replace(PLAN, steps=steps)

    small, large = tree("budget=1min"), tree("budget=1min", "model.filters=64")
    assert planned(small, tmp_path, "abc", of(30))[1].steps == 30
    assert planned(tree("budget=1min", "output=here"), tmp_path, "abc", never)[1].steps == 30
    assert planned(large, tmp_path, "abc", of(3))[1].steps == 3
    assert planned(large, tmp_path, "abc", of(4), of="other trials")[1].steps == 4
    former = {**PLAN.to_json(), "steps": 5}
    del former["settings"]
    write_json(tmp_path / FILE, former)
    assert planned(large, tmp_path, "abc", of(3))[1].steps == 3
    Identity("training", {}, {}).write(tmp_path)  # which says what else differs
    assert planned(small, tmp_path, "abc", never)[1].steps == 3


@pytest.mark.parametrize("came_to", [{"lengths": ((12, 47),)}, {"filled": 7}])
def test_results_go_on_by_the_plan_that_they_began_with_whatever_they_came_to(tmp_path, came_to):
    """The same command with plan=FILE, of a file that does not say that yet."""
    file, folder = tmp_path / "one.json", tmp_path / "results"
    write_json(file, PLAN.to_json())
    planned(tree(f"plan={file}"), folder, "abc", never)
    Identity("training", {}, {}).write(folder)
    write_json(folder / FILE, replace(PLAN, **came_to).to_json())
    assert planned(tree(f"plan={file}"), folder, "abc", never)[1] == replace(PLAN, **came_to)
    assert read_plan(folder / FILE, "abc").as_made == PLAN
    for other in ({**came_to, "steps": 4}, {"filled": 8, "lengths": ((12, 48),)}):
        write_json(file, replace(PLAN, **other).to_json())
        with pytest.raises(UserError, match="another one, of 60s"):
            planned(tree(f"plan={file}"), folder, "abc", never)


def test_a_plan_of_another_command_or_network_is_refused(tmp_path):
    """A sweep by the plan of a training would have one trial, a training that of thirteen."""
    given, of = tree("budget=1min"), "train of 2dcnn 11x11x3"
    _, made = planned(given, tmp_path / "one", "abc", lambda seconds: PLAN, work=of)
    assert made == replace(PLAN, work=of) == read_plan(tmp_path / "one" / FILE, "abc")
    again = tree(f"plan={tmp_path / 'one' / FILE}")
    assert planned(again, tmp_path / "two", "abc", never, work=of)[1] == made
    for other in ("sweep of 2dcnn 11x11x3", "train of unet 11x11x3"):
        with pytest.raises(
            UserError,
            match=rf"of this command and network \({other}\), but .* is of ",
        ):
            planned(again, tmp_path / "two", "abc", never, work=other)
    another = planned(given, tmp_path / "one", "abc", lambda seconds: PLAN, work=other)[1]
    assert another.work == other  # nothing goes on by the one before
    write_json(tmp_path / "before.json", PLAN.to_json())
    before = tree(f"plan={tmp_path / 'before.json'}")
    assert planned(before, tmp_path / "two", "abc", never, work=of)[1] == PLAN


def test_without_a_budget_nothing_is_planned(tmp_path):
    assert planned(tree(), tmp_path, "abc", never) == (tree(), None)
    assert list(tmp_path.iterdir()) == []


def test_a_hard_budget_limits_the_time_of_the_training(tmp_path):
    limited, _ = planned(
        tree("budget=1min", "budget_is=hard"), tmp_path, "abc", lambda seconds: PLAN
    )
    assert limited.tree["train"]["max_seconds"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["budget=30"], r"`budget` must be a positive number with s, min or h.*got 30"),
        (["budget=0min"], "but got 0min"),
        (["budget=1min", "budget_is=strict"], "`budget_is` must be soft or hard, but got strict"),
        (["plan=nowhere.json"], r"`plan` must be a file.*nowhere\.json is not there"),
    ],
)
def test_what_is_no_budget_is_said_in_a_line(tmp_path, overrides, said):
    with pytest.raises(UserError, match=said):
        planned(tree(*overrides), tmp_path, "abc", lambda seconds: PLAN)


def test_a_plan_of_other_data_is_refused(tmp_path):
    (tmp_path / FILE).write_text(json.dumps(PLAN.to_json()))
    with pytest.raises(UserError, match=r"`plan` must be of this dataset.*other data \(abc, not d"):
        planned(tree(f"plan={tmp_path / FILE}"), tmp_path / "other", "def", never)


@pytest.mark.parametrize(
    ("spent", "said"), [(29.0, None), (31.0, "at least 62s, but got 60s: to op")]
)
def test_a_budget_that_opening_the_data_uses_up_is_refused_before_anything_is_timed(
    tmp_path, spent, said
):
    """Of a film that is labelled in every slice a minute was refused after two."""
    made = []

    def make(seconds):
        made.append(seconds)
        return PLAN

    given = tree(f"budget={PLAN.budget_s:g}s")
    with pytest.raises(UserError, match=f"`budget` must be {said}") if said else nullcontext():
        planned(given, tmp_path, "abc", make, spent_s=lambda: spent)
    assert made == ([] if said else [PLAN.budget_s])


def test_a_probe_times_real_steps(material, monkeypatch):
    monkeypatch.setattr(probing, "TIMED_S", (0.1, 0.1))
    found = probe(material("train.steps=1"), 30.0)
    for seconds in (found.step_s, found.validation_s, found.once_s, found.pixel_s):
        assert 0 < seconds < 60


@pytest.mark.parametrize("slow", [range(5, 10), range(10, 15)])
def test_a_machine_that_is_slow_for_a_part_of_the_timing_does_not_count(
    material, monkeypatch, slow
):
    """Of three parts the middle one counts; two steps and three come before them."""
    made, after = itertools.count(), AfterStep.on_train_batch_end

    def sometimes_slow(self, batch, logs=None):
        time.sleep(0.2 if next(made) in slow else 0)
        after(self, batch, logs)

    monkeypatch.setattr(AfterStep, "on_train_batch_end", sometimes_slow)
    monkeypatch.setattr(probing, "part_of", lambda *_: 5)
    assert probe(material(), 30.0).step_s < 0.15


def test_a_first_step_belongs_to_its_epoch():
    laps = probing.Laps()
    laps.times = [10.0, 10.7, 10.9, 11.1]
    assert laps.step_s == pytest.approx(0.2)
    assert laps.start_s == pytest.approx(0.5)


def test_a_network_that_diverges_while_it_is_timed_is_timed_all_the_same(material, monkeypatch):
    """Its steps would seem to take no time, and a plan have a hundred times too many."""
    made, after = [], AfterStep.on_train_batch_end

    def count(self, batch, logs=None):
        made.append(logs["loss"])
        if len(made) == 3:
            self.model.weights[0].assign(np.full(self.model.weights[0].shape, np.nan))
        after(self, batch, logs)

    monkeypatch.setattr(AfterStep, "on_train_batch_end", count)
    monkeypatch.setattr(probing, "part_of", lambda *_: 7)
    probe(material(), 30.0)
    assert np.isfinite(made).sum() == 3
    assert len(made) == 2 + 3 + 3 * 7


def test_one_plan_gives_one_result(small, new_store, tmp_path, material):
    """Repeated from its file in another folder; the same command again trains nothing."""
    store = new_store(tmp_path)
    plan = Plan(60.0, material().dataset.hash, 1, 2, 3, 0.1, 0.2, 5.0)
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    results = []
    for name in ("first", "second", "second"):
        given = [*small, *store, f"output={tmp_path / name}", f"plan={tmp_path / 'plan.json'}"]
        train.main(compose("train", given))
        results.append(json.loads((tmp_path / name / "summary.json").read_text()))
    assert [result["epochs"] for result in results] == [2, 2, 2]
    assert results[0]["val"] == results[1]["val"] == results[2]["val"]
    assert results[0]["plan"] == plan.to_json()
    assert results[1]["run_id"] == results[2]["run_id"] != results[0]["run_id"]


@pytest.mark.slow
def test_a_training_takes_the_time_that_it_is_given(small, new_store, tmp_path):
    """Its plan fills what the probe leaves of it, and is kept to whatever the machine does."""
    given = [*small, *new_store(tmp_path), f"output={tmp_path / 'timed'}", "budget=10s"]
    began = time.perf_counter()
    train.main(compose("train", given))
    took_s = time.perf_counter() - began
    found = json.loads((tmp_path / "timed" / "summary.json").read_text())
    plan, used_s = Plan.from_json(found["plan"]), found["budget"]["used_s"]
    assert plan.trial_s < 10
    assert [epoch["steps"] for epoch in found["history"]] == [plan.steps] * plan.epochs
    assert found["budget"]["given_s"] == 10
    assert seconds_of(TrialResult.from_json(found).history) == found["train_seconds"]
    assert found["train_seconds"] < found["seconds"] <= used_s < took_s


@every(
    st.floats(1e-3, 0.5), st.floats(0.0, 2.0), st.integers(60, 400), st.floats(1.0, 2.0),
    st.floats(0.05, 20.0), st.sampled_from([((9, 2), (3, 6), (1, 18)), ((9, 1), (3, 3), (1, 9))]),
)  # fmt: skip
def test_who_comes_to_the_end_takes_the_time_of_the_last_rung(
    step, validation, steps, goes_on, times, rungs
):
    """Within half an epoch, unless it is far from the average; and it comes to rest behind it."""
    plan = Plan(
        600.0, "abc", 13, rungs[-1][1], steps, step, validation, 5.0, rungs, schedule="wsd",
        goes_on=goes_on, growth=Growth(1.0, {"2dcnn": times}),
    )  # fmt: skip
    reached, last = rungs[-2][1], rungs[-1][1] - rungs[-2][1]
    epochs = plan.epochs_of("2dcnn", 1.0)
    epoch_s = times * (steps * step + validation)
    most_off = 0.5 * epoch_s + 1e-9
    taken_s, planned_s = (epochs - reached) * epoch_s, plan.training_s(2) - plan.once_s
    if last / 2 < epochs - reached < 2 * last:
        assert abs(taken_s - planned_s) <= most_off
    else:
        assert (taken_s <= planned_s + most_off) == (epochs - reached == 2 * last) or (
            abs(taken_s - planned_s) <= most_off
        )
    how = TrainConfig(learning_rate=0.01, schedule="wsd", epochs=epochs)
    assert how.rates.at(reached) == 0.01
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_a_plan_without_sizes_has_its_epochs_for_all():
    """That of a version before, trainings that are whole, an architecture that was not timed."""
    rungs = replace(PLAN, rungs=((9, 2), (3, 6), (1, 18)), epochs=18, trials=13)
    assert rungs.epochs_of("2dcnn", 1e9) == 18
    sized = replace(rungs, growth=Growth(1.0, {"2dcnn": 1e-12}))
    assert sized.epochs_of("unet", 1e9) == 18
    assert replace(sized, rungs=()).epochs_of("2dcnn", 1e9) == 18
    assert sized.epochs_of("2dcnn", 1e9) == 30  # twice the twelve of the last rung


@every(st.booleans(), st.lists(st.tuples(st.integers(0, 99), st.integers(1, 200))))
def test_what_a_plan_came_to_is_read_as_it_was_written(lengthens, lengths):
    """Without both, as a version before wrote it, trainings are as long as planned."""
    plan = replace(PLAN, rungs=((9, 2), (1, 6)), lengthens=lengthens, lengths=tuple(lengths))
    record = json.loads(json.dumps(plan.to_json()))
    assert Plan.from_json(record) == plan
    assert record == plan.to_json()
    del record["lengthens"], record["lengths"]
    assert Plan.from_json(record) == replace(plan, lengthens=False, lengths=())
