"""Scores on the test squares, made once, and what the gate makes of it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fibsem.analysis.estimates import Estimate
from fibsem.analysis.metrics import Confusion
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import GateConfig
from fibsem.inference.model.segmenter import Member, Scorer, Segmenter
from fibsem.promotion.calibrating import labelled_pixels
from fibsem.promotion.examination import balanced_figures
from fibsem.promotion.figures import Scores, _ensemble
from fibsem.promotion.gate import verdict
from fibsem.promotion.testing import OnTestSquares, examine_on_test
from fibsem.system.summaries.promotion import Ensemble
from fibsem.tracking.audit import Audit
from fibsem.tracking.bundle import Bundle
from fibsem.training.scoring.scoring import scored_squares
from fibsem.training.scoring.squares import CHOSEN, SquareCounts, labelled_figures

FILM = SimpleNamespace(name="film", hash="d1")
ROLES = "challenger", "champion"
ITS = {"dataset": "film", "data": "d1"}


def rows(correct, count=8, apart=True):
    """Test squares of 100 pixels, so many of them right; each in its own place or all in one."""
    wrong = 50 - correct // 2
    right = 50 - wrong
    counts = Confusion(((right, wrong), (wrong, right)))
    return [
        SquareCounts("test", "A", "q", (10 * k, 100 * k if apart else 0, 0), None, counts, counts)
        for k in range(count)
    ]


def judged(challenger, champion=None, its=ITS, **how):
    found = {"challenger": challenger, **({"champion": champion} if champion else {})}
    made_with = its if champion or its is not ITS else None
    look = OnTestSquares(found, {}, {}, None, made_with)
    ours, theirs = (look.examined(name) if name in found else None for name in ROLES)
    return verdict(ours, theirs, made_with, FILM, GateConfig(**how))


def test_the_first_one_passes():
    gate = judged(rows(80))
    assert gate.passed
    assert gate.reason == "there is no champion yet"
    assert gate.porosity_error == 0


def test_worse_is_refused_and_better_passes():
    assert not judged(rows(70), rows(80)).passed
    assert judged(rows(80), rows(70)).passed


def test_a_square_without_a_labelled_pixel_decides_nothing():
    empty = Confusion(((0, 0), (0, 0)))
    nothing = SquareCounts("test", "A", "none", (0, 0, 900), None, empty, empty)
    gate = judged([*rows(70), nothing], [*rows(80), nothing])
    assert not gate.passed
    assert gate == judged(rows(70), rows(80))


@pytest.mark.parametrize(("points", "passed"), [(2.9, False), (3.1, True)])
def test_a_porosity_error_may_grow_by_points(points, passed):
    """Of 100 pixels of a square, 50 are pore; three of the solid ones are found to be pore."""
    champion, biased = rows(80), Confusion(((43, 7), (10, 40)))
    challenger = [replace(row, chosen=biased) for row in rows(80)]
    gate = judged(challenger, champion, porosity_points=points)
    assert gate.passed is passed
    assert gate.porosity_error - gate.champion_porosity_error == pytest.approx(0.03)


def test_a_champion_of_other_data_is_not_compared():
    gate = judged(rows(80), its={"dataset": "another", "data": "d9"})
    assert not gate.passed
    assert "made for dataset another and cannot be compared" in gate.reason


def test_other_labels_and_neighbouring_slices_are_said():
    plain = judged(rows(80), rows(70)).reason
    assert "other labels" not in plain
    assert "independent" not in plain
    relabelled = judged(rows(80), rows(70), its={"dataset": "film", "data": "d2"})
    assert relabelled.passed
    assert "made with other labels or another split" in relabelled.reason
    stacked = judged(rows(80, apart=False), rows(70, apart=False))
    assert "in one place of neighbouring slices" in stacked.reason


def test_a_mixture_is_scored_on_all_pixels_of_the_pieces(material, trained):
    """Networks of strides 1 and 2, which a training is scored on different pixels for."""
    here = material()
    members = [trained(11, filters=4, blocks=1), trained(11, name="unet", filters=4, blocks=1)]
    how = PostProcessing()
    both = Segmenter(tuple(Member(*one) for one in members), here.config.preprocess, how, "")
    parts = [labelled_pixels(s) for _, s in scored_squares(here, Scorer(both), "val")]
    labels, scores = (np.concatenate(some) for some in zip(*parts, strict=True))
    right = Estimate(labels, scores, None, np.zeros(labels.size, np.int64), (1, 1))
    weighed = replace(right, weight=np.ones(labels.size))
    found = balanced_figures(both, here, "val")
    assert found["miou"] == pytest.approx(weighed.balanced["miou"], abs=1e-6)
    assert found["loss"] == pytest.approx(weighed.balanced["loss"], abs=1e-6)


@pytest.mark.parametrize("margin", [0, 12])
def test_challenger_and_champion_see_as_much_around_a_square(material, trained, margin):
    """The same network with the same post-processing is as good, whoever asks for the margin."""
    spec, model = trained(11, filters=4)
    here = material()
    config = here.config
    how = PostProcessing(1.0, 0.5, 1, 60)
    one = Segmenter.of(spec, model, config.preprocess, how)
    champion = Bundle(one, here.dataset.voxel_nm, Audit(dataset=here.dataset.name))
    found = examine_on_test({"challenger": one}, here, margin, champion).rows
    assert len(found["champion"]) == len(here.dataset.regions("test"))
    for ours, theirs in zip(found["challenger"], found["champion"], strict=True):
        assert ours == theirs


def test_a_champion_of_a_dataset_that_was_renamed_is_compared(material, trained):
    here = material()
    one = Segmenter.of(*trained(11, filters=4), here.config.preprocess, PostProcessing())

    def is_compared(data):
        audit = Audit(dataset="its former name", data=data)
        champion = Bundle(one, here.dataset.voxel_nm, audit)
        return "champion" in examine_on_test({"challenger": one}, here, 0, champion).rows

    assert is_compared(here.dataset.hash)
    assert not is_compared("of another film")


def test_an_ensemble_stands_beside_its_first_member_alone():
    miou = labelled_figures(rows(70), "test", CHOSEN)["miou"]
    gain = _ensemble(3, 0.9, miou, 0.02, {"challenger": 30.0, "single": 10.0})
    assert gain == Ensemble(
        members=3, single_test_miou=miou, gain_test_miou=0.9 - miou,
        single_test_calibration_error=0.02, cost_ratio=3.0,
    )  # fmt: skip


def test_scores_of_an_earlier_version_count_validation_squares_once():
    """They were stored here as well as with the choice of the post-processing."""
    (test,) = rows(80, count=1)
    squares = tuple(replace(test, split=split) for split in ("train", "val"))
    stored = Scores(squares, {"miou": 0.8}, {"challenger": 9.0}).to_json()
    assert Scores.from_json(stored).train == squares[:1]


def test_single_pixels_in_squares_without_pores_do_not_decide():
    """A model that finds more pores, and one false pixel in each square without any, is better."""
    empty = [Confusion(((0, 0), (false, 65536 - false))) for false in (0, 1)]
    missed = [Confusion(((3000 - miss, miss), (0, 62536))) for miss in (600, 150)]
    champion, challenger = (
        [
            SquareCounts("test", "A", "q", (0, 300 * k, 0), None, one, one)
            for k in range(10)
            for one in [empty[who] if k < 7 else missed[who]]
        ]
        for who in (0, 1)
    )
    assert judged(challenger, champion).passed


@pytest.mark.parametrize(("alpha", "passed"), [(0.05, False), (0.01, True)])
def test_the_level_of_the_test_is_that_of_the_configuration(alpha, passed):
    """Worse by 66 pixels over twelve squares: p = 87 / 4096, of all signs of the differences."""
    off = (-2, 2, -4, 4, -6, -8, 8, -10, -12, -14, -16, -20)
    challenger = [
        replace(row, chosen=rows(80 + by, 1)[0].chosen)
        for row, by in zip(rows(80, 12), off, strict=True)
    ]
    assert judged(challenger, rows(80, 12), alpha=alpha).passed is passed
