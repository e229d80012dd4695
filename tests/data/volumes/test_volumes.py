"""One suite for every kind, then what each may refuse; numpy indexing is the reference."""

import io
import json
import pickle
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fibsem.data.volumes import ArrayVolume, open_volume, stated_nm
from fibsem.data.volumes.picture import as_png, middle_of
from fibsem.errors import UserError
from fibsem.geometry import Box
from tests.data.volumes.written import (
    DTYPES,
    FOREIGN,
    SHAPE,
    WRITTEN,
    foreign_zarr,
    series,
    voxels,
    write,
    write_foreign,
    zipped,
)


@pytest.fixture(scope="module", params=[(f, d) for f in WRITTEN + FOREIGN for d in DTYPES])
def stored(request, tmp_path_factory):
    """A volume and the array it must equal."""
    kind, dtype = request.param
    array, folder = voxels(dtype), tmp_path_factory.mktemp("stored")
    if kind == "array":
        return ArrayVolume(array), array
    path = write(folder, kind, array) if kind in WRITTEN else write_foreign(folder, kind, array)
    return open_volume(path), array


@st.composite
def boxes(draw):
    ends = [sorted((draw(st.integers(0, n)), draw(st.integers(0, n)))) for n in SHAPE]
    return Box(tuple(a for a, _ in ends), tuple(b for _, b in ends))


def test_header_is_that_of_the_array(stored):
    volume, array = stored
    assert (volume.shape, volume.dtype) == (array.shape, array.dtype)
    assert volume.dtype.isnative
    assert isinstance(volume.path, Path)
    assert json.loads(json.dumps(volume.signature())) == volume.signature()


@settings(max_examples=12, deadline=None)
@given(box=boxes())
def test_every_box_equals_numpy_indexing(stored, box):
    volume, array = stored
    block = volume.read(box)
    assert block.dtype == array.dtype
    np.testing.assert_array_equal(block, array[box.slices])
    # Division in float32 on both sides: equal to the last bit.
    unit = array[box.slices].astype(np.float32) / np.float32(volume.value_range[1])
    np.testing.assert_array_equal(volume.read_unit(box), unit)
    np.testing.assert_array_equal(volume[box.slices], block)


def test_every_index_of_numbers_and_slices_equals_numpy_indexing(stored):
    volume, array = stored
    for key in (
        0,
        -1,
        ...,
        (..., 3),
        (1, ..., -2),
        (0, 1, 2),
        np.int64(1),
        slice(2, 2),
        (slice(9),),
    ):
        np.testing.assert_array_equal(volume[key], array[key])


def test_a_volume_is_an_array_for_numpy_and_says_what_it_cannot_read(stored):
    volume, array = stored
    np.testing.assert_array_equal(np.asarray(volume, np.float64), array)
    np.testing.assert_array_equal(list(volume), array)
    assert "data:image/png;base64,iVBOR" in volume._repr_html_()
    with pytest.raises(ValueError, match="which is a copy"):
        np.asarray(volume, copy=False)
    for key in ([0], slice(None, None, 2), None, 0.5, (0, 0, 0, 0), (..., ...), "z", array > 0):
        with pytest.raises(UserError, match=r"an index of a volume must be numbers and slices"):
            volume[key]
    with pytest.raises(UserError, match=r"must be a Box\(start, stop\), but got \(0, 1\)"):
        volume.read((0, 1))


def test_what_is_read_belongs_to_the_reader(stored):
    volume, array = stored
    volume.read(Box.whole(SHAPE))[:] = 0
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), array)


@pytest.mark.parametrize("grown", [(0, 0, 1), (1, 0, 0), (-9, -9, -9)])
def test_a_box_outside_is_refused(stored, grown):
    with pytest.raises(UserError, match=r"must lie inside its volume, from \(0, 0, 0\) to "):
        stored[0].read(Box.whole(SHAPE).grow(grown))


def test_a_volume_shows_its_middle_slice(tmp_path):
    """Of which every n-th pixel is shown; also one whose pores are few."""
    assert middle_of((3, 2, 1030)) == Box((1, 0, 0), (2, 2, 1030))
    grey = np.zeros((3, 2, 1030), np.uint16)
    grey[1, :, 600:] = 4000
    shown = np.asarray(Image.open(io.BytesIO(as_png(grey[1]))))
    np.testing.assert_array_equal(shown, 255 * (grey[1, ::3, ::3] > 0))
    few = np.zeros((1, 100, 100), np.uint8)
    few[0, 5, 5] = 255
    shown = np.asarray(Image.open(io.BytesIO(as_png(few[0]))))
    np.testing.assert_array_equal(shown, few[0])
    path = write(tmp_path, "tiff", grey)
    volume = open_volume(path)
    shutil.rmtree(path)
    assert "without a picture: " in volume._repr_html_()


@pytest.mark.parametrize("kind", [*WRITTEN, "zarr-0.4"])
def test_threads_and_processes_may_share_a_volume(tmp_path, kind):
    array = voxels("uint16")
    path = write(tmp_path, kind, array) if kind in WRITTEN else foreign_zarr(tmp_path, kind, array)
    volume = pickle.loads(pickle.dumps(open_volume(path)))
    layers = [Box((z, 0, 0), (z + 1, *SHAPE[1:])) for z in range(SHAPE[0])] * 4
    with ThreadPoolExecutor(4) as pool:
        for box, block in zip(layers, pool.map(volume.read, layers), strict=True):
            np.testing.assert_array_equal(block, array[box.slices])


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("voxel_nm", [(50.0, 7.3, 10.0), (None, 10.0, 10.0), (None,) * 3])
def test_voxel_size_comes_back(tmp_path, kind, voxel_nm):
    path = write(tmp_path, kind, voxels("uint8"), voxel_nm=voxel_nm)
    # TIFF keeps sizes as fractions of 32-bit integers, hence the tolerance.
    for found, given_nm in zip(open_volume(path).voxel_nm, voxel_nm, strict=True):
        assert found == (given_nm and pytest.approx(given_nm, rel=1e-8))


@pytest.mark.parametrize("kind", WRITTEN)
def test_axes_of_unknown_size_stay_unknown(tmp_path, kind):
    path = write(tmp_path, kind, voxels("uint8"), voxel_nm=(50.0, None, 10.0))
    assert open_volume(path).voxel_nm == pytest.approx((50.0, None, 10.0))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"imagej": True, "resolution": (100, 50), "metadata": {"spacing": 0.05, "unit": "um"}},
         (50, 20, 10)),
        ({"resolution": (1e6, 1e6), "resolutionunit": "CENTIMETER"}, (None, 10, 10)),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, (None, None, None)),
        ({"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 10, "PhysicalSizeXUnit": "nm",
                                    "PhysicalSizeZ": 0.05}}, (50, None, 10)),
        ({}, (None, None, None)),
    ],
)  # fmt: skip
def test_voxel_size_of_other_programs(tmp_path, options, expected):
    tifffile.imwrite(tmp_path / "s.tif", voxels("uint8"), **options)
    assert open_volume(tmp_path / "s.tif").voxel_nm == pytest.approx(expected)


def test_each_axis_has_the_size_of_the_first_that_states_it():
    given, file, model = (None, None, 8.0), (None, 10.0, 10.0), (50.0, 20.0, 20.0)
    assert stated_nm(given, file, model) == (50.0, 10.0, 8.0)
    assert stated_nm(given, file) == (None, 10.0, 8.0)


def test_opening_many_slices_is_quick(tmp_path):
    series(tmp_path, [f"s{z}.tif" for z in range(200)], np.zeros((200, 64, 64), np.uint8))
    started = time.perf_counter()
    open_volume(tmp_path)
    # Takes 0.05 s; the bound leaves room for a busy machine.
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("kind", WRITTEN)
def test_signature_follows_the_content_not_the_place(tmp_path, kind):
    path = write(tmp_path, kind, voxels("uint8"))
    before = open_volume(path).signature()
    moved = path.rename(path.with_name("moved" if path.is_dir() else path.name))
    assert open_volume(moved).signature() == before
    assert open_volume(moved, value_range=(0, 9)).signature() != before
    changed = next(f for f in sorted(moved.rglob("*")) if f.is_file()) if moved.is_dir() else moved
    changed.write_bytes(changed.read_bytes())
    assert open_volume(moved).signature() != before


def test_signature_in_an_archive_and_in_memory(tmp_path):
    array = voxels("uint8")
    first = open_volume(zipped(tmp_path, array)).signature()
    assert first == open_volume(zipped(tmp_path, array)).signature()
    assert first != open_volume(zipped(tmp_path, array // 2)).signature()
    assert ArrayVolume(array).signature() != ArrayVolume(array // 2).signature()
