"""Series and files of TIFF: what is a slice, what is refused, what is damaged."""

import zipfile

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.volumes import natural_key, open_volume
from fibsem.data.volumes.source import open_zip
from fibsem.errors import UserError
from fibsem.geometry import Box
from tests.data.volumes.written import SHAPE, damage, refusal, series, voxels, write, zipped


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


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_strips_and_tiles_that_are_not_even_listed_are_refused(tmp_path, compression, tile):
    """Those that are lacking were read as zeros, which are pores."""
    path = tmp_path / "holes.tif"
    rows = {"rowsperstrip": 4} if tile is None else {"tile": tile}
    image = voxels("uint8", (1, 40, 50))[0]
    tifffile.imwrite(path, image, compression=compression, **rows)
    np.testing.assert_array_equal(open_volume(path).whole()[0], image)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for tag in [tag for tag in tiff.pages.first.tags if tag.code in (273, 279, 324, 325)]:
            tag.overwrite(tag.value[:3])
    message = refusal(path)
    assert "strips without pixels" in message
    assert "holes.tif" in message


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000"])
@pytest.mark.parametrize("rest", [b"", b"\0"])
def test_pictures_by_jpeg_that_are_cut_short_are_refused(tmp_path, compression, rest):
    """Decoders invent what is lacking: one grey value, which may be that of pores."""
    for z in (1, 2):
        tifffile.imwrite(tmp_path / f"s{z}.tif", voxels("uint8")[z], compression=compression)
    assert open_volume(tmp_path).whole().shape == (2, *SHAPE[1:])
    with tifffile.TiffFile(path := tmp_path / "s2.tif", mode="r+") as tiff:
        counts = tiff.pages.first.tags["StripByteCounts"]
        half, (offset,) = counts.value[0] // 2, tiff.pages.first.dataoffsets
        if not rest:
            counts.overwrite(half)
    if rest:  # as a disk leaves a file that it could not finish
        data = bytearray(path.read_bytes())
        data[offset + half : offset + 2 * half + 1] = rest * (half + 1)
        path.write_bytes(data)
    message = refusal(tmp_path)
    assert "s2.tif has pixels whose JPEG is cut short" in message


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
