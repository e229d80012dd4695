"""Labelled squares with their confusion matrices, and the figures that are pooled from them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from fibsem.analysis.calibration import Platt
from fibsem.analysis.metrics import Confusion, cross_entropy
from fibsem.analysis.postprocessing import PostProcessing, ScoredSquare
from fibsem.analysis.structure.parts import PartErrors
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.geometry import Box
from fibsem.training.scoring.squares import (
    CHOSEN,
    HALF,
    TRUTH,
    SquareCounts,
    labelled_figures,
    square_counts,
)

HIGH = PostProcessing(threshold=0.8)


def square(seed, split="val", sample="A", size=20):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (size, size)).astype(np.uint8)
    labels[0] = IGNORE
    scores = rng.random((size, size)).astype(np.float32)
    x = 60 * seed
    box = Box((seed, 4, x), (seed + 1, 4 + size, x + size))
    inner = (slice(0, size), slice(0, size))
    return Region(sample, f"q{seed}", box, split, labels.copy), ScoredSquare(scores, labels, inner)


def test_a_row_says_where_a_square_is_and_what_was_found_there():
    region, scored = square(3)
    truth = (scored.scores > 0.6).astype(np.uint8)
    counts = square_counts(replace(region, read_truth=lambda: truth), scored, HIGH)
    row = counts.to_json()
    assert SquareCounts.from_json(row) == counts
    place = {"split": "val", "sample": "A", "region": "q3", "at": [3, 4, 180]}
    assert {key: row[key] for key in place} == place
    known = scored.labels != IGNORE
    assert row["loss"] == cross_entropy(scored.labels[known], scored.scores[known])
    for kind, labels, threshold in (
        (HALF, scored.labels, 0.5), (CHOSEN, scored.labels, 0.8), (TRUTH, truth, 0.8),
    ):  # fmt: skip
        counted = Confusion.at_threshold(labels, scored.scores, threshold)
        assert row[kind] == [list(line) for line in counted.counts]
    assert TRUTH not in square_counts(region, scored, HIGH).to_json()


def test_parts_are_off_by_labelled_less_expected_porosity():
    """Of 40 x 40 pixels four parts of 16 x 16 are whole, and one of them is not all labelled."""
    region, scored = square(3, size=40)
    scored.labels[:] = 1
    scored.labels[:16, :16] = 0  # pores where half was expected
    scored.labels[20, 20] = IGNORE
    scored.scores[:] = 0.5
    assert square_counts(region, scored, HIGH).parts is None
    counts = square_counts(region, scored, HIGH, Platt())
    assert counts.parts == PartErrors(3, 0.5 - 0.5 - 0.5, 3 * 0.25)
    assert counts.parts.sd == pytest.approx(np.std([0.5, -0.5, -0.5]))
    assert SquareCounts.from_json(counts.to_json()) == counts
    # the probabilities are the calibrated ones: solid three times as likely
    odds = square_counts(region, scored, HIGH, Platt(offset=np.log(3))).parts
    assert odds.total == pytest.approx(0.75 - 0.25 - 0.25, abs=1e-6)


def test_figures_are_pooled_over_the_squares_of_a_split_and_of_a_sample():
    """Pixels count, not squares: one of them is larger; the loss is that of the scores."""
    squares = [square(1), square(2, size=50), square(3, sample="B"), square(4, split="test")]
    blank = square(5)
    blank[1].labels[:] = IGNORE
    rows = [square_counts(*one, HIGH) for one in (*squares, blank)]
    assert rows[-1].loss is None
    for sample, chosen in ((None, squares[:3]), ("A", squares[:2]), ("B", squares[2:3])):
        labels = np.concatenate([s.labels.ravel() for _, s in chosen])
        scores = np.concatenate([s.scores.ravel() for _, s in chosen])
        known = labels != IGNORE
        found = labelled_figures(rows, "val", CHOSEN, sample)
        right = Confusion.at_threshold(labels, scores, 0.8).record()
        assert {key: found[key] for key in right} == pytest.approx(right)
        assert found["loss"] == pytest.approx(cross_entropy(labels[known], scores[known]))
    low, mid, high = (labelled_figures(rows, "val", HALF)[f"porosity{k}"]
                      for k in ("_low", "", "_high"))  # fmt: skip
    assert logit(low) + logit(high) == pytest.approx(2 * logit(mid))
    assert low < high


def test_slices_of_one_place_do_not_narrow_the_interval_of_porosity():
    """Forty slices of four tiles that are alike along z know what one slice knows."""
    tiles = [square_counts(*square(seed), HIGH) for seed in range(4)]
    dense = [replace(one, at=(z, *one.at[1:])) for z in range(40) for one in tiles]
    found, once = (labelled_figures(some, "val", CHOSEN) for some in (dense, tiles))
    assert found == pytest.approx(once)
    assert found["porosity_high"] - found["porosity_low"] > 0.01
