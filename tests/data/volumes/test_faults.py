"""Slices that are absent, damaged, or not to be had just now: three things, told apart.

The errors are real ones of the system, but for those that need a broken disk or server: these are
put into the place where the file is opened.
"""

import errno
import os
import resource
import shutil
import socket
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.volumes import faults, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box

GREY = np.random.default_rng(1).integers(0, 255, (6, 8, 10), np.uint8)


MANIFEST = """
name: a
classes: {{pore: 0, solid: 255}}
samples: [{{name: a, volume: film, {}}}]
"""


@pytest.fixture
def film(tmp_path):
    folder = tmp_path / "film"
    folder.mkdir()
    for z, image in enumerate(GREY):
        tifffile.imwrite(folder / f"s{z}.tif", image, compression="zlib" if z % 2 else None)
    return folder


@pytest.fixture
def waits(monkeypatch):
    """The seconds that were waited for, without waiting."""
    waited = []
    monkeypatch.setattr(faults.time, "sleep", waited.append)
    return waited


def read(path, **options):
    volume = open_volume(path, **options)
    return volume, volume.read(Box.whole(volume.shape))


def refusal(path, **options):
    with pytest.raises(UserError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Absent


@pytest.mark.parametrize("z", [0, 3, 5])
@pytest.mark.parametrize("target", ["../.git/annex/objects/xx", "{name}", "/nowhere/s.tif"])
def test_a_link_that_leads_nowhere_is_a_listed_slice(film, z, target):
    name = f"s{z}.tif"
    (film / name).unlink()
    (film / name).symlink_to(target.format(name=name))
    assert f"{name} is a link to" in refusal(film)
    volume, voxels = read(film, gaps=True)
    assert voxels.shape == GREY.shape
    assert volume.missing == {z}
    assert "leads nowhere" in volume.why_missing[z]


@pytest.mark.parametrize("name", ["s6.tif.part", ".s6.tif.icloud", "s6.png", "s6", "s6.tif.gz"])
def test_a_slice_that_is_no_tiff_is_no_end_of_the_film(film, name):
    (film / name).write_bytes(b"half")
    assert f"{name} in {film} is named like a further one" in refusal(film)
    assert read(film, pattern="s#.tif")[0].shape[0] == 6


@pytest.mark.parametrize("name", ["s5.txt", ".s5.tif.tmp", "s5.tif.xml", "._s6.tif", "log_7.txt"])
def test_what_lies_beside_slices_is_none_of_them(film, name):
    (film / name).write_bytes(b"notes")
    assert np.array_equal(read(film)[1], GREY)


def inside(film, *names):
    (film / "inner").mkdir()
    for name in names:
        tifffile.imwrite(film / "inner" / name, GREY[0])


@pytest.mark.parametrize("names", [["s6.tif", "s7.tif", "s8.tif"], ["s7.tif"], ["s6.TIFF"]])
def test_a_folder_inside_that_goes_on_with_the_film_is_named(film, names):
    """The folder was taken as the whole film, without a word."""
    inside(film, *names)
    said = f"inner holds {len(names)} whose numbers go on from the 6 in {film}, such as {names[0]}"
    assert said in refusal(film)
    assert said in refusal(film, gaps=True)
    assert read(film, pattern="s#.tif")[0].shape[0] == 6


@pytest.mark.parametrize("names", [["s0.tif", "s5.tif"], ["s6_mask.tif"], ["s900.tif"], []])
def test_a_folder_of_copies_or_of_others_is_none(film, names):
    inside(film, *names)
    np.testing.assert_array_equal(read(film)[1], GREY)


def test_nor_is_one_to_which_a_bad_slice_was_moved_or_which_nobody_may_read(film):
    inside(film)
    (film / "s3.tif").rename(film / "inner" / "s3.tif")
    (film / "kept").mkdir(mode=0)
    os.mkfifo(film / "pipe")
    assert read(film, gaps=True)[0].missing == {3}


def test_a_link_to_a_slice_is_the_slice(film, tmp_path):
    (film / "s3.tif").rename(tmp_path / "elsewhere.tif")
    (film / "s3.tif").symlink_to("../elsewhere.tif")
    np.testing.assert_array_equal(read(film)[1], GREY)


def test_a_slice_that_vanishes_after_opening_is_absent(film):
    volume, gappy = open_volume(film), open_volume(film, gaps=True)
    (film / "s2.tif").unlink()
    with pytest.raises(UserError, match=r"s2.tif is not there"):
        volume.read(Box.whole(GREY.shape))
    gappy.read(Box.whole(GREY.shape))
    assert gappy.missing == {2}


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_damage_is_a_reason_to_leave_out(film, damage):
    path = film / "s3.tif"
    path.write_bytes({"cut": path.read_bytes()[:150], "empty": b"", "text": b"no TIFF"}[damage])
    assert "s3.tif" in refusal(film)
    volume, _ = read(film, gaps=True)
    assert volume.missing == {3}
    assert "s3.tif" in volume.why_missing[3]


# Nothing of the file


def raising(error, times):
    """What raises an error so many times, as a decoder does, and reads then."""
    left = [error] * times

    def read():
        if left:
            raise left.pop()
        return 1

    return read


def test_a_process_that_may_have_no_thread_is_not_a_bad_slice(waits):
    """TIFF files and Zarrs are decoded in threads; some decoders raise a RuntimeError of theirs."""
    no_thread = RuntimeError("can't start new thread")
    assert faults.reading("s3.tif", raising(no_thread, 2), "it must be whole") == 1
    assert len(waits) == 2
    with pytest.raises(UserError, match=r"s3.tif is not \(can't start new thread\)") as caught:
        faults.reading("s3.tif", raising(no_thread, 99), "it must be whole")
    assert not isinstance(caught.value, faults.SliceError)
    with pytest.raises(faults.SliceError):
        faults.reading("s3.tif", raising(RuntimeError("bad code"), 9), "it must be whole")


def test_nor_is_a_codec_that_is_not_there(waits):
    with pytest.raises(UserError, match="could not import lzw") as caught:
        faults.reading("s3.tif", raising(ImportError("could not import lzw"), 9), "whole")
    assert not isinstance(caught.value, faults.SliceError)
    assert waits == []


# Never to be read


@pytest.mark.timeout(10)
def test_a_pipe_in_place_of_a_chunk_is_refused_where_chunks_may_lack(tmp_path):
    zarr.save_array(tmp_path / "film.zarr", GREY, zarr_format=3)
    (chunk,) = (path for path in tmp_path.rglob("c/**/*") if path.is_file())
    chunk.unlink()
    os.mkfifo(chunk)
    assert f"{chunk} is a pipe" in refusal(tmp_path / "film.zarr", sparse=True)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
@pytest.mark.parametrize("gaps", [False, True])
def test_what_never_answers_is_refused_at_once(film, tmp_path, kind, gaps, monkeypatch):
    (film / "s3.tif").unlink()
    monkeypatch.chdir(tmp_path)  # addresses of sockets are short
    for path in (Path("film/s3.tif"), Path("alone.tif")):
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
        else:
            path.symlink_to("/dev/zero")
    for place in ("film", "alone.tif"):
        assert f"is a {kind}" in refusal(place, gaps=gaps)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("what", ["dataset.yaml", "regions.csv", "m.tif", "labels.tif"])
def test_a_dataset_with_a_pipe_in_it_is_refused_at_once(film, what):
    kind = "labels: labels.tif" if what == "labels.tif" else "regions: regions.csv"
    (film.parent / "dataset.yaml").write_text(MANIFEST.format(kind))
    (film.parent / "regions.csv").write_text("mask,z,y,x\nm.tif,0,0,0\n")
    (film.parent / what).unlink(missing_ok=True)
    os.mkfifo(film.parent / what)
    for path in (film.parent, film.parent / "dataset.yaml"):
        with pytest.raises(UserError, match="pipe"):
            load_dataset(path)


@pytest.mark.parametrize("gaps", [False, True])
def test_a_folder_that_leads_to_itself_is_refused_at_once(tmp_path, gaps):
    (tmp_path / "loop").symlink_to("loop")
    assert "which leads nowhere" in refusal(tmp_path / "loop", gaps=gaps)
    (tmp_path / "film").mkdir()
    (tmp_path / "film" / "again.tif").symlink_to("../film")
    assert "holds none among its 1 entries" in refusal(tmp_path / "film", gaps=gaps)


def test_the_folder_of_a_dataset_in_place_of_its_slices_names_them(tmp_path):
    for name in ("masks", "slices", "notes", ".hidden"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a0.tif", GREY[0])
    (tmp_path / "notes" / "a0.tif").rename(tmp_path / "notes" / "a0.txt")
    said = refusal(tmp_path)
    assert said.endswith("holds none among its 3 entries; there are some in masks, slices.")


@pytest.fixture
def reachable(film):
    """A dataset of the film where others may read it, too."""
    tifffile.imwrite(film.parent / "m.tif", GREY[0, :4, :4])
    (film.parent / "regions.csv").write_text("mask,z,y,x\nm.tif,0,0,0\n")
    (film.parent / "dataset.yaml").write_text(MANIFEST.format("regions: regions.csv"))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        copy = shutil.copytree(film.parent, Path(folder) / "data")
        copy.chmod(0o755)
        yield copy


@contextmanager
def nobody(path):
    """As someone who has no rights to a path, and of all others that to read."""
    path.chmod(0)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        path.chmod(0o755)


NOT_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")


@NOT_ROOT
@pytest.mark.parametrize("what", ["film", "film/s3.tif", "film/s0.tif", "film/s1.tif", "."])
@pytest.mark.parametrize("gaps", [False, True])
def test_what_may_not_be_read_is_one_line_and_no_gap(reachable, what, gaps):
    with nobody(reachable / what):
        message = refusal(reachable / "film", gaps=gaps)
    assert "Permission denied" in message


@NOT_ROOT
@pytest.mark.parametrize("what", ["dataset.yaml", "regions.csv", "m.tif", "film", "film/s3.tif"])
def test_a_dataset_that_may_not_be_read_is_one_line(reachable, what):
    with nobody(reachable / what), pytest.raises(UserError) as caught:
        load_dataset(reachable)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{reachable / what}" in message
    assert "(Permission denied)" in message


# Not to be had just now


def failing(monkeypatch, name, code, times):
    """Opening a file fails so many times."""
    left = [times]
    open_ = Path.open

    def opened(self, *arguments, **options):
        if self.name == name and left[0]:
            left[0] -= 1
            raise OSError(code, os.strerror(code))
        return open_(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", opened)
    return left


PASSING = (
    errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EBUSY,
    errno.ETIMEDOUT, errno.ENOTCONN, errno.EINTR, errno.ENOMEM, errno.EREMOTEIO,
)  # fmt: skip


@pytest.mark.parametrize("code", PASSING)
@pytest.mark.parametrize("name", ["s2.tif", "s3.tif"])
def test_what_passes_is_tried_again(film, monkeypatch, waits, code, name):
    volume = open_volume(film, gaps=True)
    failing(monkeypatch, name, code, 3)
    np.testing.assert_array_equal(volume.read(Box.whole(GREY.shape)), GREY)
    assert volume.missing == set()
    assert len(waits) == 3


@pytest.mark.parametrize("code", PASSING)
@pytest.mark.parametrize("when", ["opening", "reading"])
def test_what_does_not_pass_ends_the_work_and_is_no_gap(film, monkeypatch, waits, code, when):
    volume = open_volume(film, gaps=True)
    failing(monkeypatch, "s3.tif", code, 99)
    with pytest.raises(UserError, match=r"must be readable, but .*s3.tif is not"):
        open_volume(film, gaps=True) if when == "opening" else volume.read(Box.whole(GREY.shape))
    assert volume.missing == set()
    assert sum(waits) > 1


@pytest.mark.parametrize("gaps", [False, True])
def test_a_disk_that_gives_no_bytes_ends_the_work(film, waits, gaps):
    """Reading the begin of a process's memory is an input/output error, a real one."""
    (film / "s3.tif").unlink()
    (film / "s3.tif").symlink_to("/proc/self/mem")
    assert "Input/output error" in refusal(film / "s3.tif", gaps=gaps)
    assert len(waits) == 3


def test_too_many_open_files_pass_when_some_are_closed(film):
    volume = open_volume(film, gaps=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with suppress(OSError):
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        threading.Timer(0.3, lambda: [os.close(file) for file in held]).start()
        np.testing.assert_array_equal(volume.read(Box.whole(GREY.shape)), GREY)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert volume.missing == set()


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_chunks_of_zarr_are_tried_again_too(tmp_path, monkeypatch, waits, code):
    array = zarr.create_array(tmp_path / "z", shape=GREY.shape, dtype="u1", chunks=(1, 8, 10))
    array[...] = GREY
    volume = open_volume(tmp_path / "z", gaps=True)
    left = [2]
    get = zarr.storage.LocalStore.get

    async def failing_get(self, key, *arguments, **options):
        if left[0] and key.startswith("c/3"):
            left[0] -= 1
            raise OSError(code, os.strerror(code))
        return await get(self, key, *arguments, **options)

    monkeypatch.setattr(zarr.storage.LocalStore, "get", failing_get)
    np.testing.assert_array_equal(volume.read(Box.whole(GREY.shape)), GREY)
    left[0] = 99
    with pytest.raises(UserError, match=r"must be readable, but .*slice 3"):
        volume.read(Box.whole(GREY.shape))
    assert volume.missing == set()


def test_an_interrupt_is_not_swallowed(film, monkeypatch):
    def interrupted(self, *_, **__):
        raise KeyboardInterrupt

    volume = open_volume(film, gaps=True)
    monkeypatch.setattr(Path, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        volume.read(Box.whole(GREY.shape))
