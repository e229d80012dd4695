"""Whole volumes: equal to the slow way, whatever the tiles, the format and the interruptions."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.tiling.tuning import cache_file, fastest_side
from fibsem.inference.volume.before.estimate import estimate_segmentation
from tests.inference.volume.conftest import SHAPE, labels_in, noise_block, plain
from tests.inference.volume.segmented import segment_volume


def test_it_is_the_patch_by_patch_result(whole, slow):
    folder, record = whole
    found = labels_in(folder)
    # a score within rounding of the threshold may fall on the other side
    assert (found != 255 * slow).mean() < 1e-3
    assert record["porosity"] == pytest.approx((found == 0).mean())
    assert record["mode"] == "dense"
    assert record["voxels"] == np.prod(SHAPE)
    by_slice = (found == 0).mean(axis=(1, 2))
    half = 1.96 * by_slice.std(ddof=1) / np.sqrt(len(by_slice))
    assert record["porosity_ci"] == pytest.approx([by_slice.mean() - half, by_slice.mean() + half])
    written = json.loads((folder / "summary.json").read_text())
    assert written["slabs"] == {"done": 2, "resumed": 0}
    assert 0 < written["start_s"] < written["seconds"]
    assert len((folder / "porosity.csv").read_text().splitlines()) == 1 + SHAPE[0]


@pytest.mark.parametrize("tile", [32, 40, None])
def test_tiles_change_nothing(volume, segmenter, whole, tmp_path, tile):
    segment_volume(volume, segmenter, tmp_path, plain(tile=tile, slab=1))
    assert (labels_in(whole[0]) != labels_in(tmp_path)).mean() < 1e-3


def test_same_padding_goes_patch_by_patch_and_says_how_long(trained, volume, tmp_path):
    import keras

    from fibsem.geometry import Nbhd
    from fibsem.models import build
    from fibsem.models.spec import resolve

    keras.utils.set_random_seed(0)
    spec = resolve("2dcnn", Nbhd(1, 11, 11), "same", {"filters": 4})
    small = ArrayVolume(volume.read(Box((0, 0, 0), (1, 20, 25))))
    said = []
    segmenter = Segmenter.of(spec, build(spec), Recipe(), PostProcessing(), "weights-2")
    options = plain(precision="bfloat16")
    record = segment_volume(small, segmenter, tmp_path, options, say=said.append)
    assert record["mode"] == "patch"
    assert record["precision"] == "float32"  # of the dense form alone it is bfloat16
    assert "patch by patch" in said[0]
    assert "hours" in said[0]


def test_a_long_run_is_certified_unasked(volume, segmenter, tmp_path, monkeypatch):
    """And one that is not long is not."""
    for voxels, certified in ((np.prod(SHAPE) + 1, False), (np.prod(SHAPE), True)):
        monkeypatch.setattr("fibsem.inference.volume.plan.LONG", voxels)
        folder = tmp_path / str(certified)
        record = segment_volume(volume, segmenter, folder, plain())
        assert (record["certificate"] is not None) == certified
    assert record["certificate"]["largest_difference"] < 1e-5


def test_a_certificate_may_be_asked_for_later(volume, segmenter, begun):
    folder, before = begun
    assert before["certificate"] is None
    record = segment_volume(volume, segmenter, folder, plain(certificate=True))
    assert record["certificate"]["against"] == "patches"
    assert segment_volume(volume, segmenter, folder, plain()) == record


def test_bfloat16_labels_nearly_the_same(volume, segmenter, whole, tmp_path):
    record = segment_volume(volume, segmenter, tmp_path, plain(precision="bfloat16"))
    assert record["precision"] == "bfloat16"  # and not gone on with in float32
    assert 0 <= record["labels_changed_by_bfloat16"] <= 0.002
    assert (labels_in(whole[0]) != labels_in(tmp_path)).mean() < 0.005


def test_bfloat16_that_changes_too_many_labels_is_left_again(segmenter, volume, tmp_path):
    # labels at the median score of noise: rounding moves many of them
    scores = Scorer(segmenter)(noise_block(segmenter))
    doubtful = replace(segmenter, postprocessing=PostProcessing(threshold=float(np.median(scores))))
    said = []
    options = plain(precision="bfloat16")
    record = segment_volume(volume, doubtful, tmp_path / "a", options, say=said.append)
    assert record["precision_asked"] == "bfloat16"
    assert record["precision"] == "float32"
    assert record["labels_changed_by_bfloat16"] > 0.002
    assert "going on in float32" in said[0]
    segment_volume(volume, doubtful, tmp_path / "b", plain())
    np.testing.assert_array_equal(labels_in(tmp_path / "a"), labels_in(tmp_path / "b"))


def test_an_ensemble_is_the_mean_of_its_members(trained, segmenter):
    spec, model = trained(33)
    other = Segmenter.of(spec, model, Recipe(), PostProcessing(), "weights-2")
    both = Segmenter.ensemble([segmenter, other])
    assert both.identity == "weights-1+weights-2"
    assert both.halo == other.halo
    block = noise_block(both)
    inner = block[11:-11, 11:-11]  # the smaller network sees less of it
    mean = (Scorer(segmenter)(inner) + Scorer(other)(block)) / 2
    np.testing.assert_allclose(Scorer(both)(block), mean, atol=1e-6)


def test_an_ensemble_among_several_counts_by_its_size(trained, segmenter):
    """As `weights` is explained: two members of one and the single other are a third each."""
    other = Segmenter.of(*trained(33), Recipe(), PostProcessing(), "weights-2")
    pair = Segmenter.ensemble([segmenter, segmenter])
    block = noise_block(other)
    inner = block[11:-11, 11:-11]
    mean = (2 * Scorer(segmenter)(inner) + Scorer(other)(block)) / 3
    found = Scorer(Segmenter.ensemble([pair, other]))(block)
    np.testing.assert_allclose(found, mean, atol=1e-6)


def test_an_ensemble_of_different_corrections_is_refused(segmenter):
    other = replace(segmenter, recipe=Recipe(scaling="minmax"))
    with pytest.raises(UserError, match="same correction"):
        Segmenter.ensemble([segmenter, other])


def test_workers_need_a_volume_that_they_can_open(volume, segmenter, tmp_path):
    with pytest.raises(UserError, match=r"but array lies in an archive or in memory"):
        segment_volume(
            volume, segmenter, tmp_path / "out", plain(workers=2), load=lambda: segmenter
        )
    assert not (tmp_path / "out").exists()


def test_a_budget_without_room_for_the_slices_is_refused(volume, segmenter, tmp_path):
    with pytest.raises(UserError, match=r"`memory_gib` must be at least 0\.96 .* but got 0\.5\."):
        segment_volume(volume, segmenter, tmp_path / "out", plain(memory_gib=0.5))
    assert not (tmp_path / "out").exists()


def test_small_components_go_in_3d_at_the_end(volume, segmenter, tmp_path):
    scores = Scorer(segmenter)(noise_block(segmenter))
    rough = replace(segmenter, postprocessing=PostProcessing(threshold=float(np.median(scores))))
    how = {"voxel_nm": (50.0, 10.0, 10.0)}
    segment_volume(volume, rough, tmp_path / "a", plain(), **how)
    options = plain(min_volume_nm3=30 * 5000.0, slab=2)
    record = segment_volume(volume, rough, tmp_path / "b", options, **how)
    import cc3d

    found = labels_in(tmp_path / "b")
    pores = cc3d.connected_components((found == 0).astype(np.uint8), connectivity=6)
    assert np.bincount(pores.ravel())[1:].min() >= 30
    assert record["porosity"] == pytest.approx((found == 0).mean())
    assert (found != labels_in(tmp_path / "a")).any()
    with pytest.raises(UserError, match="needs the size of a voxel"):
        segment_volume(volume, rough, tmp_path / "c", options)
    with pytest.raises(UserError, match=r"at most that of the film, \S+, but got 1e\+30"):
        segment_volume(volume, rough, tmp_path / "c", plain(min_volume_nm3=1e30), **how)


def test_the_fastest_tile_is_measured_once(segmenter, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    scorer = Scorer(segmenter)
    side = fastest_side(scorer, 384)
    assert side in (256, 384)
    known = json.loads(cache_file().read_text())
    assert [sorted(rates) for rates in known.values()] == [["256", "384"]]
    ((small, large),) = ([*rates.values()] for rates in known.values())
    assert 1 <= len(small) == len(large) <= 3
    for small, large, chosen in (
        ([5, 5, 5], [4, 4, 4], 256),  # clearly faster every time
        ([9, 4, 9], [4, 4, 4], 384),  # not every time: other work may have been there
        ([4.4, 4.4, 4.4], [4, 4, 4], 384),  # not clearly
    ):
        cache_file().write_text(json.dumps({key: {"256": small, "384": large} for key in known}))
        assert fastest_side(scorer, 384) == chosen
    assert fastest_side(scorer, 300) == 256


def test_an_estimate_runs_nothing_but_one_tile(volume, segmenter):
    estimate = estimate_segmentation(volume, segmenter, plain(probabilities=True))
    assert estimate.bytes_read == 2 * volume.read(Box.whole(SHAPE)).size
    assert estimate.timed == SHAPE[1] * SHAPE[2]  # that very tile, not a square in it
    assert estimate.seconds == pytest.approx(np.prod(SHAPE) / estimate.pixels_per_second)
    text = estimate.text
    for word in ("tiles", "memory", "read", "written", "time", "timed at"):
        assert word in text
