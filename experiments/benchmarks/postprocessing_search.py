"""The post-processing search on 60 squares: the thesis's grid and the default one, in one run.

    .venv/bin/python experiments/benchmarks/postprocessing_search.py --json FILE

A few minutes on 2 cores. The squares are synthetic: the structure of a phantom, blurred, with noise
that is correlated over some pixels, as scores of solid of a network trained on balanced classes. No
square is read from disk, and scoring them is not part of the time.

The seconds of both searches, and of those on a sample of the squares (a quarter of each), are
compared with

- the plain way: one combination and square after another by the definition, in one thread. Its
  surface and its best combination on a small grid must be the same; its total time is extrapolated
  from a sample of combinations and squares (``plain_seconds_extrapolated``);
- the floor: the time of a float32 matrix product with as many operations as the Gaussians of the
  second round (``floor_seconds``), at the rate measured here with all cores.

The search is compared with its definition, square by square.
"""

from __future__ import annotations

import time

import numpy as np
from _common import options, report, seconds
from scipy.ndimage import gaussian_filter

from fibsem.analysis import pooled
from fibsem.analysis.postprocessing import (
    BLOCK,
    PostProcessing,
    SampledParts,
    ScoredSquare,
    SearchGrid,
    search,
    search_by_sample,
)
from fibsem.config import PostProcessingConfig, compose, read

parser = options(__doc__.splitlines()[0])
parser.add_argument("--squares", type=int, default=60)
parser.add_argument("--side", type=int, default=256, help="pixels, without the margin")
parser.add_argument("--sample", type=int, default=600, help="combinations of the plain way")
args = parser.parse_args()

POROSITY = 0.32  # of the three films together
SMALL = SearchGrid((0.5, 2.0, 3.875), (0.3, 0.36, 0.3994, 0.41, 0.45), (1, 2), (0, 100, 200))


def grid_of(*overrides: str) -> SearchGrid:
    tree = compose("promote", list(overrides))["postprocessing"]
    return read(PostProcessingConfig, tree, "postprocessing").grid


def make_square(rng: np.random.Generator, margin: int) -> ScoredSquare:
    """Return a square with scores as after training on balanced classes, with equal priors."""
    extent = (args.side + 2 * margin,) * 2

    def noise(sigma_px: float) -> np.ndarray:
        field = gaussian_filter(rng.standard_normal(extent, np.float32), sigma_px)
        return field / field.std()

    structure = noise(6.0)
    solid = structure > np.quantile(structure, POROSITY)
    evidence = 6 * (gaussian_filter(solid.astype(np.float32), 1.5) - 0.5) + 2 * noise(1.5)
    scores = 1 / (1 + np.exp(-evidence + np.log((1 - POROSITY) / POROSITY)))
    inner = (slice(margin, margin + args.side),) * 2
    return ScoredSquare(scores.astype(np.float32), solid[inner].astype(np.uint8), inner)


def timed_search(squares, grid):
    started = time.perf_counter()
    best, surface = search(squares, grid)
    return time.perf_counter() - started, best, surface


def timed_by_sample(rng, squares, grid):
    """Search on a quarter of every square, and the last few combinations on all pixels."""
    half, parts = args.side // 2, []
    for square in squares:
        y, x = rng.integers(0, 2, 2) * half
        parts.append(square.part((slice(y, y + half), slice(x, x + half)), grid.margin))
    started = time.perf_counter()
    best, _ = search_by_sample(squares, SampledParts(parts, [4.0] * len(parts)), grid)
    return time.perf_counter() - started, best


def every_combination(grid):
    """Return all combinations of a grid, in the order of the surface."""
    return [
        PostProcessing(sigma, threshold, rounds, min_size)
        for rounds in grid.rounds
        for min_size in grid.min_sizes
        for sigma in grid.sigmas
        for threshold in grid.thresholds
    ]


def equals_plain(squares, grid):
    """Return whether surface and best equal those of trying all combinations by the definition."""
    _, best, surface = timed_search(squares, grid)
    tried = {how: pooled(s.confusion(how) for s in squares).miou for how in every_combination(grid)}
    first = max(tried, key=tried.get)
    return bool((surface.ravel() == list(tried.values())).all()) and best == first


def plain_seconds(squares, grid, rng):
    """Return the seconds of the plain way for everything, extrapolated from a random sample."""
    combinations = every_combination(grid)
    started = time.perf_counter()
    for _ in range(args.sample):
        how = combinations[rng.integers(len(combinations))]
        squares[rng.integers(len(squares))].confusion(how)
    each = (time.perf_counter() - started) / args.sample
    return each * len(combinations) * len(squares)


def floor_seconds(squares, grid):
    """Return the time of a matrix product with the operations of the Gaussians of round two."""
    pixels = sum(square.scores.size for square in squares) * len(grid.thresholds)
    reaches = [int(4 * sigma + 0.5) for sigma in grid.sigmas]
    operations = sum(4 * (BLOCK + 2 * reach) * pixels for reach in reaches)
    matrix = np.ones((4096, 4096), np.float32)
    rate = 2 * 4096**3 / seconds(lambda: matrix @ matrix, 3)
    return operations / rate


thesis, default = grid_of("experiment=thesis"), grid_of()
rng = np.random.default_rng(0)
squares = [make_square(rng, thesis.margin) for _ in range(args.squares)]
took, best, surface = timed_search(squares, thesis)
print(f"thesis's grid: {took:.1f} s", flush=True)
default_took, default_best, default_surface = timed_search(squares, default)
print(f"default grid: {default_took:.1f} s", flush=True)
sampled_took, sampled_best = timed_by_sample(rng, squares, thesis)
print(f"thesis's grid by a sample: {sampled_took:.1f} s", flush=True)
default_sampled_took, default_sampled_best = timed_by_sample(rng, squares, default)
print(f"default grid by a sample: {default_sampled_took:.1f} s", flush=True)
plain = plain_seconds(squares, thesis, rng)
floor = floor_seconds(squares, thesis)
report(
    {
        "combinations": thesis.combinations,
        "squares": len(squares),
        "square_px": args.side,
        "margin_px": thesis.margin,
        "seconds": took,
        "sampled_seconds": sampled_took,
        "sampled_equal": sampled_best == best,
        "best": best.to_json(),
        "best_miou": surface.max(),
        "default_combinations": default.combinations,
        "default_seconds": default_took,
        "default_sampled_seconds": default_sampled_took,
        "default_sampled_equal": default_sampled_best == default_best,
        "default_best": default_best.to_json(),
        "default_best_miou": default_surface.max(),
        "equals_plain": equals_plain(squares[:2], SMALL),
        "equals_plain_combinations": SMALL.combinations,
        "equals_plain_squares": 2,
        "plain_sample": args.sample,
        "plain_seconds_extrapolated": plain,
        "ratio_plain": plain / took,
        "floor_seconds": floor,
        "floor_ratio": took / floor,
    },
    args.json,
)
