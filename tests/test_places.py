"""Squares that show nearly the same pores are one place, whoever drew them."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem import places as places_module
from fibsem.analysis.over_places import share_interval
from fibsem.analysis.statistics import Examined, judge
from fibsem.data.phantom import PhantomRecipe
from fibsem.data.phantom.structure import Structure
from fibsem.places import ALIKE, HALF, NEAR, TWICE, Spot, by_place, means_by_place, places_of

SIDE = 64


def spot(z, y, x, height=SIDE, width=SIDE, sample="A"):
    return Spot(sample, (z, y, x), (height, width))


def share(one, other):
    """Share of the smaller one that lies in the other, pixel by pixel."""
    areas = []
    for square in (one, other):
        _, y, x = square.at
        height, width = square.size or (0, 0)
        areas.append({(j, i) for j in range(y, y + height) for i in range(x, x + width)})
    return len(areas[0] & areas[1]) / (min(map(len, areas)) or 1)


def first_of(squares, places):
    """By the sentences of the docstring: the first place that some squares of a corner are of."""
    one = max(squares, key=area)
    for corner, others in places.items():
        if corner[0] != one.sample:
            continue
        larger = max(others, key=area)
        common = share(one, larger)
        apart = min(abs(a.at[0] - b.at[0]) for a in squares for b in others)
        squares_both = one.is_square and larger.is_square
        alike = common >= ALIKE and (squares_both or area(larger) < TWICE * area(one))
        if alike or (common >= HALF and apart <= NEAR):
            return corner
    return None


def area(square):
    return np.prod(square.size)


def corner_of(one):
    """Squares that begin at one pixel are one; what is larger goes by where it ends."""
    _, y, x = one.at
    if max(one.size) <= places_module.SQUARE:
        return one.sample, y, x
    return one.sample, -1 - y - one.size[0], -1 - x - one.size[1]


@given(
    st.lists(
        st.builds(
            spot,
            st.integers(0, 12),
            st.integers(0, 12),
            st.integers(0, 12),
            st.integers(2, 8),
            st.integers(2, 8),
            st.sampled_from("AB"),
        ),
        max_size=9,
    )
)
def test_the_first_square_that_lies_above_or_below_says_the_place(spots):
    with patch.object(places_module, "SQUARE", 5):
        corners = {}
        for one in spots:
            corners.setdefault(corner_of(one), []).append(one)
        places, subfolder_of = {}, {}
        for corner, squares in sorted(corners.items(), key=lambda one: -max(map(area, one[1]))):
            subfolder_of[corner] = first_of(squares, places) or corner
            if subfolder_of[corner] == corner:
                places[corner] = squares
        assert places_of(spots) == [subfolder_of[corner_of(one)] for one in spots]


@given(st.permutations(range(11)))
def test_a_whole_slice_in_a_table_is_a_place_of_its_own_wherever_it_stands(order):
    """With its mask in the first line ten squares, hundred slices apart, had been one place."""
    whole = spot(0, 0, 0, 768, 1024)
    squares = [whole, *(spot(100 * k, 50 * (k - 1), 76 * (k - 1), 256, 256) for k in range(1, 11))]
    squares[4:] = (replace(one, at=(one.at[0], one.at[1], 700 - one.at[2])) for one in squares[4:])
    alone = len(set(places_of(squares[1:])))
    places = places_of([squares[k] for k in order])
    assert len(set(places)) == alone + 1
    near = places_of([squares[k] for k in order] + [spot(3, 500, 700)])
    assert near[-1] == places[order.index(0)]


@pytest.mark.parametrize(("side", "places"), [(260, 1), (400, 2), (512, 2)])
def test_squares_of_nearly_one_size_are_one_place_whatever_that_is(side, places):
    """One of 256 pixels, and a larger one around it in slices far away."""
    large, small = spot(0, 0, 0, side, side), spot(90, 0, 0, 256, 256)
    for both in ([large, small], [small, large]):
        assert len(set(places_of(both))) == places
    whole = spot(40, 0, 0, 1100, 1600)  # in the corner of which both lie
    assert len(set(places_of([whole, large, small]))) == places + 1


def test_squares_at_random_do_not_hang_together():
    """Sixty over a film would be one place if what was added to a place could add others."""
    rng = np.random.default_rng(0)
    corners = np.column_stack([rng.integers(0, 12, 60), rng.integers(0, 768, (60, 2))])
    spots = [Spot("A", tuple(map(int, at)), (256, 256)) for at in corners]
    assert 25 < len(set(places_of(spots))) < 60


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (spot(9, 0, 0), True), (spot(1, 1, 1), True), (spot(40, 3, 3), True),
        (spot(40, 0, 0, 80, 90), True), (spot(40, 10, 10, 20, 20), True),
        (spot(2, 30, 0), True), (spot(9, 30, 0), False), (spot(2, 40, 0), False),
        (spot(0, 64, 0), False), (spot(1, 60, 60), False), (spot(0, 0, 0, sample="B"), False),
    ],
)  # fmt: skip
def test_squares_of_one_place(other, same):
    assert (len(by_place([(spot(0, 0, 0), 1), (other, 2)])) == 1) == same


def test_of_earlier_records_a_place_is_what_begins_at_one_pixel():
    old = [Spot("A", (z, y, 8)) for z, y in ((0, 8), (5, 8), (0, 9))]
    assert means_by_place(zip(old, (1.0, 2.0, 4.0), strict=True)) == [1.5, 4.0]


@pytest.fixture(scope="module")
def porous_films():
    """Four films of pores, (z, y, x) bool."""
    recipe = PhantomRecipe(
        shape=(8, 320, 320), voxel_nm=(10, 10, 10), feature_nm=120, subplanes=1, squares=3,
        square_px=16, seed=3,
    )  # fmt: skip
    structures = [Structure(recipe, name, 0.3, recipe.shape[1:]) for name in map(str, range(4))]
    return [np.stack([one.pore(z)[:320, :320] for z in range(8)]) for one in structures]


@pytest.mark.slow
@pytest.mark.parametrize("aside", [0, 1, 3])
def test_an_interval_holds_however_exactly_squares_are_drawn_above_each_other(porous_films, aside):
    """Of squares drawn a pixel aside in consecutive slices 95 % held in 69 % of the draws."""
    rng, holds = np.random.default_rng(aside), []
    for film in porous_films:
        porosity = film.mean()
        for _ in range(60):
            corners = rng.integers(4, 320 - SIDE - 4, (5, 2))
            moved = corners[:, None] + rng.integers(-aside, aside + 1, (5, 4, 2))
            squares = [(spot(z, *at), at, z) for some in moved for z, at in enumerate(some, 2)]
            counted = by_place(
                (one, film[z, y : y + SIDE, x : x + SIDE].mean()) for one, (y, x), z in squares
            )
            shares = [float(np.mean(some)) for some in counted.values()]
            if len(shares) > 2:  # some fall on each other
                low, high = share_interval(shares, [1.0] * len(shares))
                holds.append(low <= porosity <= high)
    assert len(holds) > 200
    assert np.mean(holds) > 0.9


@pytest.mark.slow
def test_the_gate_refuses_an_equal_model_as_seldom_as_its_level_says():
    """Each of 32 squares by itself, an equal challenger was refused several times as often."""
    rng, refused, apart, draws = np.random.default_rng(0), 0, 0, 600
    for _ in range(draws):
        corners = rng.permutation(64)[:8]
        moved = rng.integers(-1, 2, (8, 4, 2))
        spots = [
            spot(z, 8 + 80 * (corner // 8) + y, 8 + 80 * (corner % 8) + x)
            for corner, shifts in zip(corners, moved.tolist(), strict=True)
            for z, (y, x) in enumerate(shifts)
        ]
        of_place = np.repeat(rng.normal(0, 0.01, 8), 4) + rng.normal(0, 0.004, 32)
        champion = Examined((0.8,) * 32, 0.01, tuple(places_of(spots)))
        challenger = Examined(tuple(0.8 + of_place), 0.01, champion.places)
        refused += not judge(challenger, champion).passed
        alone = replace(challenger, places=None), replace(champion, places=None)
        apart += not judge(*alone).passed
    assert refused / draws < 0.075
    assert apart > 3 * refused
