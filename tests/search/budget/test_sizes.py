"""What trials take on average, from a few networks that are timed and the operations of many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.config import Configuration, compose
from fibsem.search.budget import sizes
from fibsem.search.budget.budget import COUNTED, first, halving
from fibsem.search.budget.sizes import (
    GROWTH,
    NetworkCost,
    average,
    grown,
    growth,
    mean,
    to_be_timed,
)
from fibsem.search.space.declared import read_space
from fibsem.training.planning.probing import Probe

PROBES = [Probe(0.1, 1.0, 4.0, 1e-6), Probe(0.3, 2.0, 8.0, 3e-6)]


def test_networks_of_a_space_are_timed_on_average():
    found = mean(PROBES)
    assert (found.step_s, found.validation_s, found.once_s) == pytest.approx((0.2, 1.5, 6.0))


numbers = st.floats(1e2, 1e6)


@given(st.lists(numbers, min_size=1, max_size=4), st.lists(numbers, min_size=1, max_size=9))
def test_the_average_is_that_of_all_networks_whichever_are_timed(timed, networks):
    """Where seconds follow operations, a few that are timed tell it exactly."""

    def seconds(operations):
        return Probe(*(each * operations**GROWTH for each in (1e-4, 1e-3)), 5.0, 1e-9)

    found = average(
        [seconds(one) for one in timed],
        [NetworkCost("2dcnn", one) for one in timed],
        [NetworkCost("2dcnn", one) for one in networks],
    )
    wanted = mean([seconds(one) for one in networks])
    assert (found.step_s, found.validation_s) == pytest.approx((wanted.step_s, wanted.validation_s))
    assert found.once_s == 5.0


@given(st.floats(0.0, 1.2), numbers, st.floats(8.0, 100.0))
def test_seconds_grow_as_those_of_the_timed_do(power, smallest, apart):
    """Whatever the machine: two far apart tell a third between them, and one nothing."""
    timed = [NetworkCost("2dcnn", smallest * times) for times in (1.0, apart)]
    probes = [Probe(1e-4 * one.operations**power, 0.1, 5.0, 1e-9) for one in timed]
    assert growth(probes, timed) == pytest.approx(power, abs=0.1)
    between = NetworkCost("2dcnn", smallest * apart**0.5)
    step_s = average(probes, timed, [between]).step_s
    assert step_s == pytest.approx(1e-4 * between.operations**power, rel=0.05)
    assert growth(probes[:1], timed[:1]) == GROWTH


@given(st.floats(0.0, 1.2), st.lists(numbers, min_size=1, max_size=4), numbers)
def test_a_network_is_as_many_times_the_average_as_is_expected_of_it(power, timed, operations):
    """By the same rule as the average."""
    timed = [NetworkCost("2dcnn", one) for one in timed]
    probes = [Probe(1e-4 * one.operations**power, 0.1, 5.0, 1e-9) for one in timed]
    like, one = average(probes, timed, timed), NetworkCost("2dcnn", operations)
    found = grown(probes, timed, like)
    wanted = average(probes, timed, [one]).step_s / like.step_s
    assert found.times("2dcnn", operations) == pytest.approx(wanted)
    assert found.times("unet", operations) is None


def test_architectures_do_not_tell_each_other_how_they_grow():
    """A U-Net of three times the operations that is as fast says nothing of larger 2dcnn."""
    timed = [NetworkCost("2dcnn", 1e9), NetworkCost("unet", 3e9)]
    assert growth([PROBES[0]] * 2, timed) == GROWTH


@given(
    st.lists(st.tuples(st.sampled_from(["2dcnn", "unet"]), numbers), min_size=1, max_size=16),
    st.integers(1, 3),
    st.floats(20, 2000),
)
def test_some_of_every_architecture_are_timed(networks, workers, budget_s):
    networks = [NetworkCost(*one) for one in networks]
    rounds, some = to_be_timed(networks, workers, budget_s)
    assert len(some) == rounds * workers
    assert {networks[k].architecture for k in some} == {one.architecture for one in networks}
    wanted = max(len({one.architecture for one in networks}), min(4, int(budget_s // 120)))
    assert len(set(some)) >= min(wanted, len(networks))


def test_those_that_are_timed_lie_between_smaller_and_larger_ones():
    networks = [NetworkCost("2dcnn", each) for each in (5.0, 1.0, 4.0, 3.0, 2.0, 6.0, 7.0, 8.0)]
    chosen = [networks[k].operations for k in to_be_timed(networks, 1, 240.0)[1]]
    assert chosen == [3.0, 7.0]


def test_every_architecture_is_like_those_of_its_own_that_were_timed():
    """One in three is a U-Net, as small as the one that was timed; of a third nothing is known."""
    timed = [NetworkCost("2dcnn", 100.0), NetworkCost("unet", 900.0)]
    networks = [timed[0], timed[0], timed[1], NetworkCost("3dcnn", 1e9)]
    assert average(PROBES, timed, networks).step_s == pytest.approx((0.1 + 0.1 + 0.3) / 3)
    assert average(PROBES, timed, networks[3:]) == mean(PROBES)


def test_networks_that_are_counted_are_those_that_a_sweep_begins_with(small, material):
    """Of other sizes than each other, in its order."""
    configuration = Configuration(compose("sweep", [*small[:2], "space=2d", "nbhd=33x33x3"]))
    space = read_space(configuration.tree)
    points = first(space, 0, "enumerated")
    assert len(points) == COUNTED
    configs = [configuration.with_values(point).run for point in points[:3]]
    shapes = [material().for_config(config).step_shape for config in configs]
    found = [
        NetworkCost.of(config.spec, shape) for config, shape in zip(configs, shapes, strict=True)
    ]
    assert {one.architecture for one in found} == {"2dcnn"}
    assert len({one.operations for one in found}) == 3


@pytest.mark.parametrize(
    ("operations", "goes_on"),
    [([100.0] * 9, 1.0), ([100.0], 1.0), ([800.0, *[100.0] * 2], 2 / (4 / 3)),
     ([800.0, *[100.0] * 5], (1 + 2) / 2 / (7 / 6))],
)  # fmt: skip
def test_those_that_go_on_are_the_largest_third(monkeypatch, operations, goes_on):
    """Of eight times the operations, twice the seconds; of one size, as long as all."""
    monkeypatch.setattr(sizes, "GROWTH", 1 / 3)
    networks = [NetworkCost("2dcnn", one) for one in operations]
    found = average(PROBES[:1], [NetworkCost("2dcnn", 100.0)], networks)
    assert found.goes_on == pytest.approx(goes_on)
    plan = halving(found, 600.0, 20.0, "abc")
    assert plan.goes_on == found.goes_on
    begins_s, steps_s = plan.turns * plan.once_s, plan.steps * plan.step_s + plan.validation_s
    once = plan.trials // 13  # nine trials of two epochs, three of four more, one of twelve more
    epochs = once * (18 + goes_on * (12 + 12)) if plan.epochs == 18 else once * (9 + goes_on * 12)
    assert plan.seconds == pytest.approx(begins_s + epochs * steps_s)


def test_networks_none_of_which_was_timed_go_on_as_any():
    assert (
        average(PROBES, [NetworkCost("2dcnn", 100.0)] * 2, [NetworkCost("unet", 900.0)]).goes_on
        == 1.0
    )
