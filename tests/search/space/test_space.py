import math
from collections import Counter
from itertools import islice

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem.config import Configuration, compose
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.spec import resolve
from fibsem.search.space.declared import read_space, repeats
from fibsem.search.space.space import Choice, Range, Space


def space_of(*overrides):
    return read_space(compose("sweep", list(overrides)))


def test_the_thesis_space_has_24300_points():
    space = space_of("experiment=thesis", "nbhd=81x81x3")
    assert math.prod(axis.size for axis in space.axes.values()) == 24_300
    assert space.size == 24_300  # all of them are possible at 65 and 81 pixels
    assert len(space.enumerated) == 2


def test_blocks_and_rate_are_25_pairs_four_times_each():
    """Thesis 3.6, where every number of blocks is possible: 65 pixels and same padding."""
    space = space_of("experiment=thesis", "nbhd=65x65x3")
    pairs = Counter(
        (v["model.blocks"], v["train.learning_rate"]) for v in islice(space.plan(0), 100)
    )
    assert len(pairs) == 25
    assert set(pairs.values()) == {4}


@pytest.mark.parametrize(
    ("nbhd", "padding", "blocks"),
    [("11x11x3", "valid", {1}), ("33x33x3", "valid", {2, 3}), ("81x81x3", "valid", {3, 4}),
     ("81x81x3", "same", {1, 2, 3, 4, 5, 6}), ("11x11x3", "same", {1, 2, 3})],
)  # fmt: skip
def test_impossible_blocks_are_removed_before_pairs_are_enumerated(nbhd, padding, blocks):
    space = space_of(f"nbhd={nbhd}", f"model.padding={padding}")
    cells = space.cells()
    assert {cell["model.blocks"].values[0] for cell in cells} == blocks
    assert len(cells) == 5 * len(blocks)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([11, 33, 49, 65, 81, 113]), st.sampled_from(["same", "valid"]),
       st.integers(0, 1000))  # fmt: skip
def test_every_draw_is_a_network_with_a_head_of_at_most_nine(n, padding, seed):
    space = space_of(f"nbhd={n}x{n}x3", f"model.padding={padding}")
    for values in islice(space.plan(seed), 12):
        given = {"blocks": values["model.blocks"], "kernel": values["model.kernel"]}
        head = resolve("2dcnn", Nbhd(3, n, n), padding, given).head
        assert head >= 1
        assert padding == "same" or head <= 9
        assert set(values) == set(space.axes)
        for key, axis in space.axes.items():
            if isinstance(axis, Choice):
                assert values[key] in axis.values
            else:
                assert axis.low <= values[key] <= axis.high


def test_the_plan_depends_on_seed_and_position_alone():
    space = space_of()
    long, short = list(islice(space.plan(3), 30)), list(islice(space.plan(3), 7))
    assert long[:7] == short
    assert list(islice(space.plan(4), 7)) != short


def test_cells_are_used_equally_often():
    space = space_of("nbhd=81x81x3")
    cells = len(space.cells())
    rates = [v["train.learning_rate"] for v in islice(space.plan(0), 2 * cells)]
    strata = np.searchsorted(np.geomspace(0.002, 0.03, 6)[1:-1], rates)
    assert set(Counter(strata.tolist()).values()) == {2 * cells // 5}


@pytest.mark.parametrize("how", [["model=auto"], ["nbhd=81x81x3"], ["model=forest"]])
@pytest.mark.parametrize("cells", [True, False])
def test_what_a_training_is_without_a_search_comes_first(how, cells):
    """Of each architecture, the one with weights of the package first."""
    space = space_of(*how)
    given = Configuration(compose("sweep", how))
    first = list(islice(space.plan(3, enumerate_cells=cells), space.architectures))
    assert first == list(space.defaults)
    assert [point.get("model.name") for point in first] in ([None], ["unet", "2dcnn"])
    for point in first:
        name = point.get("model.name", given.tree["model"]["name"])
        alone = given.with_values({"model.name": name}).run
        assert given.with_values(point).run.settings == alone.settings


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["model=auto", "nbhd=81x81x3"]))
def test_with_the_defaults_first_cells_are_used_equally_often_too(seed, how):
    space = space_of(how)
    cells = space.cells()
    for rounds in (1, 2):
        drawn = islice(space.plan(seed), rounds * len(cells))
        places = Counter(k for one in drawn for k, cell in enumerate(cells)
                         if all(part.holds(one[key]) for key, part in cell.items()))  # fmt: skip
        assert set(places.values()) == {rounds}
        assert len(places) == len(cells)


@pytest.mark.parametrize(
    "how",
    [["experiment=thesis", "nbhd=65x65x3"], ["space.defaults_first=false"],
     ["model.filters=null", "space.axes.model.filters=[8,24]"]],
)  # fmt: skip
def test_a_default_that_the_space_does_not_hold_or_want_is_not_drawn_first(how):
    assert space_of(*how).defaults == ()


def test_log_ranges_are_drawn_log_uniformly():
    rng = np.random.default_rng(0)
    draws = np.log10([Range(0.001, 0.1, log=True).draw(rng) for _ in range(4000)])
    assert np.mean(draws) == pytest.approx(-2, abs=0.03)
    assert draws.min() > -3
    assert draws.max() < -1


def test_an_axis_is_narrowed_by_what_is_already_given():
    space = space_of("nbhd=33x33x3")
    assert space.choices("model.kernel", {"model.blocks": 2}).values == (3, 5)
    assert space.choices("model.kernel", {"model.blocks": 3}).values == (3,)


def test_any_key_can_be_swept_by_naming_it():
    space = space_of(
        "+space.axes.preprocess.scaling=[none,standardise]",
        "space.axes.model=null",
        "space.enumerate=[train.learning_rate]",
    )
    assert space.axes["preprocess.scaling"].values == ("none", "standardise")


def test_the_share_of_pixels_is_no_axis_where_it_says_what_trials_are_judged_by():
    axis = "+space.axes.train.share=[0.01,0.02]"
    assert "train.share" in space_of(axis).axes
    with pytest.raises(UserError, match=r"judged by the same labels.*but got train.share"):
        space_of(axis, "train.validation=lattice")


def test_a_single_value_is_a_choice_of_one():
    assert space_of("space.axes.model.kernel=3").axes["model.kernel"] == Choice((3,))


@pytest.mark.parametrize(
    "axis",
    ["data.path=[a,b]", "split.seed=[0,1]", "sampling.seed=[0,1]", "output=[a,b]",
     "overwrite=[true]", "tracking.uri=[a]", "search.trials=[1,2]",
     "train.validation=[pieces,lattice]", "train.test=[true]"],
)  # fmt: skip
def test_what_trials_are_compared_on_is_not_swept(axis):
    key = axis.partition("=")[0]
    with pytest.raises(UserError, match=f"`space.axes` must be keys of nbhd, .* but got {key}"):
        space_of(f"+space.axes.{axis}")


def test_a_space_without_a_network_says_so():
    with pytest.raises(UserError, match="forbid all of it"):
        next(space_of("nbhd=11x11x3", "space.axes.model.blocks=[4,5]").plan(0))


def test_an_enumerated_axis_must_exist():
    with pytest.raises(UserError, match="choices are"):
        space_of("space.enumerate=[model.blokcs]")


def test_a_grid_has_every_legal_point_once_in_an_order_of_the_seed():
    space = space_of(
        "space=smoke", "nbhd=33x33x3", "space.axes.model.blocks=[1,2,3]", "model.kernel=3",
        "space.axes.model.filters=[4,8]",
    )  # fmt: skip
    points = space.grid(0, 3)
    every = {tuple(point.values()) for point in points}
    rates = [pytest.approx(rate) for rate in (0.005, 0.05 / 10**0.5, 0.05)]
    assert {point["model.blocks"] for point in points} == {2, 3}  # a single one leaves a wide head
    assert len(points) == len(every) == 2 * 2 * 3
    assert sorted({point["train.learning_rate"] for point in points}) == rates
    assert points == space.grid(0, 3)
    assert points != space.grid(1, 3)


def test_numbers_are_spaced_and_drawn_as_their_axis_says():
    """Whole numbers with both ends, logarithms evenly; what the enumeration and a grid stand on."""
    whole, spread = Range(4, 64, log=True, integer=True), Range(2, 5, integer=True)
    assert Range(0, 1).points(3) == (0, 0.5, 1)
    assert whole.points(5) == (4, 8, 16, 32, 64)
    assert spread.points(9) == (2, 3, 4, 5)
    assert (spread.size, whole.size, Range(0, 1).size) == (4, 61, math.inf)
    rng = np.random.default_rng(0)
    drawn = [spread.draw(rng) for _ in range(200)]
    assert set(drawn) == {2, 3, 4, 5}
    assert np.median([whole.draw(rng) for _ in range(500)]) == pytest.approx(16, abs=3)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("low", "high", "strata"), [(1, 6, 5), (1, 3, 4), (2, 40, 3)])
def test_parts_of_whole_numbers_together_are_drawn_as_the_whole_and_by_optuna(
    low, high, strata, log
):
    """An enumerated axis drew its ends half as often as what lies between."""
    axis, rng, draws = Range(low, high, log, integer=True), np.random.default_rng(1), 12_000
    parts = axis.strata(strata)
    assert len(parts) == strata
    enumerated = np.array([part.draw(rng) for part in parts for _ in range(draws // strata)])
    numbers = np.arange(low, high + 1)
    assert set(enumerated) <= set(numbers)
    edges = np.append(numbers - 0.5, high + 0.5)
    position = np.log(edges) if log else edges
    expected = np.diff(position) / np.ptp(position)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(sampler=sampler)
    theirs = [study.ask().suggest_int("n", low, high, log=log) for _ in range(300)]
    for drawn in (enumerated, [axis.draw(rng) for _ in range(draws)], theirs):
        shares = np.array([np.mean(np.equal(drawn, n)) for n in numbers])
        error = np.sqrt(expected * (1 - expected) / len(drawn))
        assert np.all(np.abs(shares - expected) < 5 * error + 1e-9)


@pytest.mark.parametrize(
    ("how", "drawn"),
    [(["search.trials=3"], 3), (["search.sampler=grid"], 0), (["search=keras_tuner"], 0),
     (["search.rungs=[[9,2],[3,6],[1,18]]", "search.trials=13"], 9)],
)  # fmt: skip
def test_more_draws_than_points_are_said(how, drawn):
    """With one seed for all, a point that comes again gives the same result."""
    assert Configuration(compose("sweep", ["model=2dcnn", *how])).search.drawn == drawn
    two = Space("two", {"model.kernel": Choice((3, 5))}, (), strata=1, fits=lambda given: True)
    assert (repeats(two, drawn) is None) == (drawn <= 2)
