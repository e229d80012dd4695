"""Volumes are written whole or not at all, in any order, and can be continued."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from fibsem.data.volumes import open_volume
from fibsem.data.volumes.writers import create_volume
from fibsem.errors import UserError
from fibsem.geometry import Box

SHAPE = (4, 6, 9)
ARRAY = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE)
RESUMABLE = ("tiff", "ome-zarr")


def create(path, kind, shape=SHAPE, dtype="uint8", **options):
    return create_volume(path, shape, dtype, format=kind, **options)


def write(writer, *starts, error=None):
    """Write single slices in this order, then fail with an error."""
    with writer:
        for z in starts:
            writer.write(z, ARRAY[z : z + 1])
        if error is not None:
            raise error


def read(path):
    volume = open_volume(path)
    return volume.read(Box.whole(volume.shape))


@pytest.mark.parametrize("kind", RESUMABLE)
def test_order_is_free(tmp_path, kind):
    write(create(tmp_path / "out", kind), 2, 0, 3, 1)
    np.testing.assert_array_equal(read(tmp_path / "out"), ARRAY)


@pytest.mark.parametrize("kind", RESUMABLE)
def test_resumed_equals_uninterrupted(tmp_path, kind):
    with create(tmp_path / "whole", kind) as writer:
        writer.write(0, ARRAY)
    with pytest.raises(KeyboardInterrupt):
        write(create(tmp_path / "parts", kind), 3, 2, error=KeyboardInterrupt())
    with create(tmp_path / "parts", kind, resume=True) as writer:
        writer.write(0, ARRAY[:2])
    whole, parts = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.name != "zarr.json"
         and p.is_file()}
        for root in (tmp_path / "whole", tmp_path / "parts")
    )  # fmt: skip
    assert parts == whole


@pytest.mark.parametrize("kind", RESUMABLE)
@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_bytes(b"")])
def test_what_is_lost_of_a_slice_is_noticed(tmp_path, kind, harm):
    """Also in the smaller levels of an OME-Zarr."""
    shape = (2, 300, 600)
    with create(tmp_path / "out", kind, shape) as writer:
        assert not writer.holds(0)
        writer.write(0, np.ones(shape, np.uint8))
    files = [file for file in (tmp_path / "out").rglob("*") if file.name != "zarr.json"]
    of_last = [f for f in files if f.is_file() and ("c/1/" in f.as_posix() or "0001" in f.name)]
    assert len(of_last) == (1 if kind == "tiff" else 2)
    for file in of_last:
        kept = file.read_bytes()
        writer = create(tmp_path / "out", kind, shape, resume=True)
        assert writer.holds(0)
        assert writer.holds(1)
        harm(file)
        assert writer.holds(0)
        assert not writer.holds(1)
        file.write_bytes(kept)


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr", "bigtiff"])
def test_resume_starts_where_there_is_nothing(tmp_path, kind):
    with create(tmp_path / "deep" / "out", kind, resume=True) as writer:
        writer.write(0, ARRAY)
    np.testing.assert_array_equal(read(tmp_path / "deep" / "out"), ARRAY)


@pytest.mark.parametrize("kind", RESUMABLE)
@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 6, 8), "uint8"), (SHAPE, "uint16"), ((2, 6, 9), "uint8")]
)
def test_resume_refuses_another_volume(tmp_path, kind, shape, dtype):
    with create(tmp_path / "out", kind) as writer:
        writer.write(0, ARRAY)
    with pytest.raises(UserError, match="to be continued must") as caught:
        create(tmp_path / "out", kind, shape, dtype, resume=True)
    assert str(tmp_path / "out") in str(caught.value)
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(read(tmp_path / "out"), ARRAY)


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr", "bigtiff"])
def test_what_is_there_is_not_overwritten(tmp_path, kind):
    with create(tmp_path / "out", kind) as writer:
        writer.write(0, ARRAY)
    with pytest.raises(UserError, match=r"out is there already") as caught:
        create(tmp_path / "out", kind)
    assert "new or empty" in str(caught.value)


def test_zarr_is_not_mixed_with_other_files(tmp_path):
    (tmp_path / "notes.csv").write_text("z")
    with pytest.raises(UserError, match=r"zarr\.json"):
        create(tmp_path, "ome-zarr", resume=True)


def test_bigtiff_cannot_be_continued(tmp_path):
    (tmp_path / "out.tif").write_bytes(b"?")
    with pytest.raises(UserError, match="cannot be continued") as caught:
        create(tmp_path / "out.tif", "bigtiff", resume=True)
    assert "tiff, ome-zarr" in str(caught.value)


def test_bigtiff_is_written_in_order(tmp_path):
    with pytest.raises(ValueError, match="in order: slice 1, not 2"):
        write(create(tmp_path / "out.tif", "bigtiff"), 0, 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("starts", [(), (0, 1, 2), (0, 1, 2, 3)])
def test_interrupted_bigtiff_leaves_nothing(tmp_path, starts):
    with pytest.raises(KeyboardInterrupt):
        write(create(tmp_path / "out.tif", "bigtiff"), *starts, error=KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_of_a_bigtiff_goes(tmp_path):
    code = (
        "import os, numpy as np; from pathlib import Path; "
        "from fibsem.data.volumes.writers import create_volume; "
        f"w = create_volume(Path('out.tif'), {SHAPE}, np.uint8, format='bigtiff'); "
        f"w.write(0, np.zeros((1, *{SHAPE[1:]}), np.uint8)); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False)
    assert len(list(tmp_path.iterdir())) == 1
    write(create(tmp_path / "out.tif", "bigtiff"), *range(SHAPE[0]))
    np.testing.assert_array_equal(read(tmp_path / "out.tif"), ARRAY)
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif"]


def test_bigtiff_appears_when_it_is_whole(tmp_path):
    with create(tmp_path / "out.tif", "bigtiff") as writer:
        writer.write(0, ARRAY)
        assert not (tmp_path / "out.tif").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["out.tif"]


def test_unfinished_bigtiff_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="4 slices, but got 3"):
        write(create(tmp_path / "out.tif", "bigtiff"), 0, 1, 2)
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_is_harmless(tmp_path):
    with create(tmp_path / "out.tif", "bigtiff") as writer:
        writer.write(0, ARRAY)
        writer.close()
    np.testing.assert_array_equal(read(tmp_path / "out.tif"), ARRAY)


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr", "bigtiff"])
@pytest.mark.parametrize(
    ("z", "block"),
    [
        (0, ARRAY.astype(np.uint16)),
        (0, ARRAY[0]),
        (0, ARRAY[:, :5]),
        (1, ARRAY),
        (-1, ARRAY[:1]),
    ],
)
def test_blocks_that_do_not_fit_are_a_bug_of_the_caller(tmp_path, kind, z, block):
    with (
        pytest.raises(ValueError, match="a block must"),
        create(tmp_path / "out", kind) as writer,
    ):
        writer.write(z, block)


def test_unknown_format_is_refused_with_the_choices(tmp_path):
    with pytest.raises(UserError, match="tiff, ome-zarr, bigtiff, but got png"):
        create(tmp_path / "out", "png")


@pytest.mark.parametrize(("shape", "dtype"), [(SHAPE, "int8"), ((0, 6, 9), "uint8")])
def test_volumes_that_cannot_be_are_a_bug_of_the_caller(tmp_path, shape, dtype):
    with pytest.raises(ValueError, match="must be"):
        create(tmp_path / "out", "tiff", shape, dtype)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_the_users_to_mend(tmp_path, monkeypatch, number):
    """And so is a quota that is used up."""

    def full(*_, **__):
        raise OSError(number, os.strerror(number))

    writer = create(tmp_path / "out.tif", "bigtiff")
    monkeypatch.setattr(writer._tiff, "write", full)
    said = rf"room for .*out\.tif, but it is full \({os.strerror(number)}\)\.$"
    with pytest.raises(UserError, match=said), writer:
        writer.write(0, ARRAY)
    assert list(tmp_path.iterdir()) == []


def test_series_is_numbered_from_zero(tmp_path):
    with create(tmp_path / "out", "tiff") as writer:
        writer.write(0, ARRAY)
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == [f"slice_{z:04d}.tif" for z in range(4)]
    with tifffile.TiffFile(tmp_path / "out" / "slice_0000.tif") as tiff:
        assert tiff.pages.first.compression.name == "ADOBE_DEFLATE"
        assert tiff.pages.first.predictor == 1


def test_bigtiff_is_one(tmp_path):
    with create(tmp_path / "out.tif", "bigtiff", voxel_nm=(50.0, 10.0, 10.0)) as writer:
        writer.write(0, ARRAY)
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        assert tiff.is_bigtiff
        assert tiff.series[0].shape == SHAPE
        assert tiff.imagej_metadata["spacing"] == pytest.approx(5e-6)


def test_zarr_chunks_lie_in_one_slice(tmp_path):
    with create(tmp_path / "out", "ome-zarr", (2, 1100, 30), voxel_nm=(50.0, None, 10.0)):
        pass
    array = zarr.open_group(tmp_path / "out", mode="r")["0"]
    assert array.chunks == (1, 1024, 30)
    assert "Zstd" in repr(array.compressors)
    ome = json.loads((tmp_path / "out" / "zarr.json").read_text())["attributes"]["ome"]
    assert ome == {
        "version": "0.5",
        "multiscales": [
            {
                "name": "out",
                "axes": [
                    {"name": "z", "type": "space", "unit": "nanometer"},
                    {"name": "y", "type": "space"},
                    {"name": "x", "type": "space", "unit": "nanometer"},
                ],
                "datasets": [
                    {
                        "path": str(k),
                        "coordinateTransformations": [
                            {"type": "scale", "scale": [50.0, 1.0 * 2**k, 10.0 * 2**k]}
                        ],
                    }
                    for k in range(3)
                ],
            }
        ],
    }


def test_zarr_levels_are_every_second_pixel(tmp_path):
    labels = np.random.default_rng(0).integers(0, 255, (2, 1101, 33)).astype(np.uint8)
    with create(tmp_path / "out", "ome-zarr", labels.shape) as writer:
        writer.write(0, labels)
    group = zarr.open_group(tmp_path / "out", mode="r")
    assert sorted(group) == ["0", "1", "2"]
    for k in range(3):
        np.testing.assert_array_equal(group[str(k)][:], labels[:, :: 2**k, :: 2**k])
