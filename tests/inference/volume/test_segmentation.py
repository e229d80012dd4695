"""Whole volumes: equal to the slow way, whatever the tiles, the format and the interruptions."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing, segment_slice
from fibsem.data.preprocessing import CorrectedVolume, Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.predict import compiled, sliding_window
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.tiling.tuning import cache_file, fastest_side
from fibsem.inference.volume.estimate import comparison_rows, estimate_segmentation
from fibsem.inference.volume.outputs import Outputs
from fibsem.inference.volume.segmentation import segment_volume
from fibsem.system.files import read_json
from tests.conftest import CutOffError, labels

SHAPE = (5, 37, 53)


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(5)
    return ArrayVolume(rng.integers(0, 65535, SHAPE).astype(np.uint16))


@pytest.fixture(scope="module")
def segmenter(trained):
    spec, model = trained(11)
    return Segmenter.of(spec, model, Recipe(), PostProcessing(1.0, 0.5, 1, 5), "weights-1")


def labels_in(folder, name="labels.ome.zarr"):
    return labels(folder / name)


@pytest.fixture(scope="module")
def slow(volume, segmenter):
    """Patch by patch over the whole corrected volume, mirrored at its borders."""
    corrected = CorrectedVolume(volume, fit_correction(volume, segmenter.recipe))
    forward = compiled(segmenter.members[0].model)
    slices = []
    for z in range(SHAPE[0]):
        box = Box((z, 0, 0), (z + 1, *SHAPE[1:])).grow(segmenter.members[0].spec.halo)
        block = np.moveaxis(corrected.read(box), 0, -1)
        scores = sliding_window(forward, np.ascontiguousarray(block), segmenter.members[0].spec)
        slices.append(segment_slice(scores, segmenter.postprocessing))
    return np.stack(slices)


def test_it_is_the_patch_by_patch_result(volume, segmenter, slow, tmp_path):
    record = segment_volume(volume, segmenter, tmp_path, Options())
    found = labels_in(tmp_path)
    # a score within rounding of the threshold may fall on the other side
    assert (found != 255 * slow).mean() < 1e-3
    assert record["porosity"] == pytest.approx((found == 0).mean())
    assert record["mode"] == "dense"
    assert record["voxels"] == np.prod(SHAPE)
    by_slice = (found == 0).mean(axis=(1, 2))
    half = 1.96 * by_slice.std(ddof=1) / np.sqrt(len(by_slice))
    assert record["porosity_ci"] == pytest.approx([by_slice.mean() - half, by_slice.mean() + half])
    written = json.loads((tmp_path / "summary.json").read_text())
    assert written["slabs"] == {"done": 2, "resumed": 0}
    assert 0 < written["start_s"] < written["seconds"]
    assert len((tmp_path / "porosity.csv").read_text().splitlines()) == 1 + SHAPE[0]


@pytest.mark.parametrize("tile", [32, 40, None])
def test_tiles_change_nothing(volume, segmenter, tmp_path, tile):
    segment_volume(volume, segmenter, tmp_path / "a", Options())
    segment_volume(volume, segmenter, tmp_path / "b", Options(tile=tile, slab=1))
    assert (labels_in(tmp_path / "a") != labels_in(tmp_path / "b")).mean() < 1e-3


def test_both_formats_hold_the_same_labels(volume, segmenter, tmp_path):
    segment_volume(volume, segmenter, tmp_path / "a", Options(), voxel_nm=(50.0, 10.0, 10.0))
    segment_volume(
        volume, segmenter, tmp_path / "b", Options(format="tiff"), voxel_nm=(50.0, 10.0, 10.0)
    )
    np.testing.assert_array_equal(labels_in(tmp_path / "a"), labels_in(tmp_path / "b", "labels"))
    assert open_volume(tmp_path / "a" / "labels.ome.zarr").voxel_nm == pytest.approx((50, 10, 10))


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
    options = Options(precision="bfloat16")
    record = segment_volume(small, segmenter, tmp_path, options, say=said.append)
    assert record["mode"] == "patch"
    assert record["precision"] == "float32"  # of the dense form alone it is bfloat16
    assert "patch by patch" in said[0]
    assert "hours" in said[0]


def test_a_segmentation_cut_off_goes_on(volume, segmenter, tmp_path):
    segment_volume(volume, segmenter, tmp_path / "whole", Options(slab=1))

    def stop(text, done, total):
        if done == 3:
            raise CutOffError

    options = Options(slab=1)
    with pytest.raises(CutOffError):
        segment_volume(volume, segmenter, tmp_path / "cut", options, progress=stop)
    shown = []
    record = segment_volume(
        volume, segmenter, tmp_path / "cut", options, progress=lambda *how: shown.append(how)
    )
    assert record["slabs"]["done"] == 5
    resumed = record["slabs"]["resumed"]
    assert resumed in (2, 3)  # slice 4 may have been waiting already
    assert shown == [("slices", z, 5) for z in range(resumed, 6)]
    np.testing.assert_array_equal(labels_in(tmp_path / "cut"), labels_in(tmp_path / "whole"))


@pytest.mark.parametrize("kind", ["ome-zarr", "tiff", "bigtiff"])
@pytest.mark.parametrize("nm3", [0.0, 3000.0])
def test_labels_that_are_lost_are_made_again(volume, segmenter, tmp_path, kind, nm3):
    """They would be read as pores, and the ledger would say that they are done."""
    options = Options(format=kind, slab=2, min_volume_nm3=nm3)
    said: list[str] = []

    def segmented():
        return segment_volume(
            volume, segmenter, tmp_path, options, voxel_nm=(10.0, 10.0, 10.0), say=said.append
        )

    first = segmented()
    name = first["labels"]
    expected = labels_in(tmp_path, name)
    if kind == "bigtiff":
        (tmp_path / name).unlink()
        again = segmented()  # written again, from what was worked on
        assert (again["slabs"], said) == (first["slabs"], [])
        shutil.rmtree(tmp_path / "labels.ome.zarr")
        assert segmented()["slabs"] == first["slabs"]  # nobody needs that any more
        (tmp_path / name).unlink()
    elif kind == "tiff":
        (tmp_path / name / "slice_0003.tif").unlink()
    else:
        (tmp_path / name / "0/c/3/0/0").write_bytes(b"")
    record = segmented()
    assert "slices that were written are not whole" in said[0]
    assert record["slabs"] == {"done": 3, "resumed": 0 if kind == "bigtiff" else 2}
    np.testing.assert_array_equal(labels_in(tmp_path, name), expected)
    assert record["porosity"] == first["porosity"]


def test_two_processes_do_not_work_in_one_folder(volume, segmenter, tmp_path):
    def again(text, done, total):
        with pytest.raises(UserError, match=r"`output` must be free, but another process is at"):
            segment_volume(volume, segmenter, tmp_path, Options(overwrite=True))

    segment_volume(volume, segmenter, tmp_path, Options(slab=2), progress=again)


def test_labels_may_lie_inside_the_volume(volume, segmenter, tmp_path):
    """NGFF keeps them there; the volume stays the one that it was."""
    film = tmp_path / "film.ome.zarr"
    with create_volume(film, SHAPE, np.uint16, format="ome-zarr") as writer:
        writer.write(0, volume.read(Box.whole(SHAPE)))
    out, options = film / "labels", Options(slab=1)

    def stop(text, done, total):
        if done == 3:
            raise CutOffError

    with pytest.raises(CutOffError):
        segment_volume(open_volume(film), segmenter, out, options, progress=stop)
    record = segment_volume(open_volume(film), segmenter, out, options)
    assert record["slabs"]["resumed"] >= 2
    segment_volume(volume, segmenter, tmp_path / "apart", options)
    np.testing.assert_array_equal(labels_in(out), labels_in(tmp_path / "apart"))


def test_a_long_run_is_certified_unasked(volume, segmenter, tmp_path, monkeypatch):
    """And one that is not long is not."""
    for voxels, certified in ((np.prod(SHAPE) + 1, False), (np.prod(SHAPE), True)):
        monkeypatch.setattr("fibsem.inference.volume.decisions.LONG", voxels)
        folder = tmp_path / str(certified)
        record = segment_volume(volume, segmenter, folder, Options())
        assert (record["certificate"] is not None) == certified
    assert record["certificate"]["largest_difference"] < 1e-5


def test_a_certificate_may_be_asked_for_later(volume, segmenter, tmp_path):
    assert segment_volume(volume, segmenter, tmp_path, Options())["certificate"] is None
    record = segment_volume(volume, segmenter, tmp_path, Options(certificate=True))
    assert record["certificate"]["against"] == "patches"
    assert segment_volume(volume, segmenter, tmp_path, Options()) == record


def test_another_model_volume_or_option_is_refused_in_the_same_folder(volume, segmenter, tmp_path):
    segment_volume(volume, segmenter, tmp_path, Options())
    other = replace(segmenter, identity="weights-9")
    with pytest.raises(
        UserError, match=r"another model \(weights-1, now weights-9\); .*overwrite=true"
    ):
        segment_volume(volume, other, tmp_path, Options())
    brighter = ArrayVolume(volume.read(Box.whole(SHAPE)) // 2)
    with pytest.raises(UserError, match="another volume"):
        segment_volume(brighter, segmenter, tmp_path, Options())
    with pytest.raises(UserError, match="another precision"):
        segment_volume(volume, segmenter, tmp_path, Options(precision="bfloat16"))
    segment_volume(brighter, segmenter, tmp_path, Options(overwrite=True))


def test_another_size_of_voxels_is_refused_in_the_same_folder(volume, segmenter, tmp_path):
    options = Options(min_volume_nm3=1e5)
    segment_volume(volume, segmenter, tmp_path, options, voxel_nm=(50.0, 10.0, 10.0))
    with pytest.raises(UserError, match=r"another voxel_nm \(\[50\.0, 10\.0, 10\.0\], now \[25"):
        segment_volume(volume, segmenter, tmp_path, options, voxel_nm=(25.0, 10.0, 10.0))


def test_a_finished_run_that_is_started_again_tells_the_same(volume, segmenter, tmp_path):
    def stop(text, done, total):
        if text == "components":
            raise CutOffError

    def start(progress=None):
        options, nm = Options(min_volume_nm3=1e5), (50.0, 10.0, 10.0)
        return segment_volume(volume, segmenter, tmp_path, options, voxel_nm=nm, progress=progress)

    with pytest.raises(CutOffError):
        start(stop)
    record = start()
    assert record["tile"] == list(SHAPE[1:])
    assert record["stages"]["network"] > 0
    assert record["voxels_per_second"] == pytest.approx(np.prod(SHAPE) / record["seconds"])
    summary = (tmp_path / "summary.json").read_text()
    start()
    assert (tmp_path / "summary.json").read_text() == summary


def test_bfloat16_labels_nearly_the_same(volume, segmenter, tmp_path):
    segment_volume(volume, segmenter, tmp_path / "a", Options())
    segment_volume(volume, segmenter, tmp_path / "b", Options(precision="bfloat16"))
    assert (labels_in(tmp_path / "a") != labels_in(tmp_path / "b")).mean() < 0.05


def test_bfloat16_that_changes_too_many_labels_is_left_again(segmenter, volume, tmp_path):
    # labels at the median score of noise: rounding moves many of them
    scores = Scorer(segmenter)(noise_block(segmenter))
    doubtful = replace(segmenter, postprocessing=PostProcessing(threshold=float(np.median(scores))))
    said = []
    options = Options(precision="bfloat16")
    record = segment_volume(volume, doubtful, tmp_path / "a", options, say=said.append)
    assert record["precision_asked"] == "bfloat16"
    assert record["precision"] == "float32"
    assert record["labels_changed_by_bfloat16"] > 0.002
    assert "going on in float32" in said[0]
    segment_volume(volume, doubtful, tmp_path / "b", Options())
    np.testing.assert_array_equal(labels_in(tmp_path / "a"), labels_in(tmp_path / "b"))


def noise_block(segmenter):
    z, y, x = segmenter.halo
    shape = (40 + 2 * y, 40 + 2 * x, 2 * z + 1)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


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


def test_an_ensemble_of_different_corrections_is_refused(segmenter):
    other = replace(segmenter, recipe=Recipe(scaling="minmax"))
    with pytest.raises(UserError, match="same correction"):
        Segmenter.ensemble([segmenter, other])


def test_probabilities_are_written_too(volume, segmenter, slow, tmp_path):
    record = segment_volume(volume, segmenter, tmp_path, Options(probabilities=True))
    stack = open_volume(tmp_path / record["probabilities"])
    written = stack.read(Box.whole(stack.shape)) / 255
    corrected = CorrectedVolume(volume, fit_correction(volume, segmenter.recipe))
    box = Box((2, 0, 0), (3, *SHAPE[1:])).grow(segmenter.halo)
    scores = Scorer(segmenter)(np.ascontiguousarray(np.moveaxis(corrected.read(box), 0, -1)))
    np.testing.assert_allclose(written[2], scores, atol=0.5 / 255 + 1e-6)


def test_a_bigtiff_is_exported_whole(volume, segmenter, tmp_path):
    record = segment_volume(
        volume, segmenter, tmp_path, Options(format="bigtiff"), voxel_nm=(50.0, 10.0, 10.0)
    )
    assert record["labels"] == "labels.tif"
    np.testing.assert_array_equal(labels_in(tmp_path, "labels.tif"), labels_in(tmp_path))
    assert open_volume(tmp_path / "labels.tif").voxel_nm == pytest.approx((50, 10, 10))


def test_a_bigtiff_that_was_not_entered_is_exported_again(volume, segmenter, tmp_path):
    def stop(text, done, total):
        raise CutOffError

    options = Options(format="bigtiff")
    with pytest.raises(CutOffError):
        segment_volume(volume, segmenter, tmp_path, options, progress=stop)
    (tmp_path / "labels.tif").write_bytes(b"of another day")
    segment_volume(volume, segmenter, tmp_path, options)
    np.testing.assert_array_equal(labels_in(tmp_path, "labels.tif"), labels_in(tmp_path))
    written = (tmp_path / "labels.tif").stat().st_mtime_ns
    segment_volume(volume, segmenter, tmp_path, options)
    assert (tmp_path / "labels.tif").stat().st_mtime_ns == written


def test_an_output_around_the_volume_is_refused(volume, segmenter, tmp_path):
    with create_volume(tmp_path / "film" / "slices", SHAPE, np.uint16, format="tiff") as writer:
        writer.write(0, volume.read(Box.whole(SHAPE)))
    stack = open_volume(tmp_path / "film" / "slices")
    for folder in (tmp_path / "film", tmp_path / "film" / "slices"):
        with pytest.raises(UserError, match=r"must be a folder that does not hold the volume"):
            segment_volume(stack, segmenter, folder, Options(overwrite=True))
        assert not (folder / "ledger.json").exists()


def test_previews_are_drawn(volume, segmenter, tmp_path):
    segment_volume(volume, segmenter, tmp_path, Options(previews=2))
    names = sorted(path.name for path in (tmp_path / "previews").iterdir())
    assert names == ["slice_0000.png", "slice_0004.png"]


def test_previews_are_those_of_the_labels_at_the_end(volume, segmenter, tmp_path, monkeypatch):
    drawn = {}

    def preview(outputs, z, classes, grey, inside=None):
        drawn[z] = (classes, grey)

    monkeypatch.setattr(Outputs, "_preview", preview)
    scores = Scorer(segmenter)(noise_block(segmenter))
    plain = replace(segmenter, postprocessing=PostProcessing(threshold=float(np.median(scores))))
    options, nm = Options(min_volume_nm3=30 * 5000.0, previews=2), (50.0, 10.0, 10.0)
    segment_volume(volume, plain, tmp_path, options, voxel_nm=nm)
    found = labels_in(tmp_path)
    assert (found != labels_in(tmp_path, "labels-2d.ome.zarr"))[[0, 4]].any()
    corrected = CorrectedVolume(volume, fit_correction(volume, plain.recipe))
    assert list(drawn) == [0, 4]
    for z, (classes, grey) in drawn.items():
        np.testing.assert_array_equal(255 * classes, found[z])
        np.testing.assert_array_equal(grey, corrected.slice(z))


def test_an_axis_whose_size_is_not_given_has_that_of_the_file(volume, segmenter, tmp_path):
    path = tmp_path / "stack.tif"
    how = {"format": "bigtiff", "voxel_nm": (None, 10.0, 20.0)}
    with create_volume(path, SHAPE, np.uint16, **how) as writer:
        writer.write(0, volume.read(Box.whole(SHAPE)))
    options = Options(min_volume_nm3=30 * 5000.0, previews=0)
    record = segment_volume(
        open_volume(path), segmenter, tmp_path / "out", options, voxel_nm=(50.0, None, 5.0)
    )
    assert record["voxel_nm"] == pytest.approx([50, 10, 5])
    assert open_volume(tmp_path / "out" / "labels.ome.zarr").voxel_nm == pytest.approx((50, 10, 5))


@pytest.fixture
def damaged(volume, tmp_path):
    """A series of which slice 1 is missing and slice 3 is cut off."""
    folder = tmp_path / "series"
    with create_volume(folder, SHAPE, np.uint16, format="tiff") as writer:
        writer.write(0, volume.read(Box.whole(SHAPE)))
    (folder / "slice_0001.tif").unlink()
    broken = folder / "slice_0003.tif"
    broken.write_bytes(broken.read_bytes()[:300])
    return folder


def test_missing_and_damaged_slices_stop_the_work(damaged):
    with pytest.raises(UserError, match=r"slice_0001.tif is missing between"):
        open_volume(damaged)


def test_missing_slices_are_marked_and_left_out(damaged, volume, segmenter, tmp_path):
    gappy = open_volume(damaged, gaps=True)
    record = segment_volume(gappy, segmenter, tmp_path / "out", Options(missing="skip", slab=2))
    found = labels_in(tmp_path / "out")
    assert record["missing"] == [1, 3]
    why = read_json(tmp_path / "out" / "summary.json")["why_missing"]
    assert "slice_0001.tif is not there" in why["1"]
    assert "slice_0003.tif is truncated" in why["3"]
    slices = read_json(tmp_path / "out" / "ledger.json")["slabs"]
    assert slices["0"][1] == [None, True, None, why["1"]]
    assert slices["2"][0] == [slices["2"][0][0], True, None]
    assert (found[[1, 3]] == 127).all()
    assert set(np.unique(found[[0, 2, 4]])) <= {0, 255}
    present = (found[[0, 2, 4]] == 0).mean()
    assert record["porosity"] == pytest.approx(present)
    rows = (tmp_path / "out" / "porosity.csv").read_text().splitlines()
    assert rows[2] == "1,,missing"
    assert rows[1].endswith(",beside a missing slice")

    # the nearest present slice stands in: 0 for 1, and 2 for 3
    mended = volume.read(Box.whole(SHAPE))
    mended[1], mended[3] = mended[0], mended[2]
    segment_volume(ArrayVolume(mended), segmenter, tmp_path / "mended", Options(slab=2))
    np.testing.assert_array_equal(found[[0, 2, 4]], labels_in(tmp_path / "mended")[[0, 2, 4]])


def test_workers_need_a_volume_that_they_can_open(volume, segmenter, tmp_path):
    with pytest.raises(UserError, match=r"but array lies in an archive or in memory"):
        segment_volume(
            volume, segmenter, tmp_path / "out", Options(workers=2), load=lambda: segmenter
        )
    assert not (tmp_path / "out").exists()


def test_a_budget_without_room_for_the_slices_is_refused(volume, segmenter, tmp_path):
    with pytest.raises(UserError, match=r"`memory_gib` must be at least 0\.96 .* but got 0\.5\."):
        segment_volume(volume, segmenter, tmp_path / "out", Options(memory_gib=0.5))
    assert not (tmp_path / "out").exists()


def test_small_components_go_in_3d_at_the_end(volume, segmenter, tmp_path):
    scores = Scorer(segmenter)(noise_block(segmenter))
    plain = replace(segmenter, postprocessing=PostProcessing(threshold=float(np.median(scores))))
    how = {"voxel_nm": (50.0, 10.0, 10.0)}
    segment_volume(volume, plain, tmp_path / "a", Options(), **how)
    options = Options(min_volume_nm3=30 * 5000.0, slab=2)
    record = segment_volume(volume, plain, tmp_path / "b", options, **how)
    import cc3d

    found = labels_in(tmp_path / "b")
    pores = cc3d.connected_components((found == 0).astype(np.uint8), connectivity=6)
    assert np.bincount(pores.ravel())[1:].min() >= 30
    assert record["porosity"] == pytest.approx((found == 0).mean())
    assert (found != labels_in(tmp_path / "a")).any()
    with pytest.raises(UserError, match="needs the size of a voxel"):
        segment_volume(volume, plain, tmp_path / "c", options)


def test_the_fastest_tile_is_measured_once(segmenter, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    scorer = Scorer(segmenter)
    side = fastest_side(scorer, 384)
    assert side in (256, 384)
    known = json.loads(cache_file().read_text())
    assert [sorted(rates) for rates in known.values()] == [["256", "384"]]
    cache_file().write_text(json.dumps({key: {"256": 1.0, "384": 2.0} for key in known}))
    assert fastest_side(scorer, 384) == 384
    assert fastest_side(scorer, 300) == 256


def test_an_estimate_runs_nothing_but_one_tile(volume, segmenter):
    estimate = estimate_segmentation(volume, segmenter, Options(probabilities=True))
    assert estimate.bytes_read == 2 * volume.read(Box.whole(SHAPE)).size
    assert estimate.timed == SHAPE[1] * SHAPE[2]  # that very tile, not a square in it
    assert estimate.seconds == pytest.approx(np.prod(SHAPE) / estimate.pixels_per_second)
    text = estimate.text()
    for word in ("tiles", "memory", "read", "written", "time", "timed at"):
        assert word in text


def test_the_table_of_neighbourhoods_has_both_ways():
    (row,) = comparison_rows(("11x11x3",), patches=512)
    assert row.extracted_gib == pytest.approx(2247 * 3372 * 363 * 4 / 2**30)
    assert row.dense_s < row.patch_s


class StoppedError(Exception):
    """Somebody stopped it."""


def test_the_summary_tells_which_code_labelled_the_slabs(volume, segmenter, tmp_path):
    def stop(text, done, total):
        if done >= 2:
            raise StoppedError

    def made(code, progress=None):
        provenance = {"code": code, "command": f"command of {code}", "weights": ["a"]}
        return segment_volume(
            volume, segmenter, tmp_path, Options(slab=1), provenance=provenance, progress=progress
        )

    with pytest.raises(StoppedError):
        made("first", stop)
    record = made("second")
    assert (record["code"], record["earlier_code"]) == ("second", ["first"])
    assert record["weights"] == ["a"]
    again = made("third")  # which labelled nothing
    assert (again["code"], again["command"]) == ("second", "command of second")
    assert again["volume_hash"] == record["volume_hash"]
