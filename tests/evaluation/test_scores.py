"""On what the threshold of a model is chosen that is scored patch by patch."""

import math
from types import SimpleNamespace

import pytest

from fibsem.evaluation.scores import searched_squares
from fibsem.geometry import Box


@pytest.mark.parametrize(
    ("limit", "slices"),
    [(math.inf, [*range(9)]), (900, [*range(9)]), (350, [0, 4, 8]), (299, [0, 8]), (50, [0])],
)
def test_squares_within_a_limit_are_spread_over_all_of_validation(limit, slices):
    """The first ones are of the first slices of the first film, which may hold one class alone."""
    regions = [SimpleNamespace(box=Box((z, 0, 0), (z + 1, 10, 10))) for z in range(9)]
    material = SimpleNamespace(dataset=SimpleNamespace(regions=lambda split: regions))
    assert [one.box.start[0] for one in searched_squares(material, limit)] == slices
