"""What a segmentation writes: labels in two formats, probabilities, previews."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.preprocessing import fit_correction
from fibsem.data.volumes import create_volume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.segmenter import Scorer
from fibsem.inference.volume.ledger.outputs import Outputs
from tests.conftest import CutOffError
from tests.inference.volume.conftest import SHAPE, labels_in, noise_block, plain
from tests.inference.volume.segmented import segment_volume


def test_both_formats_hold_the_same_labels(volume, segmenter, whole, tmp_path):
    segment_volume(volume, segmenter, tmp_path, plain(format="tiff"))
    np.testing.assert_array_equal(labels_in(tmp_path, "labels"), labels_in(whole[0]))


def test_labels_may_lie_inside_the_volume(volume, segmenter, whole, tmp_path):
    """NGFF keeps them there; the volume stays the one that it was."""
    film = tmp_path / "film.ome.zarr"
    with create_volume(film, SHAPE, np.uint16, format="ome-zarr") as writer:
        writer.write(0, volume.read(Box.whole(SHAPE)))
    out, options = film / "labels", plain(slab=1)

    def stop(text, done, total):
        if done == 3:
            raise CutOffError

    with pytest.raises(CutOffError):
        segment_volume(open_volume(film), segmenter, out, options, progress=stop)
    record = segment_volume(open_volume(film), segmenter, out, options)
    assert record["slabs"]["resumed"] >= 2
    np.testing.assert_array_equal(labels_in(out), labels_in(whole[0]))


def test_probabilities_are_written_too(volume, segmenter, slow, tmp_path):
    record = segment_volume(volume, segmenter, tmp_path, plain(probabilities=True))
    stack = open_volume(tmp_path / record["probabilities"])
    written = stack.read(Box.whole(stack.shape)) / 255
    corrected = CorrectedVolume(volume, fit_correction(volume, segmenter.recipe))
    box = Box((2, 0, 0), (3, *SHAPE[1:])).grow(segmenter.halo)
    scores = Scorer(segmenter)(np.ascontiguousarray(np.moveaxis(corrected.read(box), 0, -1)))
    np.testing.assert_allclose(written[2], scores, atol=0.5 / 255 + 1e-6)


def test_a_bigtiff_is_exported_whole(volume, segmenter, tmp_path):
    record = segment_volume(
        volume, segmenter, tmp_path, plain(format="bigtiff"), voxel_nm=(50.0, 10.0, 10.0)
    )
    assert record["labels"] == "labels.tif"
    np.testing.assert_array_equal(labels_in(tmp_path, "labels.tif"), labels_in(tmp_path))
    for name in ("labels.tif", "labels.ome.zarr"):
        assert open_volume(tmp_path / name).voxel_nm == pytest.approx((50, 10, 10))


def test_a_bigtiff_that_was_not_entered_is_exported_again(volume, segmenter, tmp_path):
    def stop(text, done, total):
        raise CutOffError

    options = plain(format="bigtiff")
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
            segment_volume(stack, segmenter, folder, plain(overwrite=True))
        assert not (folder / "ledger.json").exists()


def test_an_output_around_no_file_is_none_around_an_array(volume, segmenter, monkeypatch, tmp_path):
    """With the models' range it is no `ArrayVolume` any more, and still in memory."""
    monkeypatch.chdir(tmp_path)
    segment_volume(volume.with_range(volume.value_range), segmenter, Path(), plain())
    assert (tmp_path / "ledger.json").exists()


def test_previews_are_drawn(volume, segmenter, tmp_path):
    segment_volume(volume, segmenter, tmp_path, plain(previews=2))
    names = sorted(path.name for path in (tmp_path / "previews").iterdir())
    assert names == ["slice_0000.png", "slice_0004.png"]


def test_previews_that_lack_are_drawn_of_what_is_labelled_already(volume, segmenter, tmp_path):
    """More are wanted later, and one was deleted: the pictures are those of a first run."""
    segment_volume(volume, segmenter, tmp_path / "whole", plain(previews=3))
    wanted = (tmp_path / "whole" / "previews").iterdir()
    expected = {path.name: path.read_bytes() for path in wanted}
    assert len(expected) == 3
    for format_ in ("ome-zarr", "bigtiff"):
        options = plain(previews=3, format=format_)
        folder = tmp_path / format_
        segment_volume(volume, segmenter, folder, replace(options, previews=2))
        (folder / "previews" / "slice_0004.png").unlink()
        if format_ == "bigtiff":
            shutil.rmtree(folder / "labels.ome.zarr")  # nobody needs it once that is written
        segment_volume(volume, segmenter, folder, options)
        pictures = {path.name: path.read_bytes() for path in (folder / "previews").iterdir()}
        assert pictures == expected


def test_previews_are_those_of_the_labels_at_the_end(volume, segmenter, tmp_path, monkeypatch):
    drawn = {}

    def preview(outputs, z, classes, grey, inside=None):
        drawn[z] = (classes, grey)

    monkeypatch.setattr(Outputs, "_preview", preview)
    scores = Scorer(segmenter)(noise_block(segmenter))
    rough = replace(segmenter, postprocessing=PostProcessing(threshold=float(np.median(scores))))
    options, nm = plain(min_volume_nm3=30 * 5000.0, previews=2), (50.0, 10.0, 10.0)
    segment_volume(volume, rough, tmp_path, options, voxel_nm=nm)
    found = labels_in(tmp_path)
    assert (found != labels_in(tmp_path, "labels-2d.ome.zarr"))[[0, 4]].any()
    corrected = CorrectedVolume(volume, fit_correction(volume, rough.recipe))
    assert list(drawn) == [0, 4]
    for z, (classes, grey) in drawn.items():
        np.testing.assert_array_equal(255 * classes, found[z])
        np.testing.assert_array_equal(grey, corrected.slice(z))


def test_no_picture_of_labels_that_are_gone_stays(volume, segmenter, tmp_path):
    """A start that was stopped drew three of them, and the one that ends draws two."""

    def stop(text, done, total):
        if text == "components":
            raise KeyboardInterrupt

    def start(previews, progress=None):
        options, nm = plain(min_volume_nm3=30 * 5000.0, previews=previews), (50.0, 10.0, 10.0)
        segment_volume(volume, segmenter, tmp_path, options, voxel_nm=nm, progress=progress)

    with pytest.raises(KeyboardInterrupt):
        start(3, stop)
    (mine := tmp_path / "previews" / "mine.png").write_bytes(b"")
    start(2)
    pictures = sorted(path.name for path in (tmp_path / "previews").iterdir())
    assert pictures == [mine.name, "slice_0000.png", "slice_0004.png"]


def test_an_axis_whose_size_is_not_given_has_that_of_the_file(volume, segmenter, tmp_path):
    path = tmp_path / "stack.tif"
    how = {"format": "bigtiff", "voxel_nm": (None, 10.0, 20.0)}
    with create_volume(path, SHAPE, np.uint16, **how) as writer:
        writer.write(0, volume.read(Box.whole(SHAPE)))
    options = plain(min_volume_nm3=30 * 5000.0)
    record = segment_volume(
        open_volume(path), segmenter, tmp_path / "out", options, voxel_nm=(50.0, None, 5.0)
    )
    assert record["voxel_nm"] == pytest.approx([50, 10, 5])
    assert open_volume(tmp_path / "out" / "labels.ome.zarr").voxel_nm == pytest.approx((50, 10, 5))
