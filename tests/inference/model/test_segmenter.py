"""Probabilities that are written are calibrated; labels do not know of it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume, open_volume
from fibsem.geometry import Box, Nbhd
from fibsem.inference.model.segmenter import Member, Scorer, Segmenter, first_one_warnings
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import choose_tiling
from fibsem.inference.volume.before.likeness import TrainedOn
from fibsem.inference.volume.labelling.slab import SlabWorker
from fibsem.models.spec import resolve
from tests.inference.volume.segmented import segment_volume

SHAPE = (3, 37, 53)
OPTIONS = Options(probabilities=True, previews=0)


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(8)
    return ArrayVolume(rng.integers(0, 65535, SHAPE).astype(np.uint16))


@pytest.fixture(scope="module")
def raw(trained, volume):
    """Its threshold parts the scores and is not one half: tempered ones would be labelled anew."""
    segmenter = Segmenter.of(*trained(11), Recipe(), PostProcessing(), "weights-1")
    middle = float(np.median(whole(volume, segmenter)))
    assert abs(middle - 0.5) > 0.01
    return replace(segmenter, postprocessing=PostProcessing(1.0, middle, 1, 5))


def whole(volume, segmenter):
    """Scores of every slice, as the network gives them."""
    scorer = Scorer(segmenter)
    tiling = choose_tiling(scorer, SHAPE[1:], 4.0)
    correction = fit_correction(volume, segmenter.recipe)
    worker = SlabWorker(volume, correction, segmenter, scorer, tiling)
    return np.stack([scored.scores for scored in worker.scored(range(SHAPE[0]))])


def written(folder, name):
    stack = open_volume(folder / f"{name}.ome.zarr")
    return stack.read(Box.whole(stack.shape))


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_probabilities_are_calibrated_and_labels_are_not(volume, raw, tmp_path, temperature):
    tempered = replace(raw, temperature=temperature)
    segment_volume(volume, raw, tmp_path / "raw", OPTIONS)
    record = segment_volume(volume, tempered, tmp_path / "tempered", OPTIONS)
    assert record["temperature"] == temperature
    before, after = (written(tmp_path / name, "labels") for name in ("raw", "tempered"))
    assert 0.1 < (before == 0).mean() < 0.9
    np.testing.assert_array_equal(before, after)

    scores = whole(volume, raw)
    expected = expit(logit(scores.astype(np.float64)) / temperature)
    found = written(tmp_path / "tempered", "probabilities") / 255
    np.testing.assert_allclose(found, expected, atol=0.5 / 255 + 1e-5)
    assert np.abs(expected - scores).max() > 5 / 255
    middle = raw.postprocessing.threshold
    assert ((expected >= middle) != (scores >= middle)).mean() > 0.1


def test_weights_that_are_averaged_here_have_no_temperature(raw):
    hot, cold = replace(raw, temperature=2.0), replace(raw, temperature=0.5)
    assert Segmenter.ensemble([hot]).temperature == 2
    assert Segmenter.ensemble([hot, cold]).temperature == 1


def test_the_mean_of_several_says_where_it_depends_on_the_first(raw):
    other = replace(raw, postprocessing=PostProcessing(2.0, 0.4, 1, 30))
    assert not list(first_one_warnings({"A": raw}))
    assert not list(first_one_warnings({"A": raw, "B": replace(raw, temperature=2.0)}))
    (said,) = first_one_warnings({"A": raw, "B": other})
    assert "B: sigma=2, threshold=0.4, rounds=1, min_size=30" in said
    assert "that of the first" in said
    assert Segmenter.ensemble([other, raw]).postprocessing == other.postprocessing


def test_the_mean_of_several_views_is_not_calibrated(volume, raw, tmp_path):
    """What was fitted to the scores of one view is not of it, and no label shift follows."""
    tempered, trained = replace(raw, temperature=3.0), [TrainedOn((50, 10, 10), (), 0.6)]
    one = segment_volume(volume, tempered, tmp_path / "1", OPTIONS, trained=trained)
    assert (one["symmetry"], one["calibration"]["solid_share"]) == (1, 0.6)
    assert one["calibration"]["temperature"] == 3
    mirrored = replace(OPTIONS, symmetry=2)
    record = segment_volume(volume, tempered, tmp_path / "2", mirrored, trained=trained)
    assert (record["symmetry"], record["calibration"]["solid_share"]) == (2, None)
    assert record["calibration"]["temperature"] == 1
    scores = whole(volume, replace(raw, symmetry=2))
    found = written(tmp_path / "2", "probabilities") / 255
    np.testing.assert_allclose(found, scores, atol=0.5 / 255 + 1e-5)


def test_views_of_what_is_no_network_are_one(raw):
    member = Member(resolve("threshold", Nbhd(1, 11, 11), "valid"), None)
    alone = Segmenter((member,), Recipe(), PostProcessing(), "", temperature=3.0)
    assert alone.with_views(8).temperature == 3
    assert raw.with_views(1) == raw
