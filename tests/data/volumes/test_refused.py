"""What is refused says what helps."""

import gzip
import zipfile

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from fibsem.data.material import find_extent, given_extent
from fibsem.data.volumes import ArrayVolume, open_volume
from fibsem.errors import UserError
from tests.data.material.films import drifted, film
from tests.data.volumes.written import refusal

FILM = np.arange(4 * 32 * 48, dtype=np.uint8).reshape(4, 32, 48)


@pytest.mark.parametrize("dtype", ["int16", "float64", "bool"])
def test_a_film_of_another_dtype(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "film.tif", FILM.astype(dtype), photometric="minisblack")
    message = refusal(tmp_path / "film.tif")
    assert f"holds {dtype}; convert it, to float32 (with `range`) where" in message


@pytest.mark.parametrize(
    ("picture", "notes"),
    [
        (np.stack([FILM, FILM], 1), {"imagej": True, "metadata": {"axes": "ZCYX"}}),
        (FILM[..., None], {"photometric": "minisblack"}),
    ],
    ids=["channels", "last axis"],
)
def test_a_film_of_more_axes(tmp_path, picture, notes):
    tifffile.imwrite(tmp_path / "film.tif", picture, **notes)
    assert "save the one channel or time that is meant as a stack" in refusal(tmp_path / "film.tif")


def test_tiles_with_a_depth(tmp_path):
    deep = np.zeros((16, 32, 48), np.uint8)
    tifffile.imwrite(tmp_path / "film.tif", deep, tile=(16, 16, 16), photometric="minisblack")
    assert "a page a slice, without tiles of some depth" in refusal(tmp_path / "film.tif")


def test_arrays_in_groups_of_a_zarr_are_named(tmp_path):
    root = zarr.open_group(tmp_path / "film.zarr", mode="w", zarr_format=2)
    root.create_group("volumes").create_array("raw", data=FILM)
    root.create_array("ids", data=FILM[0, 0])
    message = refusal(tmp_path / "film.zarr")
    assert message.endswith(f"a volume by itself is {tmp_path}/film.zarr/volumes/raw.")
    np.testing.assert_array_equal(open_volume(tmp_path / "film.zarr/volumes/raw").whole(), FILM)


def test_what_is_packed_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "film.zip", "w") as archive:
        archive.writestr("slice_0.tif", b"")
    assert refusal(tmp_path / "film.zip").endswith("film.zip is a ZIP archive; unpack it.")
    (tmp_path / "film.tif.gz").write_bytes(gzip.compress(b"film"))
    assert refusal(tmp_path / "film.tif.gz").endswith("is compressed by gzip; unpack it.")


@pytest.mark.parametrize("name", ["false", "none"])
def test_a_mask_of_valid_that_is_not_there(tmp_path, name):
    with pytest.raises(UserError) as caught:
        given_extent(FILM.shape, str(tmp_path / name))
    assert "`valid` must be auto, all (everything is material) or the path" in str(caught.value)


def test_a_mask_of_valid_that_is_no_tiff(tmp_path):
    Image.fromarray(FILM[0]).save(tmp_path / "mask.png")
    with pytest.raises(UserError) as caught:
        given_extent(FILM.shape, str(tmp_path / "mask.png"))
    assert "a label stack or mask of a volume must be" in str(caught.value)
    assert "mask.png is a PNG; save it as TIFF" in str(caught.value)


def test_nan_around_a_registered_film_and_what_helps(tmp_path):
    """With 0 in its place the rim is found; a mask leaves out a curved one."""
    grey = drifted(film()[0] / np.float32(255), fill=np.nan)
    path = tmp_path / "film.tif"
    tifffile.imwrite(path, grey, photometric="minisblack")
    assert "must be finite, but slice 0" in refusal(path)
    message = refusal(path)
    assert "nan; valid=MASK, 0 wherever they are, leaves them out; or write 0 where" in message
    mended = ArrayVolume(np.nan_to_num(grey, nan=0))
    mask = np.isfinite(grey).astype(np.uint8)
    tifffile.imwrite(tmp_path / "mask.tif", mask, photometric="minisblack")
    for valid in ("auto", str(tmp_path / "mask.tif")):
        extent = find_extent(mended, given_extent(mended.shape, valid))
        assert extent.inside(3) is not None
        np.testing.assert_array_equal(extent.inside(3), mask[3] != 0)


@pytest.mark.parametrize("earlier", [0, 1, 3])
def test_directories_that_lead_back(tmp_path, earlier):
    """A damaged chain without an end; it was followed until memory was full."""
    path = tmp_path / "film.tif"
    tifffile.imwrite(path, FILM, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        last, back = tiff.pages[3], tiff.pages[earlier].offset
        at = last.offset + 2 + 12 * len(last.tags)
    content = bytearray(path.read_bytes())
    content[at : at + 4] = back.to_bytes(4, "little")
    path.write_bytes(content)
    assert "the one behind number 4 is an earlier one again" in refusal(path)
    assert "the one behind number 4 is an earlier one again" in refusal(tmp_path)
