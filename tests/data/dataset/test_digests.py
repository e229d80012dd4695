"""Grey values and labels are known by their digests, read once, and again where they may differ."""

import csv
import json
import math
import os
import re
import shutil
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem.data import volumes
from fibsem.data.dataset import digests
from fibsem.data.dataset.digests import UNREADABLE, Stamp, digest_of, slice_digest, slice_digests
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.doubts.doubts import doubts
from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.errors import UserError
from fibsem.system.identity import same_data
from tests.data.volumes.written import foreign_zarr, voxels

SHAPE = (9, 40, 50)
GREY = np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8)


def write(folder, array=GREY):
    folder.mkdir(parents=True, exist_ok=True)
    for z, image in enumerate(array):
        tifffile.imwrite(folder / f"slice_{z:04d}.tif", image)
    return folder


@pytest.fixture
def film(tmp_path):
    """Function (array, truth) -> dataset with six squares; the same squares every time."""

    def make(array=GREY, name="film", flipped=None):
        folder = tmp_path / name
        shutil.rmtree(folder, ignore_errors=True)
        write(folder / "slices", array)
        (folder / "masks").mkdir()
        rows = []
        for k, part in enumerate(["train", "train", "val", "val", "test", "test"]):
            mask = np.where(GREY[k, :16, :16] < 128, 0, 255).astype(np.uint8)
            if k == flipped:
                mask[3, 4] = 255 - mask[3, 4]
            tifffile.imwrite(folder / "masks" / f"{k}.tif", mask)
            rows.append([f"masks/{k}.tif", k, 0, 0, part])
        with (folder / "regions.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["mask", "z", "y", "x", "split"], *rows])
        (folder / "dataset.yaml").write_text(
            "name: film\nclasses: {pore: 0, solid: 255}\n"
            "samples: [{name: film, volume: slices, regions: regions.csv}]\n"
        )
        dataset = load_dataset(folder)
        assert dataset.hash  # of what lies there now: the next film overwrites it
        return dataset

    return make


@given(st.tuples(*(st.integers(0, n - 1) for n in SHAPE)), st.integers(1, 255))
@settings(max_examples=60)
def test_every_voxel_counts(place, more):
    other = GREY.copy()
    other[place] = (int(other[place]) + more) % 256
    before, now = (slice_digests(ArrayVolume(array)) for array in (GREY, other))
    assert [z for z in before if before[z] != now[z]] == [place[0]]


def test_a_digest_is_of_the_values_whatever_file_they_lie_in(tmp_path):
    expected = slice_digests(ArrayVolume(GREY))
    for kind in ("tiff", "ome-zarr", "bigtiff"):
        with create_volume(tmp_path / kind, SHAPE, np.uint8, format=kind) as writer:
            writer.write(0, GREY)
        assert slice_digests(open_volume(tmp_path / kind)) == expected
    wide = GREY[0].astype(np.uint16)
    assert slice_digest(wide.astype(">u2")) == slice_digest(wide) != slice_digest(GREY[0])
    assert slice_digest(GREY[0].reshape(50, 40)) != slice_digest(GREY[0])


@given(st.binary(min_size=1, max_size=300))
def test_the_checksums_are_those_of_the_standard_library(content):
    voxels = np.frombuffer(content, np.uint8)[None]
    expected = digest_of(["|u1", voxels.shape, zlib.crc32(content), zlib.adler32(content)])
    assert slice_digest(voxels) == expected


def test_a_dataset_is_known_by_every_slice_and_every_label(film):
    first = film()
    assert film(name="copy").digests == first.digests
    for z in range(SHAPE[0]):
        other = GREY.copy()
        other[z, -1, -1] ^= 1
        now = film(other)
        assert now.hash != first.hash
        assert [k for k in first.digests if first.digests[k] != now.digests[k]] == [
            "grey values of film", "hash",
        ]  # fmt: skip
    mended = film(flipped=3)
    assert [k for k in first.digests if first.digests[k] != mended.digests[k]] == [
        "labels of film", "hash",
    ]  # fmt: skip


def test_the_hash_begins_with_that_of_versions_before(film):
    """Which looked at the first, the middle and the last slice alone."""
    first = film().hash
    former = first.partition("-")[0]
    other = GREY.copy()
    other[1, 0, 0] ^= 1
    unseen = film(other).hash
    assert unseen.startswith(former)
    assert not same_data(first, unseen)
    other[4, 0, 0] ^= 1
    assert not same_data(film(other).hash, former)


def test_a_slice_that_cannot_be_read_has_no_digest_but_the_others_have(tmp_path):
    folder = tmp_path / "film"
    with create_volume(folder, SHAPE, np.uint8, format="tiff") as writer:
        writer.write(0, GREY)
    volume, file = open_volume(folder), folder / "slice_0005.tif"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    found = slice_digests(volume)
    assert [z for z in found if found[z] == UNREADABLE] == [5]


@pytest.mark.parametrize("look_through", [0, math.inf])
def test_a_slice_that_cannot_be_read_is_told_before_anything_is_learned(film, look_through):
    """Of large films, too, and away from all labels."""
    dataset = film()
    assert "cannot be read" not in " ".join(doubts(dataset, look_through=look_through))
    (dataset.samples[0].volume.path / "slice_0007.tif").write_bytes(b"II*\0")
    (said,) = [
        line
        for line in doubts(replace(dataset), look_through=look_through)
        if "cannot be read" in line
    ]
    assert said.startswith("film: 1 of 9 slices cannot be read (7), where `segment` and `promote`")
    assert "slice_0007.tif" in said


@pytest.mark.parametrize(
    ("value", "why"), [(np.nan, "must be finite"), (1.5, r"must lie in \[0, 1\]")]
)
def test_floats_that_are_no_grey_values_are_told_before_anything_is_learned(film, value, why):
    array = (GREY / 255).astype(np.float32)
    assert "cannot be read" not in " ".join(doubts(film(array)))
    array[7, 30, 40] = value
    lines = " ".join(doubts(film(array)))
    assert re.search(rf"film: 1 of 9 slices cannot be read \(7\).*{why}.*slice_0007", lines)


def test_of_a_large_film_of_floats_some_slices_are_looked_through_and_it_is_said(film, monkeypatch):
    """What registration leaves is in all slices, and found; in one slice it may be overlooked."""
    monkeypatch.setattr("fibsem.data.doubts.doubts.LOOKED_AT", 3)
    array = (GREY / 255).astype(np.float32)
    array[7, 30, 40] = np.nan
    lines = " ".join(doubts(film(array), look_through=0))
    assert "cannot be read" not in lines
    assert "film: 3 of 9 slices were looked through for floats that are no grey values" in lines
    array[:, 39, 49] = np.nan
    lines = " ".join(doubts(film(array), look_through=0))
    assert "film: 3 of 9 slices cannot be read (0, 4, 8)" in lines
    assert "looked through" not in " ".join(doubts(film(GREY), look_through=0))


@pytest.fixture
def masked(tmp_path):
    """Function (grey, mask) -> dataset of a film under a mask, with six squares."""

    def make(grey, mask):
        tifffile.imwrite(tmp_path / "grey.tif", grey, photometric="minisblack")
        tifffile.imwrite(tmp_path / "valid.tif", mask.astype(np.uint8), photometric="minisblack")
        rows = ["mask,z,y,x,split"]
        for k, part in enumerate(["train", "train", "val", "val", "test", "test"]):
            labels = np.where(GREY[k, :16, :16] < 128, 0, 255).astype(np.uint8)
            tifffile.imwrite(tmp_path / f"{k}.tif", labels)
            rows.append(f"{k}.tif,{k},0,0,{part}")
        (tmp_path / "regions.csv").write_text("\n".join([*rows, ""]))
        (tmp_path / "dataset.yaml").write_text(
            "name: film\nclasses: {pore: 0, solid: 255}\n"
            "samples: [{name: film, volume: grey.tif, regions: regions.csv, valid: valid.tif}]\n"
        )
        return load_dataset(tmp_path)

    return make


def test_what_is_no_number_does_not_matter_where_a_mask_has_no_material(masked):
    """It reads as 0; the digests are those of the files, and what is material must be numbers."""
    grey = (GREY / 255).astype(np.float32)
    mask = np.ones(SHAPE, bool)
    mask[:, 30:, :] = False
    grey[:, 33:, :] = np.nan
    dataset = masked(grey, mask)
    assert "cannot be read" not in " ".join(doubts(dataset))
    (sample,) = dataset.samples
    np.testing.assert_array_equal(sample.volume.whole(), np.nan_to_num(grey, nan=0))
    assert slice_digests(sample.volume) == {z: slice_digest(one) for z, one in enumerate(grey)}
    grey[4, 20, 20] = np.inf
    lines = " ".join(doubts(masked(grey, mask)))
    assert re.search(r"film: 1 of 9 slices cannot be read \(4\).*must be finite", lines)


@pytest.fixture
def reads(monkeypatch, tmp_path):
    """Numbers of the slices that are read, from volumes whose digests are worth keeping."""
    read, digest = [], digests.slice_digest

    def counting(image):
        read.append(1)
        return digest(image)

    monkeypatch.setattr(digests, "slice_digest", counting)
    monkeypatch.setattr(digests, "WORTH_KEEPING", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return read


def settle():
    """Let the clock of the file system tick, as far as it must, for the cache to be believed."""
    time.sleep(digests.SETTLED_NS / 1e9)


def test_slices_are_read_once_and_again_after_a_change(tmp_path, reads, monkeypatch):
    monkeypatch.setattr(digests, "SETTLED_NS", 50_000_000)
    folder = write(tmp_path / "film")
    settle()
    cache = tmp_path / "cache" / "fibsem" / "digests"
    cache.mkdir(parents=True)
    (cache / ".tmp-0123456789ab-x.json").touch()  # of a command that was killed
    first = slice_digests(open_volume(folder))
    assert len(reads) == SHAPE[0]
    assert not list(cache.glob(".tmp-*"))
    assert slice_digests(open_volume(folder)) == first
    assert len(reads) == SHAPE[0]  # nothing more
    file = folder / "slice_0005.tif"
    before = file.stat()
    tifffile.imwrite(file, GREY[6])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as rsync and cp -p leave it
    assert file.stat().st_size == before.st_size
    now = slice_digests(open_volume(folder))
    assert (now[5], len(reads)) == (first[6], SHAPE[0] + 1)


def test_what_was_changed_a_moment_ago_is_not_believed(tmp_path, reads, monkeypatch):
    """It may be changed again within one tick of the file system's clock."""
    folder = write(tmp_path / "film")
    slice_digests(open_volume(folder))
    slice_digests(open_volume(folder))
    assert len(reads) == 2 * SHAPE[0]
    # nor if the clock of the server that wrote it is behind
    now = time.time_ns
    monkeypatch.setattr(digests.time, "time_ns", lambda: now() + 30_000_000_000)
    slice_digests(open_volume(folder))
    slice_digests(open_volume(folder))
    assert len(reads) == 4 * SHAPE[0]


def test_a_layer_of_chunks_that_was_kept_is_read_again_for_its_digests(tmp_path):
    path = foreign_zarr(tmp_path, "zarr-0.4", voxels("uint8"))
    volume = open_volume(path, gaps=True)
    last = volume.shape[0] - 1
    before = slice_digests(volume, [last])
    assert volume.whole().any()  # the last layer stays in memory
    zarr.open_array(path / "full", mode="r+")[last:] = 1
    now = slice_digests(volume, [last])
    assert now == slice_digests(open_volume(path), [last]) != before


def test_what_readers_that_were_mended_read_is_not_believed(tmp_path, monkeypatch):
    """Whichever folder of the package they are in: those of TIFF and Zarr have their own."""
    package = shutil.copytree(
        Path(volumes.__file__).parent, tmp_path / "v", ignore=shutil.ignore_patterns("*.pyc")
    )
    monkeypatch.setattr(volumes, "__file__", str(package / "__init__.py"))
    monkeypatch.setattr(digests, "_readers", digests._readers.__wrapped__)  # asks anew
    files = sorted(package.rglob("*.py"))
    assert {"v", "tiff", "zarrs", "series"} == {file.parent.name for file in files}
    keys = [Stamp.of([]).key]
    for file in files:
        file.write_bytes(file.read_bytes() + b"# mended")
        keys.append(Stamp.of([]).key)
    (package / "tiff" / "tags.py").rename(package / "zarrs" / "tags.py")
    keys.append(Stamp.of([]).key)
    assert len({*keys}) == len(files) + 2


@pytest.mark.parametrize("decoder", ["tifffile", "imagecodecs", "zarr", "numcodecs"])
def test_what_another_version_of_a_decoder_read_is_not_believed(
    tmp_path, reads, monkeypatch, decoder
):
    monkeypatch.setattr(digests, "SETTLED_NS", 0)
    folder = write(tmp_path / "film")
    slice_digests(open_volume(folder))
    before = digests.metadata.version
    monkeypatch.setattr(digests, "_readers", digests._readers.__wrapped__)  # asks anew
    slice_digests(open_volume(folder))
    assert len(reads) == SHAPE[0]
    monkeypatch.setattr(
        digests.metadata, "version", lambda name: before(name) + "." * (name == decoder)
    )
    slice_digests(open_volume(folder))
    assert len(reads) == 2 * SHAPE[0]


@pytest.mark.parametrize("content", ["", "[]", '{"0": 1}', '{"0": {"ab'])
def test_a_damaged_cache_is_made_again(tmp_path, reads, monkeypatch, content):
    monkeypatch.setattr(digests, "SETTLED_NS", 0)
    folder = write(tmp_path / "film")
    first = slice_digests(open_volume(folder))
    (cache,) = (tmp_path / "cache").rglob("*.json")
    cache.write_text(content)
    assert slice_digests(open_volume(folder)) == first
    assert slice_digests(open_volume(folder)) == first
    assert len(reads) == 2 * SHAPE[0]


def test_data_that_change_in_use_are_noticed_and_touched_ones_are_not(film):
    dataset = film()
    slices = sorted((dataset.path.parent / "slices").iterdir())
    assert dataset.check_unchanged()
    os.utime(slices[2])
    assert not dataset.check_unchanged()  # whatever was in it meanwhile
    tifffile.imwrite(slices[2], GREY[3])
    with pytest.raises(UserError, match=r"must not change .* but grey values of film of") as caught:
        dataset.check_unchanged()
    assert "\n" not in str(caught.value)
    tifffile.imwrite(slices[2], GREY[2])
    assert not dataset.check_unchanged()
    tifffile.imwrite(dataset.path.parent / "masks" / "3.tif", np.zeros((16, 16), np.uint8))
    with pytest.raises(UserError, match="but labels of film of"):
        dataset.check_unchanged()


@pytest.mark.parametrize("change", [("little", "big"), ('"fill_value":0', '"fill_value":9')])
def test_what_says_how_chunks_are_read_is_digested_with_them(tmp_path, monkeypatch, change):
    """A header that was mended makes another film of the same chunks."""
    monkeypatch.setattr(digests, "WORTH_KEEPING", 0)
    array = zarr.create_array(
        tmp_path / "f.zarr", shape=SHAPE, chunks=(1, 40, 50), dtype="<u2", compressors=None,
        fill_value=0,
    )  # fmt: skip
    array[:] = GREY.astype("<u2")
    (tmp_path / "f.zarr" / "c" / "5" / "0" / "0").unlink()
    before = slice_digests(open_volume(tmp_path / "f.zarr", sparse=True))
    header = tmp_path / "f.zarr" / "zarr.json"
    text = json.dumps(json.loads(header.read_text()), separators=(",", ":"))
    assert change[0] in text
    header.write_text(text.replace(*change))
    now = slice_digests(open_volume(tmp_path / "f.zarr", sparse=True))
    changed = {z for z in before if now[z] != before[z]}
    assert changed == ({5} if "fill" in change[0] else set(range(9)) - {5})


def test_a_mask_that_is_named_with_backslashes_is_looked_after(tiny, tmp_path):
    """Its path was one that never is there, which never changes."""
    table = shutil.copytree(tiny, tmp_path / "film") / "HPC45" / "regions.csv"
    table.write_text(table.read_text().replace("masks/", "masks\\"))
    dataset = load_dataset(tmp_path / "film")
    dataset.hash  # noqa: B018
    mask = next((table.parent / "masks").iterdir())
    tifffile.imwrite(mask, 255 - tifffile.imread(mask))
    assert dataset.changed() == ["labels of HPC45"]


def test_labels_in_one_layer_of_chunks_are_read_again(tmp_path):
    """The layer that was kept in memory was compared with itself."""
    grey, rng = tmp_path / "film", np.random.default_rng(0)
    with create_volume(grey, (60, 40, 40), np.uint8, format="tiff") as writer:
        writer.write(0, rng.integers(0, 255, (60, 40, 40)).astype(np.uint8))
    labels = (255 * (rng.random((60, 40, 40)) < 0.5)).astype(np.uint8)
    store = zarr.create_array(tmp_path / "labels.zarr", data=labels, chunks=(60, 20, 20))
    (tmp_path / "dataset.yaml").write_text(
        "name: film\nvoxel_nm: {z: 50, y: 10, x: 10}\nclasses: {pore: 0, solid: 255}\n"
        "samples: [{name: film, volume: film, labels: labels.zarr}]\n"
    )
    dataset = load_dataset(tmp_path)
    dataset.hash  # noqa: B018
    assert dataset.changed() == []
    store[3] = 255 - labels[3]
    assert dataset.changed() == ["labels of film"]
    with pytest.raises(UserError, match="labels of film"):
        dataset.check_unchanged()
