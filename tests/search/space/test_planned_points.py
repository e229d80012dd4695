"""Points that are known beforehand are those of the space, slot by slot, each drawn once."""

from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.search.space.planned_points import PlannedPoints
from fibsem.search.space.space import Choice, Space
from tests.search import slot_worker

SPACE = slot_worker.space()


@given(st.sampled_from(["enumerated", "random"]), st.integers(0, 9), st.permutations(range(12)))
def test_a_slot_gets_its_own_point_in_whatever_order_slots_are_opened(sampler, seed, slots):
    points = PlannedPoints(SPACE, sampler, seed)
    drawn = list(islice(SPACE.plan(seed, enumerate_cells=sampler == "enumerated"), 12))
    assert [points.of_slot(slot) for slot in slots] == [drawn[slot] for slot in slots]


def test_a_grid_has_an_end():
    space = Space("few", {"model.blocks": Choice((1, 2, 3))}, (), 2, lambda values: True)
    points = PlannedPoints(space, "grid")
    found = [points.of_slot(slot) for slot in (3, 0, 1, 2, 7)]
    assert found[0] is found[4] is None
    assert sorted(one["model.blocks"] for one in found[1:4]) == [1, 2, 3]


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_what_learns_decides_later(sampler):
    assert PlannedPoints(SPACE, sampler).of_slot(5) == {}


def test_a_thousand_slots_take_a_thousand_draws():
    judged = []
    space = replace(SPACE, fits=lambda values: judged.append(values) or True)
    points = PlannedPoints(space, "random")
    for slot in range(1000):
        points.of_slot(slot)
    assert len(judged) < 1100
