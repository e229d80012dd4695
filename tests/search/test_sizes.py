"""What trials take on average, from a few networks that are timed and the operations of many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.config import Configuration, compose
from fibsem.search import sizes
from fibsem.search.budget import COUNTED, first, halving
from fibsem.search.declared import read_space
from fibsem.search.sizes import GROWTH, Sized, average, mean
from fibsem.training.probing import Probe

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
        [Sized("2dcnn", one) for one in timed],
        [Sized("2dcnn", one) for one in networks],
    )
    wanted = mean([seconds(one) for one in networks])
    assert (found.step_s, found.validation_s) == pytest.approx((wanted.step_s, wanted.validation_s))
    assert found.once_s == 5.0


def test_every_architecture_is_like_those_of_its_own_that_were_timed():
    """One in three is a U-Net, as small as the one that was timed; of a third nothing is known."""
    timed = [Sized("2dcnn", 100.0), Sized("unet", 900.0)]
    networks = [timed[0], timed[0], timed[1], Sized("3dcnn", 1e9)]
    assert average(PROBES, timed, networks).step_s == pytest.approx((0.1 + 0.1 + 0.3) / 3)
    assert average(PROBES, timed, networks[3:]) == mean(PROBES)


def test_networks_that_are_counted_are_those_that_a_sweep_begins_with(small):
    """Of other sizes than each other, in its order."""
    configuration = Configuration(compose("sweep", [*small[:2], "space=2d", "nbhd=33x33x3"]))
    space = read_space(configuration.tree)
    points = first(space, 0, "enumerated")
    assert len(points) == COUNTED
    found = [Sized.of(configuration.with_values(point).run.spec) for point in points[:3]]
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
    networks = [Sized("2dcnn", one) for one in operations]
    found = average(PROBES[:1], [Sized("2dcnn", 100.0)], networks)
    assert found.goes_on == pytest.approx(goes_on)
    plan = halving(found, 600.0, 20.0, "abc")
    assert plan.goes_on == found.goes_on
    begins_s, steps_s = plan.turns * plan.once_s, plan.steps * plan.step_s + plan.validation_s
    once = plan.trials // 13  # nine trials of two epochs, three of four more, one of twelve more
    epochs = once * (18 + goes_on * (12 + 12)) if plan.epochs == 18 else once * (9 + goes_on * 12)
    assert plan.seconds == pytest.approx(begins_s + epochs * steps_s)


def test_networks_none_of_which_was_timed_go_on_as_any():
    assert average(PROBES, [Sized("2dcnn", 100.0)] * 2, [Sized("unet", 900.0)]).goes_on == 1.0
