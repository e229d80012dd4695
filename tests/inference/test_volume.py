"""Whole volumes: equal to the slow way, whatever the tiles, the format and the interruptions."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing, segment_slice
from fibsem.data.preprocessing import CorrectedVolume, Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.predict import compiled, sliding_window
from fibsem.inference.volume import Options, Segmenter, segment_volume

SHAPE = (5, 37, 53)


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(5)
    return ArrayVolume(rng.integers(0, 65535, SHAPE).astype(np.uint16))


@pytest.fixture(scope="module")
def segmenter(trained):
    spec, model = trained(11)
    return Segmenter(spec, model, Recipe(), PostProcessing(1.0, 0.5, 1, 5), "weights-1")


def labels(folder, name="labels.ome.zarr"):
    stack = open_volume(folder / name)
    return stack.read(Box.whole(stack.shape))


@pytest.fixture(scope="module")
def slow(volume, segmenter):
    """Patch by patch over the whole corrected volume, mirrored at its borders."""
    corrected = CorrectedVolume(volume, fit_correction(volume, segmenter.recipe))
    forward = compiled(segmenter.model)
    slices = []
    for z in range(SHAPE[0]):
        box = Box((z, 0, 0), (z + 1, *SHAPE[1:])).grow(segmenter.spec.halo)
        block = np.moveaxis(corrected.read(box), 0, -1)
        scores = sliding_window(forward, np.ascontiguousarray(block), segmenter.spec)
        slices.append(segment_slice(scores, segmenter.postprocessing))
    return np.stack(slices)


def test_it_is_the_patch_by_patch_result(volume, segmenter, slow, tmp_path):
    record = segment_volume(volume, segmenter, tmp_path, Options())
    found = labels(tmp_path)
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
    assert len((tmp_path / "porosity.csv").read_text().splitlines()) == 1 + SHAPE[0]


@pytest.mark.parametrize("memory", [0.004, 0.01, 4.0])
def test_tiles_change_nothing(volume, segmenter, tmp_path, memory):
    segment_volume(volume, segmenter, tmp_path / "a", Options())
    segment_volume(volume, segmenter, tmp_path / "b", Options(memory_gib=memory, slab=1))
    assert (labels(tmp_path / "a") != labels(tmp_path / "b")).mean() < 1e-3


def test_both_formats_hold_the_same_labels(volume, segmenter, tmp_path):
    segment_volume(volume, segmenter, tmp_path / "a", Options(), voxel_nm=(50.0, 10.0, 10.0))
    segment_volume(
        volume, segmenter, tmp_path / "b", Options(format="tiff"), voxel_nm=(50.0, 10.0, 10.0)
    )
    np.testing.assert_array_equal(labels(tmp_path / "a"), labels(tmp_path / "b", "labels"))
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
    segmenter = Segmenter(spec, build(spec), Recipe(), PostProcessing(), "weights-2")
    record = segment_volume(small, segmenter, tmp_path, Options(), say=said.append)
    assert record["mode"] == "patch"
    assert "patch by patch" in said[0]
    assert "hours" in said[0]


class CutOffError(Exception):
    pass


def test_a_segmentation_cut_off_goes_on(volume, segmenter, tmp_path):
    segment_volume(volume, segmenter, tmp_path / "whole", Options(slab=1))

    def stop(text, done, total):
        if done == 3:
            raise CutOffError

    options = Options(slab=1)
    with pytest.raises(CutOffError):
        segment_volume(volume, segmenter, tmp_path / "cut", options, progress=stop)
    record = segment_volume(volume, segmenter, tmp_path / "cut", options)
    assert record["slabs"] == {"done": 5, "resumed": 2}
    np.testing.assert_array_equal(labels(tmp_path / "cut"), labels(tmp_path / "whole"))


def test_another_model_volume_or_option_is_refused_in_the_same_folder(volume, segmenter, tmp_path):
    segment_volume(volume, segmenter, tmp_path, Options())
    other = replace(segmenter, identity="weights-9")
    with pytest.raises(UserError, match=r"another model; .*overwrite=true"):
        segment_volume(volume, other, tmp_path, Options())
    brighter = ArrayVolume(volume.read(Box.whole(SHAPE)) // 2)
    with pytest.raises(UserError, match="another volume"):
        segment_volume(brighter, segmenter, tmp_path, Options())
    with pytest.raises(UserError, match="another precision"):
        segment_volume(volume, segmenter, tmp_path, Options(precision="bfloat16"))
    segment_volume(brighter, segmenter, tmp_path, Options(overwrite=True))


def test_bfloat16_labels_nearly_the_same(volume, segmenter, tmp_path):
    segment_volume(volume, segmenter, tmp_path / "a", Options())
    segment_volume(volume, segmenter, tmp_path / "b", Options(precision="bfloat16"))
    assert (labels(tmp_path / "a") != labels(tmp_path / "b")).mean() < 0.05
