"""What follows for the trainings of a sweep from how it searches; what does nothing is said."""

from dataclasses import replace

import pytest

from fibsem.config import Configuration, compose
from fibsem.config.training import TrainConfig
from fibsem.config.unused import why_unused
from fibsem.errors import UserError
from fibsem.search.space.declared import check_used

RUNGS = ["search.rungs=[[9,2],[3,6],[1,18]]", "search.trials=13"]
HYPERBAND = ["search=keras_tuner", "search.sampler=hyperband"]


def sweep(*overrides):
    return Configuration(compose("sweep", ["model=2dcnn", *overrides]))


def training(*overrides):
    return Configuration(compose("train", ["model=2dcnn", "nbhd=11x11x3", *overrides]))


def test_the_last_rung_is_the_end_of_a_training():
    typed = sweep(*RUNGS)
    assert typed.settled.run.train.epochs == 18
    assert list(typed.notes([])) == [
        "search: train.epochs=18 instead of 40, the last of search.rungs"
    ]
    assert sweep(*RUNGS, "train.epochs=18").settled.run.train.epochs == 18
    with pytest.raises(UserError, match=r"`train.epochs` must be 18, the last .*, but got 4"):
        sweep(*RUNGS, "train.epochs=4").settled  # noqa: B018


def test_trainings_of_hyperband_can_go_on():
    """Half a cosine over one epoch is no beginning of one over three."""
    typed = sweep(*HYPERBAND)
    assert typed.settled.run.train.schedule == "constant"
    assert "train.schedule=constant instead of cosine" in next(typed.notes([]))
    assert sweep(*HYPERBAND, "train.schedule=step").settled.run.train.schedule == "step"
    with pytest.raises(UserError, match=r"`train.schedule` must be constant.*but got cosine"):
        sweep(*HYPERBAND, "train.schedule=cosine").settled  # noqa: B018


def test_what_is_settled_stays():
    first = sweep(*RUNGS).settled
    assert first.tree["search"]["objectives"] == ["val_all/miou"]
    assert first.settled.tree == first.tree
    assert list(first.notes([])) == []


def test_what_is_not_searched_over_is_said():
    typed = sweep("model.kernel=5", "seed=1")
    said = "model.kernel=5 was typed, and is not searched over"
    assert list(typed.notes(["model.kernel", "model.filters"])) == [said]
    assert list(sweep("space.axes.model.kernel=[3]").notes(["model.kernel"])) == []


def test_what_was_typed_for_nothing_is_said():
    typed = training("train.batch=64", "train.windows=8")
    said = "train.batch=64 does nothing: it is of train.mode=patch, and here that is grid"
    assert list(typed.typed_for_nothing()) == [said]
    assert list(typed.typed_for_nothing({"train.mode"})) == []  # a sweep may draw the other one
    assert list(training("train.mode=patch", "train.batch=64").typed_for_nothing()) == []
    assert list(training("model=forest", "train.batch=64").typed_for_nothing()) == []
    assert list(training("model=forest", "train.epochs=9").typed_for_nothing()) == [
        "train.epochs=9 does nothing: model=forest is fitted at once, in no steps"
    ]


@pytest.mark.parametrize(
    ("typed", "why"),
    [("shift_sd=0.2", "it is of train.shift_probability above 0, and here that is 0"),
     ("shift_probability=0.5", "it is of train.shift_sd above 0, and here that is 0"),
     ("teacher_share=0.3", "it is of train.teacher that is given, and here that is null"),
     ("min_learning_rate=0.01",
      "it is of train.schedule=step or cosine or wsd, and here that is constant"),
     ("decay=0.5", "it is of train.schedule=step, and here that is constant")],
)  # fmt: skip
def test_of_two_that_need_each_other_one_alone_is_said(typed, why):
    """A shift had no probability, and nobody said so."""
    given = training("train.schedule=constant", f"train.{typed}")
    assert list(given.typed_for_nothing()) == [f"train.{typed} does nothing: {why}"]


def test_shifts_that_have_a_size_and_a_probability_do_something():
    assert (
        list(training("train.shift_sd=0.2", "train.shift_probability=0.5").typed_for_nothing())
        == []
    )


def test_the_smallest_rate_and_the_decay_change_the_rates_of_the_schedules_that_use_them():
    """And of no other one."""
    for name, value in (("min_learning_rate", 0.005), ("decay", 0.5)):
        for schedule in ("step", "cyclic", "cosine", "wsd", "constant"):
            one = TrainConfig(learning_rate=0.01, schedule=schedule, decay_every=2, epochs=40)
            other = replace(one, **{name: value})
            now = {"train.schedule": schedule}
            rates = [[each.rates.at(k / 2) for k in range(80)] for each in (one, other)]
            assert (rates[0] == rates[1]) == bool(why_unused(f"train.{name}", now))


def test_nobody_searches_over_what_does_nothing():
    why = training().run.why_unused("train.batch")
    with pytest.raises(UserError, match=r"`space.axes.train.batch` must .*; ~space.axes"):
        check_used({"model.kernel": [None], "train.batch": [why]})
    check_used({"train.batch": [why], "train.mode": [None]})
    check_used({"train.batch": [why, None]})  # of one architecture


def test_the_kind_of_a_first_convolution_does_nothing_in_a_window_of_three_slices():
    typed = training("model=unet", "nbhd=33x33x3", "model.slices=3d")
    why = "it is of windows deeper than 3 slices, and here nbhd is 33x33x3"
    assert list(typed.typed_for_nothing()) == [f"model.slices=3d does nothing: {why}"]
    assert list(typed.typed_for_nothing({"nbhd"})) == []
    assert list(training("model=unet", "nbhd=33x33x5", "model.slices=3d").typed_for_nothing()) == []
    with pytest.raises(UserError, match=r"`space.axes.model.slices` must .*; ~space.axes"):
        check_used({"model.slices": [why]})
    check_used({"model.slices": [why], "nbhd": [None]})
