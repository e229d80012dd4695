"""The search against the plain way: every combination on every square by the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from fibsem.analysis.metrics import pooled
from fibsem.analysis.postprocessing import (
    PostProcessing,
    ScoredSquare,
    SearchGrid,
    grid_search,
    search,
)
from fibsem.analysis.postprocessing.grid_search import held_bytes


def exhaustive(squares, grid):
    """MIoU of every combination, and the first of the best."""
    surface = np.empty(
        (len(grid.rounds), len(grid.min_sizes), len(grid.sigmas), len(grid.thresholds))
    )
    best, most = PostProcessing(), -1.0
    for r, rounds in enumerate(grid.rounds):
        for m, min_size in enumerate(grid.min_sizes):
            for s, sigma in enumerate(grid.sigmas):
                for t, threshold in enumerate(grid.thresholds):
                    how = PostProcessing(sigma, threshold, rounds, min_size)
                    miou = pooled(square.confusion(how) for square in squares).miou
                    surface[r, m, s, t] = miou
                    if miou > most:
                        best, most = how, miou
    return best, surface


def make_square(rng, size, margin):
    """A square of structure under noise, some of its pixels without a label."""
    extent = [n + 2 * margin for n in size]
    truth = gaussian_filter(rng.normal(size=extent), 3) > -0.05
    scores = (0.35 + 0.3 * truth + rng.normal(0, 0.2, truth.shape)).clip(0, 1)
    inner = tuple(slice(margin, margin + n) for n in size)
    labels = truth[inner].astype(np.uint8)
    labels[rng.random(labels.shape) < 0.1] = 255
    return ScoredSquare(scores.astype(np.float32), labels, inner)


def assert_equal_to_trying_everything(squares, grid):
    best, surface = search(squares, grid)
    expected, tried = exhaustive(squares, grid)
    np.testing.assert_array_equal(surface, tried)
    assert best == expected


def test_a_grid_like_that_of_the_thesis():
    rng = np.random.default_rng(2)
    squares = [make_square(rng, size, 20) for size in ((60, 60), (60, 60), (40, 70))]
    grid = SearchGrid((0.5, 1.3, 2.5), tuple(np.linspace(0.4, 0.6, 9)), (1, 2), (0, 30, 80))
    assert_equal_to_trying_everything(squares, grid)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=3),
    margin=st.integers(0, 6),
    sigmas=st.lists(st.sampled_from([0.0, 0.4, 1.0, 2.2]), min_size=1, max_size=2),
    thresholds=st.lists(st.floats(0, 1), min_size=1, max_size=4),
    rounds=st.sampled_from([(1,), (2,), (1, 2), (2, 1)]),
    min_sizes=st.lists(st.integers(0, 40), min_size=1, max_size=3),
)
def test_any_grid(seed, sizes, margin, sigmas, thresholds, rounds, min_sizes):
    """Also with thresholds in any order or twice, and margins too narrow for the Gaussian."""
    rng = np.random.default_rng(seed)
    squares = [make_square(rng, size, margin) for size in sizes]
    grid = SearchGrid(tuple(sigmas), tuple(thresholds), rounds, tuple(min_sizes))
    assert_equal_to_trying_everything(squares, grid)


def of_noise(side, sigma):
    """A square of noise that is as rough as the smoothing says."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(side, side)), sigma)
    scores = ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)
    return ScoredSquare(scores, (scores > 0.5).astype(np.uint8), np.s_[0:side, 0:side])


@pytest.mark.parametrize(("sigma", "measured"), [(0, 1862), (1, 533), (3, 122)])
def test_what_a_thread_holds_grows_with_the_roughness_of_the_scores(sigma, measured):
    """Bytes a pixel, as measured from outside."""
    grid = SearchGrid((0.0,), tuple(np.linspace(0.05, 0.95, 90)), (1,), (0, 100, 200))
    told = held_bytes(of_noise(1000, sigma), grid) / 1000**2
    assert measured < told < 1.5 * measured


def test_so_many_threads_try_large_squares_as_fit_in_memory(monkeypatch):
    """A whole slice for every core would be tens of gigabytes; what is found is the same."""
    square, grid = of_noise(300, 1), SearchGrid((1.0, 2.0), (0.4, 0.5, 0.6))
    threads, pool = [], grid_search.ThreadPoolExecutor
    monkeypatch.setattr(grid_search.os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr(
        grid_search, "ThreadPoolExecutor", lambda count: threads.append(count) or pool(count)
    )
    found = []
    for fit in (0.5, 3.2, 500):
        gib = 2 * fit * held_bytes(square, grid) / 2**30
        monkeypatch.setattr(grid_search, "machine_gib", lambda gib=gib: gib)
        found.append(search([square], grid)[1])
    assert threads == [1, 3, 16]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
    search([], grid)


def test_the_first_of_equals_is_taken():
    """On scores that nothing changes, every combination is as good."""
    labels = np.ones((8, 8), np.uint8)
    square = ScoredSquare(np.ones((8, 8), np.float32), labels, np.s_[:, :])
    grid = SearchGrid((2.0, 1.0), (0.4, 0.3), (2, 1), (50, 0))
    assert search([square], grid)[0] == PostProcessing(2.0, 0.4, 2, 50)


def test_squares_without_labels_choose_nothing():
    square = ScoredSquare(np.ones((8, 8), np.float32), np.full((8, 8), 255), np.s_[:, :])
    best, surface = search([square], SearchGrid((1.0,), (0.3, 0.4)))
    assert best == PostProcessing()
    assert np.isnan(surface).all()


def test_progress_ends_with_everything_done():
    rng = np.random.default_rng(3)
    squares = [make_square(rng, (8, 8), 4) for _ in range(3)]
    told = []
    search(squares, SearchGrid((0.0, 1.0), (0.5,)), lambda *step: told.append(step))
    assert told[0] == ("sigma 0 px", 1, 6)
    assert told[-1] == ("sigma 1 px", 6, 6)


def test_combinations_and_margin_of_the_thesis():
    sigmas = tuple(np.linspace(0.5, 5, 25))
    grid = SearchGrid(sigmas, tuple(np.linspace(0.3, 0.45, 90)), (1, 2), (0, 100, 200))
    assert (grid.combinations, grid.margin) == (13_500, 40)


@pytest.mark.slow
def test_squares_of_the_size_of_the_thesis():
    rng = np.random.default_rng(4)
    squares = [make_square(rng, (256, 256), 40) for _ in range(2)]
    sigmas, thresholds = (0.5, 2.0, 3.875), tuple(np.linspace(0.3, 0.7, 15))
    grid = SearchGrid(sigmas, thresholds, (1, 2), (0, 100, 200))
    assert_equal_to_trying_everything(squares, grid)
