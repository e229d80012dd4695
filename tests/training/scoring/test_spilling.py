"""Scores that lie in a file."""

import weakref
from pathlib import Path

import numpy as np
import pytest

from fibsem.analysis.postprocessing import ScoredSquare
from fibsem.data.dataset.samples import Region
from fibsem.geometry import Box
from fibsem.training.scoring.spilling import spilled


def scored(k, height=30, width=40):
    rng = np.random.default_rng(k)
    scores = rng.random((height, width)).astype(np.float32)
    labels = np.zeros((height - 2, width - 2), np.uint8)
    region = Region("a", str(k), Box((k, 0, 0), (1, 8, 8)), "val", lambda: labels)
    return region, ScoredSquare(scores, labels, (slice(1, -1),) * 2)


def open_files():
    return len([*Path("/proc/self/fd").iterdir()])


def test_squares_come_back_as_they_were_and_leave_nothing(tmp_path):
    before = open_files()
    expected = [scored(k, 30 + k, 20 + 3 * k) for k in range(20)]
    found = spilled(iter(expected), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert open_files() <= before + 1  # one map of all: many films have more squares than that
    for (region, square), (as_it_was, exact) in zip(found, expected, strict=True):
        assert region is as_it_was
        np.testing.assert_array_equal(square.scores, exact.scores)
        assert square.labels is exact.labels
        assert square.inner == exact.inner
    with pytest.raises(ValueError, match="read-only"):
        found[0][1].scores[0, 0] = 1
    del found, square
    assert open_files() == before


def test_none_are_none(tmp_path):
    assert spilled([], tmp_path) == []


def test_one_is_held_at_a_time(tmp_path):
    alive = []

    def squares():
        for k in range(3):
            assert not any(ref() is not None for ref in alive[:-1])
            one = scored(k)
            alive.append(weakref.ref(one[1].scores))
            yield one
            del one

    assert len(spilled(squares(), tmp_path)) == 3
