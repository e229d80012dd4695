"""Rows of a ranking: their noise, and what cannot be told apart from the first."""

import math
from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis import tables
from fibsem.data.dataset.samples import Region
from fibsem.geometry import Box
from fibsem.promotion.ranking import MIOU, Ranked, placed
from fibsem.promotion.repetition import Repetition
from fibsem.promotion.trials import Trial


def made_up(name, mious, squares, pixels="all"):
    trial = Trial(name, name, "0", 0.5, 100.0, "s", "p", "c", {})
    runs = tuple(
        Repetition(
            seed=k, val={"miou": miou}, train_seconds=1.0,
            squares={f"q{q}": value for q, value in enumerate(squares)}, pixels=pixels,
        )
        for k, miou in enumerate(mious)
    )  # fmt: skip
    return Ranked(trial, runs)


def test_rows_show_noise_and_what_is_tied():
    squares = np.linspace(0.6, 0.8, 10)
    first = made_up("a", [0.80, 0.82], squares)
    close = made_up("b", [0.79, 0.81], squares + 0.01 * np.resize([1, -1], 10))
    worse = made_up("c", [0.70, 0.71], squares - 0.1)
    rows = placed([first, close, worse])
    assert [row.rank for row in rows] == [1, 2, 3]
    assert rows[0].again.val_miou == pytest.approx(0.81)
    assert rows[0].again.val_miou_sd == pytest.approx(0.02 / math.sqrt(2))
    assert rows[0].against_first is None
    assert [row.against_first.tied for row in rows[1:]] == [True, False]
    assert rows[2].against_first.difference == pytest.approx(-0.1)
    few = made_up("c", [0.7], squares[:5] - 0.1)
    assert placed([made_up("a", [0.8], squares[:5]), few])[1].against_first.tied


def test_slices_of_one_place_do_not_tell_trials_apart():
    """Ten squares decide where they are apart, and not above each other in five places."""
    squares = np.linspace(0.6, 0.8, 10)
    first, worse = made_up("a", [0.8], squares), made_up("c", [0.7], squares - 0.1)

    def against(places):
        boxes = [Box((q, 0, 9 * (q % places)), (q + 1, 9, 9 * (q % places + 1))) for q in range(10)]
        regions = [Region("s", f"q{q}", box, "val", None) for q, box in enumerate(boxes)]
        found = placed([renamed(first), renamed(worse)], regions)[1].against_first
        assert found.difference == pytest.approx(-0.1)
        return found.places, found.tied

    assert against(10) == (10, False)
    assert against(5) == (5, True)


def renamed(ranked):
    """Its squares, as those of the sample s."""
    runs = [
        replace(run, squares={f"s {key}": miou for key, miou in run.squares.items()})
        for run in ranked.repetitions
    ]
    return replace(ranked, repetitions=tuple(runs))


def test_what_was_scored_on_other_pixels_is_not_compared():
    squares = np.linspace(0.6, 0.8, 10)
    by_patch, dense = made_up("a", [0.8], squares, "balanced, 5 %"), made_up("b", [0.7], squares)
    for order in ([by_patch, dense], [dense, by_patch]):
        rows = placed(order)
        assert rows[1].against_first is None
        assert tables.ranking(rows)["tied"][1] == "not tested: scored on other pixels"
    same = [by_patch, made_up("c", [0.7], squares, "balanced, 5 %")]
    assert placed(same)[1].against_first.tied


def test_one_seed_has_no_spread_and_is_told_without():
    """It was told as "± nan over 1 seeds"."""
    assert made_up("a", [0.8], [0.8]).sentence(MIOU).endswith("val/miou 0.8000 with one seed")
    two = made_up("a", [0.8, 0.82], [0.8]).sentence(MIOU)
    assert two.endswith("val/miou 0.8100 ± 0.0141 (s.d.) over 2 seeds")
