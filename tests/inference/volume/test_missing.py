"""Slices that are missing or damaged stop the work, or are marked and left out."""

import numpy as np
import pytest
import tifffile

from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.system.files import read_json
from tests.inference.volume.conftest import SHAPE, labels_in, plain
from tests.inference.volume.segmented import segment_volume


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


def test_a_slice_whose_damage_shows_when_it_is_read_names_the_way_out(volume, segmenter, tmp_path):
    """Its header is whole, its pixels are not."""
    (folder := tmp_path / "series").mkdir()
    for z, image in enumerate(volume.read(Box.whole(SHAPE))):
        tifffile.imwrite(folder / f"s{z}.tif", image, compression="zlib")
    with tifffile.TiffFile(folder / "s2.tif") as tiff:
        (at,), (count,) = tiff.pages.first.dataoffsets, tiff.pages.first.databytecounts
    content = bytearray((folder / "s2.tif").read_bytes())
    content[at : at + count] = bytes(count)
    (folder / "s2.tif").write_bytes(content)
    said = r"s2.tif cannot be read as one .*\. missing=skip leaves such slices out\.$"
    with pytest.raises(UserError, match=said):
        segment_volume(open_volume(folder), segmenter, tmp_path / "out", plain(slab=2))
    gappy = open_volume(folder, gaps=True)
    record = segment_volume(gappy, segmenter, tmp_path / "skip", plain(missing="skip", slab=2))
    assert record["missing"] == [2]
    why = read_json(tmp_path / "skip" / "summary.json")["why_missing"]["2"]
    assert "missing=skip" not in why


def test_missing_slices_are_marked_and_left_out(damaged, volume, segmenter, tmp_path):
    gappy = open_volume(damaged, gaps=True)
    record = segment_volume(gappy, segmenter, tmp_path / "out", plain(missing="skip", slab=2))
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
    segment_volume(ArrayVolume(mended), segmenter, tmp_path / "mended", plain(slab=2))
    np.testing.assert_array_equal(found[[0, 2, 4]], labels_in(tmp_path / "mended")[[0, 2, 4]])


@pytest.mark.parametrize("whole", [1, 3])
def test_a_slice_that_was_missing_and_is_there_now_makes_another_film(
    damaged, volume, segmenter, tmp_path, whole
):
    """The same command gave back the labels of the film with a gap, and no word of it."""
    options = plain(missing="skip", slab=2)
    segment_volume(open_volume(damaged, gaps=True), segmenter, tmp_path / "out", options)
    again = segment_volume(open_volume(damaged, gaps=True), segmenter, tmp_path / "out", options)
    assert again["missing"] == [1, 3]
    image = volume.read(Box((whole, 0, 0), (whole + 1, *SHAPE[1:])))[0]
    tifffile.imwrite(damaged / f"slice_{whole:04d}.tif", image)
    with pytest.raises(
        UserError, match=rf"was made with another slice {whole} of .*series; the ch"
    ):
        segment_volume(open_volume(damaged, gaps=True), segmenter, tmp_path / "out", options)
