"""The fastest side of a tile: each is timed as long, and again only where one seems faster."""

from collections import Counter
from itertools import cycle

import pytest

from fibsem.inference.tiling import tuning

#: Times that each side is timed in a round.
IN_A_ROUND = {256: 9, 384: 4, 512: 3, 768: 1, 1024: 1, 1536: 1}


@pytest.fixture
def rates(monkeypatch, tmp_path):
    """Rates of tiles by side, one after the other; and a count of those that were timed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tuning, "_key", lambda scorer: "this machine")
    of_side, timed = {side: cycle([4.0]) for side in tuning.SIDES}, Counter()

    def rate(scorer, side, repeats):
        timed[side] += 1
        return next(of_side[side])

    monkeypatch.setattr(tuning, "pixels_per_second", rate)
    return of_side, timed


def test_where_none_is_faster_one_round_tells_it(rates):
    """Small tiles are timed for as many pixels as large ones, about."""
    _, timed = rates
    assert tuning.fastest_side(None, 1536) == 1536
    assert timed == IN_A_ROUND
    assert tuning.fastest_side(None, 1536) == 1536
    assert timed.total() == sum(IN_A_ROUND.values())


def test_a_side_that_is_clearly_faster_is_timed_again_and_taken(rates):
    of_side, timed = rates
    of_side[512] = cycle([5.0])
    assert tuning.fastest_side(None, 1536) == 512
    assert timed == {side: tuning.ROUNDS * count for side, count in IN_A_ROUND.items()}


def test_a_tile_between_two_turns_of_other_work_decides_nothing(rates):
    """One of nine small tiles meets none of it: alone it would be twice as fast as the largest."""
    of_side, timed = rates
    of_side[256] = cycle([8.0, *[4.0] * 8])
    assert tuning.fastest_side(None, 1536) == 1536
    assert timed == IN_A_ROUND


def test_sides_that_do_not_fit_in_memory_are_left_out(rates, monkeypatch):
    def rate(scorer, side, repeats):
        if side > 512:
            raise MemoryError
        return 4.0

    monkeypatch.setattr(tuning, "pixels_per_second", rate)
    assert tuning.fastest_side(None, 1536) == 512
