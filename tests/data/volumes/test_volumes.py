"""One suite for every kind, then what each may refuse; numpy indexing is the reference."""

import json
import pickle
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem.data.volumes import ArrayVolume, create_volume, known_nm, natural_key, open_volume
from fibsem.data.volumes.source import open_zip
from fibsem.errors import UserError
from fibsem.geometry import Box

SHAPE = (5, 13, 17)
DTYPES = ("uint8", "uint16", "float32")
WRITTEN = ("tiff", "bigtiff", "ome-zarr")
FOREIGN = (
    "zip", "lzw", "deflate", "zstd", "big-endian", "imagej", "imagej-one-page", "strips", "tiles",
    "ome-tiff", "zarr-0.4", "zarr-5d", "array",
)  # fmt: skip


def voxels(dtype, shape=SHAPE):
    rng = np.random.default_rng(7)
    if dtype == "float32":
        return rng.random(shape, np.float32)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def write(folder, kind, array, **options):
    path = folder / ("stack.tif" if kind == "bigtiff" else "stack")
    with create_volume(path, array.shape, array.dtype, format=kind, **options) as writer:
        writer.write(0, array[:2])
        writer.write(2, array[2:])
    return path


def write_foreign(folder, kind, array):
    """The same voxels as other programs may have left them."""
    path = folder / "stack.tif"
    plain = {"photometric": "minisblack"}
    match kind:
        case "zip":
            return zipped(folder, array)
        case "lzw" | "deflate" | "zstd":
            tifffile.imwrite(path, array, compression=kind, predictor=kind == "lzw", **plain)
        case "big-endian":
            tifffile.imwrite(path, array, byteorder=">", **plain)
        case "imagej" | "imagej-one-page":
            tifffile.imwrite(path, array, imagej=True, truncate=kind == "imagej-one-page")
        case "strips":
            tifffile.imwrite(path, array, rowsperstrip=4, compression="zlib", **plain)
        case "tiles":
            tifffile.imwrite(path, array, tile=(16, 16), **plain)
        case "ome-tiff":
            tifffile.imwrite(path, array, ome=True, metadata={"axes": "ZYX"}, **plain)
        case "zarr-0.4" | "zarr-5d":
            return foreign_zarr(folder, kind, array)
    return path


def zipped(folder, array):
    with zipfile.ZipFile(folder / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for z, image in enumerate(array, 1):
            tifffile.imwrite(folder / "slice.tif", image)
            archive.write(folder / "slice.tif", f"data/raw/HPC22/HPC22_{z:04d}.tif")
        archive.writestr("data/raw/HPC22/notes.csv", "z")
    return open_zip(folder / "archive.zip") / "data" / "raw" / "HPC22"


def foreign_zarr(folder, kind, array):
    path, leading = folder / "stack.zarr", (1, 1) if kind == "zarr-5d" else ()
    group = zarr.open_group(path, mode="w", zarr_format=2 if kind == "zarr-0.4" else 3)
    stored = group.create_array(
        "full", shape=leading + array.shape, dtype=array.dtype, chunks=(*leading, 2, 7, 8)
    )
    stored[...] = array.reshape(leading + array.shape)
    axes = [{"name": n} for n in "tc"[: len(leading)]]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]
    scale = [{"type": "scale", "scale": [1.0] * len(leading) + [0.05, 0.01, 0.02]}]
    multiscales = [
        {"axes": axes, "datasets": [{"path": "full", "coordinateTransformations": scale}]}
    ]
    if kind == "zarr-0.4":
        group.attrs["multiscales"] = multiscales
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    return path


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


def test_what_is_read_belongs_to_the_reader(stored):
    volume, array = stored
    volume.read(Box.whole(SHAPE))[:] = 0
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), array)


@pytest.mark.parametrize("grown", [(0, 0, 1), (1, 0, 0), (-9, -9, -9)])
def test_box_outside_is_a_bug_of_the_caller(stored, grown):
    with pytest.raises(ValueError, match="inside"):
        stored[0].read(Box.whole(SHAPE).grow(grown))


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
    assert known_nm(given, file, model) == (50.0, 10.0, 8.0)
    assert known_nm(given, file) == (None, 10.0, 8.0)


@pytest.mark.parametrize("gaps", [False, True])
def test_a_chunk_of_many_slices_is_decoded_once(tmp_path, monkeypatch, gaps):
    path = foreign_zarr(tmp_path, "zarr-0.4", array := voxels("uint8"))
    read = []
    get = zarr.storage.LocalStore.get

    async def counted(self, key, *arguments, **options):
        read.append(key)
        return await get(self, key, *arguments, **options)

    monkeypatch.setattr(zarr.storage.LocalStore, "get", counted)
    volume = open_volume(path, gaps=gaps)
    layers = [volume.read(Box((z, 0, 0), (z + 1, *SHAPE[1:]))) for z in range(SHAPE[0])]
    np.testing.assert_array_equal(np.concatenate(layers), array)
    chunks = [key for key in read if key.rpartition("/")[2][0].isdigit()]
    assert len(chunks) == len(set(chunks)) == 3 * 2 * 3  # of 2 x 7 x 8 voxels
    assert volume.kept_bytes == 2 * 13 * 17


def test_layers_that_are_too_large_are_not_kept(tmp_path, monkeypatch):
    path = foreign_zarr(tmp_path, "zarr-5d", array := voxels("uint16"))
    monkeypatch.setattr("fibsem.data.volumes.layered.MOST_BYTES", 100)
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), array)
    assert volume.kept_bytes == 0


@pytest.mark.parametrize("kind", ["zarr-0.4", "zarr-5d"])
def test_voxel_size_of_other_zarrs(tmp_path, kind):
    volume = open_volume(foreign_zarr(tmp_path, kind, voxels("uint8")))
    assert volume.voxel_nm == pytest.approx((50, 10, 20))


def test_one_page_is_a_volume_of_one_slice(tmp_path):
    array = voxels("uint16")[0]
    tifffile.imwrite(tmp_path / "one.tif", array)
    volume = open_volume(str(tmp_path / "one.tif"))
    assert volume.shape == (1, *SHAPE[1:])
    np.testing.assert_array_equal(volume.read(Box.whole(volume.shape))[0], array)


def test_thumbnails_are_no_slices(tmp_path):
    array = voxels("uint8")
    with tifffile.TiffWriter(tmp_path / "s.tif") as tiff:
        tiff.write(array[0])
        tiff.write(array[0, :4, :4], subfiletype=1)
    assert open_volume(tmp_path / "s.tif").shape == (1, *SHAPE[1:])


# Folders of slices


def series(folder, names, array=None):
    folder.mkdir(exist_ok=True)
    array = voxels("uint8", (len(names), 4, 6)) if array is None else array
    for name, image in zip(names, array, strict=True):
        tifffile.imwrite(folder / name, image)
    return array


def read_unit(path, **options):
    volume = open_volume(path, **options)
    return volume.read_unit(Box.whole(volume.shape))


def refusal(path, **options):
    """The message with which a path is refused, which must be one line."""
    with pytest.raises(UserError) as caught:
        read_unit(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_natural_order_of_names(tmp_path):
    names = ["s10.TIF", "s9.tif", "s8.TIFF", "S11.tif"]
    assert sorted(names, key=natural_key) == ["s8.TIFF", "s9.tif", "s10.TIF", "S11.tif"]
    array = series(tmp_path, names)
    np.testing.assert_array_equal(
        open_volume(tmp_path).read(Box.whole((4, 4, 6))), array[[2, 1, 0, 3]]
    )


@given(st.lists(st.text("aB01.²٣", max_size=6), max_size=6))
def test_natural_order_is_total(names):
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


def test_other_files_are_ignored(tmp_path):
    series(tmp_path, ["s1.tif", "s2.tif"])
    for name in ("Thumbs.db", "notes.csv", "._s1.tif", ".s3.tif.12.tmp", "s1.tif.xml"):
        (tmp_path / name).write_bytes(b"?")
    (tmp_path / "masks.tif").mkdir()
    assert open_volume(tmp_path).shape[0] == 2


@pytest.mark.parametrize(
    "names",
    [
        ["s7.tif", "s8.tif"],
        ["only5.tif"],
        ["s1_z0.tif", "s2_z50.tif", "s3_z100.tif"],
    ],
)
def test_numbers_that_run(tmp_path, names):
    series(tmp_path, names)
    assert open_volume(tmp_path).shape[0] == len(names)


def test_missing_number_is_named(tmp_path):
    series(tmp_path, ["slice_0002.tif", "slice_0004.tif", "slice_0001.tif"])
    message = refusal(tmp_path)
    assert "without gaps" in message
    assert "slice_0003.tif is missing between slice_0002.tif and slice_0004.tif" in message


def test_repeated_number_is_named(tmp_path):
    series(tmp_path, ["s1.tif", "s01.tif", "s2.tif"])
    assert "must occur once" in refusal(tmp_path)
    assert "s01.tif and s1.tif" in refusal(tmp_path)


@pytest.mark.parametrize("content", [[], ["notes.csv"]])
def test_folder_without_slices(tmp_path, content):
    for name in content:
        (tmp_path / name).write_text("z")
    message = refusal(tmp_path)
    assert "must hold TIFF slices" in message
    assert str(tmp_path) in message


@pytest.mark.parametrize("in_zip", [False, True])
def test_path_that_is_not_there(tmp_path, in_zip):
    path = tmp_path / "nowhere"
    if in_zip:
        zipped(tmp_path, voxels("uint8"))
        path = open_zip(tmp_path / "archive.zip") / "nowhere"
    message = refusal(path)
    assert "nowhere is not there" in message
    assert "folder of TIFF slices" in message


@pytest.mark.parametrize(
    ("odd", "what", "value"),
    [
        (np.zeros((4, 5), np.uint8), "shape", "(4, 5)"),
        (np.zeros((4, 6), np.uint16), "dtype", "uint16"),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "pages", "zip"])
def test_slices_of_another_kind(tmp_path, kind, odd, what, value):
    even = np.zeros((4, 6), np.uint8)
    path = tmp_path / "stack"
    series(path, ["s1.tif", "s2.tif", "s3.tif"], [even, even, odd])
    name = "s3.tif"
    if kind == "pages":
        path, name = tmp_path / "stack.tif", "page 2 of"
        with tifffile.TiffWriter(path) as tiff:
            for image in (even, even, odd):
                tiff.write(image)
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for file in path.iterdir():
                archive.write(file, f"stack/{file.name}")
        path = open_zip(tmp_path / "a.zip") / "stack"
    message = refusal(path)
    assert f"all slices must have the {what}" in message
    assert name in message
    assert value in message


@pytest.mark.parametrize("odd", [np.zeros((4, 5), np.uint8), np.zeros((4, 6), np.uint16)])
@pytest.mark.parametrize("kind", ["folder", "pages"])
@pytest.mark.parametrize("z", [0, 2])
def test_slices_of_another_kind_than_most_are_gaps(tmp_path, kind, odd, z):
    images = list(voxels("uint8", (4, 4, 6)))
    expected, images[z] = np.stack(images), odd
    expected[z] = expected[1]
    path = tmp_path / "stack"
    if kind == "folder":
        series(path, [f"s{k}.tif" for k in range(4)], images)
    else:
        with tifffile.TiffWriter(path := tmp_path / "stack.tif") as tiff:
            for image in images:
                tiff.write(image)
    volume = open_volume(path, gaps=True)
    np.testing.assert_array_equal(volume.read(Box.whole((4, 4, 6))), expected)
    assert volume.missing == {z}


def test_a_page_without_pixels_is_a_gap(tmp_path):
    array = voxels("uint8", (3, 4, 6))
    with tifffile.TiffWriter(tmp_path / "stack.tif") as tiff:
        for image in array:
            tiff.write(image, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(tmp_path / "stack.tif", mode="r+") as tiff:
        tiff.pages[1].tags["StripByteCounts"].overwrite(0)
    assert "strips without pixels" in refusal(tmp_path / "stack.tif")
    volume = open_volume(tmp_path / "stack.tif", gaps=True)
    np.testing.assert_array_equal(volume.read(Box.whole((3, 4, 6))), array[[0, 0, 2]])
    assert volume.missing == {1}


def test_slice_of_many_pages(tmp_path):
    series(tmp_path, ["s1.tif", "s2.tif"], np.zeros((2, 2, 4, 6), np.uint8))
    message = refusal(tmp_path)
    assert "must hold one slice" in message
    assert "s1.tif holds 2 pages" in message


@pytest.mark.parametrize("colours", [3, 4])
def test_colour_is_refused(tmp_path, colours):
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((4, 6, colours), "u1"), photometric="rgb")
    for path in (tmp_path / "colour.tif", tmp_path):
        message = refusal(path)
        assert "must be grey" in message
        assert f"colour.tif has {colours}" in message


@pytest.mark.parametrize("dtype", ["int16", "float64", "uint32", "bool"])
def test_other_dtypes_are_refused_with_the_choices(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "odd.tif", np.zeros((3, 4, 6), dtype), photometric="minisblack")
    message = refusal(tmp_path / "odd.tif")
    assert "uint8, uint16, float32" in message
    assert "odd.tif" in message
    assert dtype in message


def test_four_axes_are_refused(tmp_path):
    array = np.zeros((2, 3, 4, 6), "u1")
    tifffile.imwrite(tmp_path / "t.tif", array, photometric="minisblack")
    assert "three axes (z, y, x)" in refusal(tmp_path / "t.tif")


@pytest.mark.parametrize("content", [b"", b"II", b"not a TIFF at all", b"II*\0\xff\xff\xff\0"])
def test_other_files_are_refused(tmp_path, content):
    series(tmp_path, ["s1.tif", "s2.tif"])
    (tmp_path / "s2.tif").write_bytes(content)
    for path in (tmp_path, tmp_path / "s2.tif"):
        message = refusal(path)
        assert "must be" in message
        assert "s2.tif" in message


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("pages", [1, 6])
def test_truncated_files_are_refused(tmp_path, compression, share, pages):
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, voxels("uint8", (pages, 40, 50)), compression=compression)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    message = refusal(path)
    assert "must be" in message
    assert "cut.tif" in message


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_cut_files_are_refused_or_read_as_they_were(tmp_path, compression):
    path, array = tmp_path / "cut.tif", voxels("uint8")
    tifffile.imwrite(path, array, compression=compression)
    whole = path.read_bytes()
    for length in range(0, len(whole), 23):
        path.write_bytes(whole[:length])
        try:
            read = open_volume(path).read(Box.whole(SHAPE))
        except UserError:
            continue
        # Only what follows the last pixels was cut.
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd"])
def test_damaged_pixels_are_refused_with_the_slice(tmp_path, compression):
    for z in (1, 2):
        tifffile.imwrite(tmp_path / f"s{z}.tif", voxels("uint8")[z], compression=compression)
    damage(tmp_path / "s2.tif")
    assert "s2.tif" in refusal(tmp_path)


def test_strips_that_were_never_written_are_refused(tmp_path):
    path = tmp_path / "holes.tif"
    tifffile.imwrite(path, voxels("uint8")[0], compression="zlib", rowsperstrip=4)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        counts = tiff.pages.first.tags["StripByteCounts"]
        counts.overwrite((*counts.value[:-1], 0))
    message = refusal(path)
    assert "strips without pixels" in message
    assert "holes.tif" in message


def damage(path):
    with tifffile.TiffFile(path) as tiff:
        start, count = tiff.pages[-1].dataoffsets[0], tiff.pages[-1].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start : start + count] = b"\xff" * count
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["folder", "pages", "ome-zarr"])
def test_other_slices_are_not_touched(tmp_path, kind):
    array = voxels("uint8")
    path = write(tmp_path, {"folder": "tiff", "pages": "bigtiff"}.get(kind, kind), array)
    volume = open_volume(path)
    match kind:
        case "folder":
            damage(path / "slice_0004.tif")
        case "pages":
            damage(path)
        case _:
            (path / "0" / "c" / "4" / "0" / "0").write_bytes(b"?")
    above = Box((0, 2, 3), (4, 9, 11))
    np.testing.assert_array_equal(volume.read(above), array[above.slices])
    with pytest.raises(UserError, match="stack") as caught:
        volume.read(Box.whole(SHAPE))
    assert "\n" not in str(caught.value)


def test_opening_many_slices_is_quick(tmp_path):
    series(tmp_path, [f"s{z}.tif" for z in range(200)], np.zeros((200, 64, 64), np.uint8))
    started = time.perf_counter()
    open_volume(tmp_path)
    # Takes 0.05 s; the bound leaves room for a busy machine.
    assert time.perf_counter() - started < 1


# Grey values


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path, bad):
    array = voxels("float32", (3, 4, 6))
    array[1, 2, 3] = bad
    series(tmp_path, ["s0.tif", "s1.tif", "s2.tif"], array)
    message = refusal(tmp_path, value_range=(0, 1))
    assert "must be finite" in message
    assert f"slice 1 ({tmp_path / 's1.tif'}) holds {bad}" in message
    with pytest.raises(UserError, match=r"s1\.tif"):
        open_volume(tmp_path).read(Box.whole((3, 4, 6)))

    volume = open_volume(tmp_path, gaps=True)
    np.testing.assert_array_equal(volume.read(Box.whole((3, 4, 6))), array[[0, 0, 2]])
    assert volume.missing == {1}


@pytest.mark.parametrize("beyond", [-0.25, 814.0])
def test_float_beyond_one_asks_for_a_range(tmp_path, beyond):
    array = voxels("float32", (2, 4, 6))
    array[1, 0, 0] = beyond
    series(tmp_path, ["s0.tif", "s1.tif"], array)
    message = refusal(tmp_path)
    assert "declare range=[low,high]" in message
    assert "s1.tif" in message
    assert str(beyond) in message
    np.testing.assert_array_equal(open_volume(tmp_path).read(Box.whole((2, 4, 6))), array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_declared_range_maps_to_unit_and_clips(dtype):
    array = np.array([0, 10, 20, 30, 40], dtype).reshape(1, 1, 5)
    volume = ArrayVolume(array, value_range=(10, 30))
    unit = volume.read_unit(Box.whole(array.shape))
    assert unit.dtype == np.float32
    assert unit.ravel().tolist() == [0, 0, 0.5, 1, 1]
    assert volume.value_range == (10.0, 30.0)


@pytest.mark.parametrize("bad", [(1, 1), (3, 2), (0, np.nan), (0, np.inf), (1, 2, 3)])
def test_ranges_that_are_none(tmp_path, bad):
    series(tmp_path, ["s0.tif"])
    message = refusal(tmp_path, value_range=bad)
    assert "`range` must be two finite numbers" in message
    assert str(bad[1]) in message


@pytest.mark.parametrize("bad", [5, "0-255", [], ["a", "b"], {"low": 0, "high": 1}])
def test_ranges_that_are_not_even_two_numbers(tmp_path, bad):
    series(tmp_path, ["s0.tif"])
    assert refusal(tmp_path, value_range=bad) == (
        f"`range` must be two finite numbers, low < high, but got {bad}."
    )


# OME-Zarr


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


# Signatures


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
