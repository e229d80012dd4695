"""OME-Zarr of this project and of others."""

import numpy as np
import pytest
import zarr

from fibsem.data.volumes import create_volume, open_volume, resolutions
from fibsem.geometry import Box
from tests.data.volumes.written import SHAPE, WRITTEN, foreign_zarr, refusal, voxels, write


@pytest.mark.parametrize("kind", ["zarr-0.4", "zarr-5d"])
def test_voxel_size_of_other_zarrs(tmp_path, kind):
    volume = open_volume(foreign_zarr(tmp_path, kind, voxels("uint8")))
    assert volume.voxel_nm == pytest.approx((50, 10, 20))


def test_zarr_without_multiscales(tmp_path):
    zarr.open_group(tmp_path / "bare.zarr", mode="w")
    assert "`multiscales`" in refusal(tmp_path / "bare.zarr")
    assert "bare.zarr" in refusal(tmp_path / "bare.zarr")


def test_zarr_with_broken_metadata(tmp_path):
    path = write(tmp_path, "ome-zarr", voxels("uint8"))
    (path / "zarr.json").write_text("{")
    assert str(path) in refusal(path)


@pytest.mark.parametrize(
    ("kind", "chunk", "lost"),
    [
        ("ome-zarr", "0/c/3/0/0", Box((3, 0, 0), (4, 13, 17))),
        ("zarr-0.4", "full/1.1.0", Box((2, 7, 0), (4, 13, 8))),
        ("zarr-5d", "full/c/0/0/1/1/0", Box((2, 7, 0), (4, 13, 8))),
    ],
)
def test_a_chunk_that_is_not_stored_is_damage_not_pores(tmp_path, kind, chunk, lost):
    array = voxels("uint8")
    path = write(tmp_path, kind, array) if kind in WRITTEN else foreign_zarr(tmp_path, kind, array)
    (path / chunk).unlink()
    (z, y, x), (stop, *_) = lost.start, lost.stop
    message = refusal(path)
    assert f"but {path}, slice {z} lacks the one from (y, x) = ({y}, {x}) on" in message
    above = Box((0, 0, 0), (2, 13, 17))
    np.testing.assert_array_equal(open_volume(path).read(above), array[above.slices])

    mended = open_volume(path, gaps=True)
    np.testing.assert_array_equal(mended.read(Box.whole(SHAPE))[z], array[z - 1])
    assert mended.missing == set(range(z, stop))
    array[lost.slices] = 0
    sparse = open_volume(path, sparse=True).read(Box.whole(SHAPE))
    np.testing.assert_array_equal(sparse, array)


@pytest.mark.parametrize("index", ["start", "end"])
@pytest.mark.parametrize("ndim", [3, 5])
def test_a_chunk_that_its_shard_does_not_store_is_damage_not_pores(tmp_path, index, ndim):
    array, before = voxels("uint8"), (1,) * (ndim - 3)
    array[array == 0] = 1
    array[2, 8:12, 4:8] = 0  # Zarr leaves out what holds nothing but the fill value
    shards = {"shape": (*before, 2, 12, 8), "index_location": index}
    stored = zarr.create_array(
        path := tmp_path / "sharded.zarr", shape=(*before, *SHAPE), dtype="uint8",
        chunks=(*before, 1, 4, 4), shards=shards, fill_value=0,
    )  # fmt: skip
    stored[:] = array.reshape(stored.shape)
    message = refusal(path)
    assert f"but {path}, slice 2 lacks the one from (y, x) = (8, 4) on" in message
    assert "sparse=true" in message
    volume = open_volume(path)
    for beside in (Box((0, 0, 0), (2, 13, 17)), Box((2, 0, 0), (3, 8, 17)), Box((3, 0, 0), SHAPE)):
        np.testing.assert_array_equal(volume.read(beside), array[beside.slices])
    np.testing.assert_array_equal(open_volume(path, sparse=True).whole(), array)
    assert open_volume(path, gaps=True).whole()[2, 9, 5] != 0


def test_slices_that_came_after_collected_metadata_are_there(tmp_path):
    array = voxels("uint8")
    group = zarr.open_group(path := tmp_path / "film.zarr", mode="w", zarr_format=2)
    stored = group.create_array("0", shape=(2, *SHAPE[1:]), chunks=(1, 8, 8), dtype="uint8")
    stored[:] = array[:2]
    group.attrs["multiscales"] = [{"datasets": [{"path": "0"}]}]
    zarr.consolidate_metadata(path)
    stored = zarr.open_group(path, mode="a", use_consolidated=False)["0"]
    stored.resize(SHAPE)
    stored[2:] = array[2:]
    np.testing.assert_array_equal(open_volume(path).whole(), array)  # it was the first two slices


def test_a_written_zarr_stores_its_zeros(tmp_path):
    black = np.zeros(SHAPE, np.uint8)
    path = write(tmp_path, "ome-zarr", black)
    with create_volume(path, SHAPE, np.uint8, format="ome-zarr", resume=True) as writer:
        writer.write(1, black[1:3])
    np.testing.assert_array_equal(open_volume(path).read(Box.whole(SHAPE)), black)


def test_bare_array_is_a_volume(tmp_path):
    array = voxels("uint8")
    path = write(tmp_path, "ome-zarr", array)
    np.testing.assert_array_equal(open_volume(path / "0").read(Box.whole(SHAPE)), array)


@pytest.mark.parametrize("shape", [(4, 6), (3, 2, 4, 6)])
def test_zarr_of_other_axes(tmp_path, shape):
    zarr.create_array(tmp_path / "odd.zarr", shape=shape, dtype="u1")
    message = refusal(tmp_path / "odd.zarr")
    assert "one stack with axes z, y, x" in message
    assert str(shape) in message


def test_zarr_of_another_dtype(tmp_path):
    zarr.create_array(tmp_path / "odd.zarr", shape=SHAPE, dtype="f8")
    message = refusal(tmp_path / "odd.zarr")
    assert "uint8, uint16, float32" in message
    assert "float64" in message


def named(path, names, kind):
    """An array of Zarr 3 or 2 that says how its axes are called."""
    if kind == "zarr 3":
        zarr.create_array(path, shape=SHAPE, dtype="u1", dimension_names=names)
    else:
        array = zarr.create_array(path, shape=SHAPE, dtype="u1", zarr_format=2)
        array.attrs["_ARRAY_DIMENSIONS"] = names
    zarr.open_array(path)[...] = voxels("uint8")


@pytest.mark.parametrize("kind", ["zarr 3", "xarray"])
@pytest.mark.parametrize("inside", [False, True], ids=["array", "group"])
@pytest.mark.parametrize("names", [["x", "y", "z"], ["y", "x", "z"], ["row", "z", "x"]])
def test_an_array_of_another_order_of_its_own_axes_is_refused(tmp_path, kind, names, inside):
    path = tmp_path / "odd.zarr"
    if inside:
        group = zarr.open_group(path, mode="w", zarr_format=3 if kind == "zarr 3" else 2)
        group.attrs["multiscales"] = [{"datasets": [{"path": "0"}]}]
    named(path / "0" if inside else path, names, kind)
    assert "one stack with axes z, y, x, but" in refusal(path)


@pytest.mark.parametrize("kind", ["zarr 3", "xarray"])
@pytest.mark.parametrize("names", [["z", "y", "x"], ["Z", "Y", "X"], ["dim_0", "dim_1", "dim_2"]])
def test_an_array_whose_own_axes_are_in_order_is_read(tmp_path, kind, names):
    named(tmp_path / "film.zarr", names, kind)
    np.testing.assert_array_equal(open_volume(tmp_path / "film.zarr").whole(), voxels("uint8"))


@pytest.mark.parametrize(
    "names", [["raw", "raw"], [None, None], ["", ""]], ids=["one name", "null", "empty"]
)
def test_two_pictures_of_one_name_are_both_there(tmp_path, names):
    """None of them stands for the other: the number tells them apart."""
    group = zarr.open_group(tmp_path / "two.zarr", mode="w", zarr_format=2)
    pictures = [voxels("uint8"), 255 - voxels("uint8")]
    for k, picture in enumerate(pictures):
        group.create_array(str(k), data=picture)
    group.attrs["multiscales"] = [
        {"name": name, "datasets": [{"path": str(k)}]} for k, name in enumerate(names)
    ]
    message = refusal(tmp_path / "two.zarr")
    assert f"holds 2: {', '.join(map(str, names)) if names[0] else '0, 1'}; `series`" in message
    for k, picture in enumerate(pictures):
        film = open_volume(tmp_path / "two.zarr", series=k)
        np.testing.assert_array_equal(film.whole(), picture)
        (full,) = resolutions(tmp_path / "two.zarr", str(k))
        np.testing.assert_array_equal(full[...], picture)
    if names[0]:
        assert "and `series` is raw" in refusal(tmp_path / "two.zarr", series="raw")


def test_a_scale_without_a_number_for_every_axis_is_refused_by_name(tmp_path):
    path = foreign_zarr(tmp_path, "zarr-0.4", voxels("uint8"))
    group = zarr.open_group(path)
    (multiscale,) = group.attrs["multiscales"]
    multiscale["datasets"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [50, 10]}]
    group.attrs["multiscales"] = [multiscale]
    assert "`scale` of an OME-Zarr must have a number for every axis" in refusal(path)
