"""What is tried on a volume before a long run."""

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import CorrectedVolume, Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume
from fibsem.errors import UserError
from fibsem.inference import checks
from fibsem.inference.checks import certify, share_changed
from fibsem.inference.predict import compiled
from fibsem.inference.segmenter import Scorer, Segmenter


@pytest.fixture(scope="module")
def corrected():
    rng = np.random.default_rng(3)
    volume = ArrayVolume(rng.integers(0, 65535, (4, 90, 100)).astype(np.uint16))
    return CorrectedVolume(volume, fit_correction(volume, Recipe()))


def segmenter(trained, name, **how):
    spec, model = trained(33, 3, name, **how)
    return Segmenter.of(spec, model, Recipe(), PostProcessing())


@pytest.mark.parametrize(("name", "against"), [("2dcnn", "patches"), ("unet", "whole")])
def test_two_ways_agree(trained, corrected, name, against):
    certificate = certify(corrected, segmenter(trained, name))
    assert certificate.against == against
    assert certificate.pixels >= 200
    assert 0 <= certificate.largest_difference < 1e-5


def test_every_member_of_an_ensemble_is_certified(trained, corrected):
    one, other = (segmenter(trained, name) for name in ("2dcnn", "mv2dcnn"))
    alone = certify(corrected, one)
    both = certify(corrected, Segmenter.ensemble([one, other]))
    assert both.pixels == 2 * alone.pixels
    assert both.largest_difference >= alone.largest_difference


def test_a_difference_beyond_rounding_stops(trained, corrected, monkeypatch):
    monkeypatch.setattr(checks, "TOLERANCE", -1.0)
    with pytest.raises(UserError, match=r"must agree within .*certificate=false"):
        certify(corrected, segmenter(trained, "2dcnn"))


def test_a_score_that_is_no_number_is_not_certified(trained, corrected, monkeypatch):
    blocks = iter([0.0, np.nan, 0.0, 0.0])
    monkeypatch.setattr(checks, "_patches", lambda *_: lambda block: np.full(3, next(blocks)))
    with pytest.raises(UserError, match="differ by nan"):
        certify(corrected, segmenter(trained, "2dcnn"))


def test_patch_by_patch_has_nothing_to_compare(trained, corrected):
    assert certify(corrected, segmenter(trained, "2dcnn", padding="same")) is None


def test_share_of_labels_that_bfloat16_changes(trained, corrected):
    ours = segmenter(trained, "2dcnn")
    exact = Scorer(ours)
    assert share_changed(corrected, ours, exact, exact) == 0
    assert 0 < share_changed(corrected, ours, Scorer(ours, "bfloat16"), exact) < 0.1


def test_a_network_is_traced_once_for_all_places(trained, corrected, monkeypatch):
    traced = []
    monkeypatch.setattr(checks, "compiled", lambda model: traced.append(model) or compiled(model))
    one, other = (segmenter(trained, name) for name in ("2dcnn", "mv2dcnn"))
    certify(corrected, Segmenter.ensemble([one, other]))
    assert traced == [one.members[0].model, other.members[0].model]
