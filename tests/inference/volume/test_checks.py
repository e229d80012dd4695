"""What is tried on a volume before a long run."""

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model import predict
from fibsem.inference.model.predict import BlockScorer, compiled
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.tiling.tiles import choose_tiling
from fibsem.inference.volume import checks
from fibsem.inference.volume.checks import certify, share_changed
from fibsem.models.forest import Forest, feature_count
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from tests.inference.model.test_predict import traces


@pytest.fixture(autouse=True, scope="module")
def networks_are_lent():
    """Not here: it is what these tests are about."""


@pytest.fixture(scope="module")
def corrected():
    rng = np.random.default_rng(3)
    volume = ArrayVolume(rng.integers(0, 65535, (4, 90, 100)).astype(np.uint16))
    return CorrectedVolume(volume, fit_correction(volume, Recipe()))


def certified(volume, model, tile=None):
    """What is certified of a model, with tiles up to that side."""
    scorer = Scorer(model)
    return certify(volume, scorer, choose_tiling(scorer, volume.shape[1:], 4.0, tile))


def segmenter(trained, name, **how):
    spec, model = trained(33, 3, name, **{"filters": 4, **how})
    return Segmenter.of(spec, model, Recipe(), PostProcessing())


@pytest.mark.parametrize(("name", "against"), [("2dcnn", "patches"), ("unet", "whole")])
def test_two_ways_agree(trained, corrected, name, against):
    certificate = certified(corrected, segmenter(trained, name))
    assert certificate.against == against
    assert certificate.pixels >= 200
    assert 0 <= certificate.largest_difference < 1e-5


def features(name):
    """A forest of a few trees, or Otsu's threshold."""
    if name == "threshold":
        spec = resolve(name, Nbhd(1, 11, 11), "valid")
        return Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing())
    spec = resolve(name, Nbhd(3, 11, 11), "valid", {"trees": 5, "sigmas": [1.0, 2.0]})
    side = 24 + 2 * spec.halo[1]
    block = np.random.default_rng(0).normal(size=(side, side, 3)).astype("float32")
    found = Forest(spec, None).features(block).reshape(-1, feature_count(spec))
    forest = Forest.fit(spec, found, (found[:, 0] > 0).astype(np.uint8), seed=0)
    return Segmenter.of(spec, forest, Recipe(), PostProcessing())


@pytest.mark.parametrize("name", ["forest", "threshold"])
@pytest.mark.parametrize("tile", [None, 32])
def test_features_are_certified_tile_by_tile(corrected, name, tile):
    certificate = certified(corrected, features(name), tile)
    assert certificate.against == "whole"
    tiles = 4 * ((90 * 100) if tile is None else 30 * 25)  # 90 x 100 are balanced so
    assert certificate.pixels == tiles
    assert certificate.largest_difference < 1e-5


@pytest.mark.parametrize("name", ["unet", "threshold"])
def test_a_fault_of_tiles_of_the_real_size_is_found(trained, corrected, name, monkeypatch):
    """One that small places would not show: it is in the first row of whole slices alone."""
    right = BlockScorer.__call__

    def wrong(self, block):
        scores = right(self, block).copy()
        if scores.shape == (90, 100):
            scores[0] += 0.01
        return scores

    monkeypatch.setattr(BlockScorer, "__call__", wrong)
    model = segmenter(trained, "unet") if name == "unet" else features(name)
    with pytest.raises(UserError, match=r"must agree within"):
        certified(corrected, model)


def test_every_member_of_an_ensemble_is_certified(trained, corrected):
    one, other = (segmenter(trained, name) for name in ("2dcnn", "mv2dcnn"))
    alone = certified(corrected, one)
    both = certified(corrected, Segmenter.ensemble([one, other]))
    assert both.pixels == 2 * alone.pixels
    assert both.largest_difference >= alone.largest_difference


def test_a_dense_form_that_lies_a_pixel_aside_stops(trained, corrected, monkeypatch):
    right = BlockScorer.one_view
    monkeypatch.setattr(
        BlockScorer, "one_view", lambda self, block: np.roll(right(self, block), 1, axis=1)
    )
    with pytest.raises(UserError, match=r"must agree within .*certificate=false"):
        certified(corrected, segmenter(trained, "2dcnn"))


def test_a_score_that_is_no_number_is_not_certified(trained, corrected, monkeypatch):
    blocks = iter([0.0, np.nan, 0.0, 0.0])
    monkeypatch.setattr(checks, "_patches", lambda *_: lambda block: np.full(3, next(blocks)))
    with pytest.raises(UserError, match="differ by nan"):
        certified(corrected, segmenter(trained, "2dcnn"))


def test_patch_by_patch_has_nothing_to_compare(trained, corrected):
    assert certified(corrected, segmenter(trained, "2dcnn", padding="same")) is None


def test_share_of_labels_that_bfloat16_changes(trained, corrected):
    ours = segmenter(trained, "2dcnn", filters=16)
    exact = Scorer(ours)
    assert share_changed(corrected, ours, exact, exact) == 0
    assert 0 < share_changed(corrected, ours, Scorer(ours, "bfloat16"), exact) < 0.1


def test_a_network_is_traced_once_for_all_places(trained, corrected, monkeypatch):
    made = []

    def kept(model):
        made.append(compiled(model))
        return made[-1]

    for module in (checks, predict):
        monkeypatch.setattr(module, "compiled", kept)
    one, other = (segmenter(trained, name) for name in ("2dcnn", "unet"))
    certified(corrected, Segmenter.ensemble([one, other]), 40)
    counts = [traces(forward) for forward in made]
    assert max(counts) == 1
    assert sum(counts) == 3  # dense and by patch; a U-Net is the same in both
