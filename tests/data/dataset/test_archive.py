"""The published archive's layout, written by the simulator: folder, zip, download on loopback."""

import hashlib
import http.server
import io
import shutil
import threading
import zipfile
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from fibsem.api import simulating
from fibsem.config import compose
from fibsem.data.dataset import archive
from fibsem.data.dataset.archive import HPC, Deposit, locate
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.split import SPLITS
from fibsem.data.phantom import simulate
from fibsem.data.phantom.recipe import THESIS_FILMS
from fibsem.data.volumes import source
from fibsem.errors import UserError
from fibsem.geometry import Box
from tests.conftest import TINY

RECIPE = replace(TINY, shape=(3, 96, 130), square_px=40, samples=dict(THESIS_FILMS))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive") / "fib_sem_cnn"
    simulate(RECIPE, folder, layout="archive")
    return folder


@pytest.fixture(scope="module")
def zipped(unpacked):
    path = unpacked.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(unpacked.rglob("*")):
            archive.write(file, file.relative_to(unpacked.parent))
    return path


def test_the_folder_gives_the_squares_of_the_manifest(unpacked, tmp_path):
    """The simulator writes one phantom in both layouts; x of the archive indexes rows."""
    simulate(RECIPE, tmp_path / "manifest")
    ours, theirs = load_dataset(tmp_path / "manifest"), load_dataset(unpacked)
    assert [s.name for s in theirs.samples] == ["HPC22", "HPC30", "HPC45"]
    for split in SPLITS:
        a, b = ours.regions(split), theirs.regions(split)
        assert [r.box for r in a] == [r.box for r in b]
        for mine, published in zip(a, b, strict=True):
            np.testing.assert_array_equal(mine.read(), published.read())
    box = Box((1, 5, 7), (2, 40, 60))
    np.testing.assert_array_equal(
        ours.sample("HPC30").volume.read(box), theirs.sample("HPC30").volume.read(box)
    )
    corners = np.load(unpacked / "data/manual_segmentation/segmentation_regions_HPC22.npy")
    assert any(corners[0, k] != corners[1, k] for k in range(RECIPE.squares))


def test_the_zip_is_the_folder(unpacked, zipped):
    folder, packed = load_dataset(unpacked), load_dataset(zipped)
    assert packed.voxel_nm == (50.0, 10.0, 10.0)
    for a, b in zip(folder.samples, packed.samples, strict=True):
        assert (a.name, a.expected_porosity, a.volume.shape) == (
            b.name, b.expected_porosity, b.volume.shape,
        )  # fmt: skip
        box = Box((2, 0, 3), (3, 90, 100))
        np.testing.assert_array_equal(a.volume.read(box), b.volume.read(box))
        for mine, theirs in zip(a.regions, b.regions, strict=True):
            assert (mine.box, mine.split) == (theirs.box, theirs.split)
            np.testing.assert_array_equal(mine.read(), theirs.read())


def test_a_manifest_in_the_folder_of_an_archive_counts(unpacked, tmp_path):
    """It was passed over: the film was that of the publication, with its squares and voxels."""
    shutil.copytree(unpacked, tmp_path / "film")
    (tmp_path / "film" / "dataset.yaml").write_text(
        "name: mine\nclasses: {pore: 0, solid: 255}\nvoxel_nm: {z: 20, y: 5, x: 5}\n"
        "samples: [{name: one, volume: data/raw/HPC30}]\n"
    )
    mine = load_dataset(tmp_path / "film")
    assert (mine.name, mine.voxel_nm) == ("mine", (20.0, 5.0, 5.0))
    assert [sample.name for sample in mine.samples] == ["one"]


def test_a_zip_of_ones_own_dataset_is_to_be_unpacked(tmp_path):
    path = packed(tmp_path, **{"film/dataset.yaml": "name: mine"})
    with pytest.raises(UserError, match=r"a dataset of your own must be unpacked\.$"):
        load_dataset(path)


def test_an_archive_with_an_index_that_is_too_large_is_refused(unpacked, tmp_path):
    shutil.copytree(unpacked, tmp_path / "a")
    np.save(tmp_path / "a/data/regions/ind_squares_val_HPC30.npy", np.array([99]))
    with pytest.raises(UserError, match="below 5, but val of HPC30 holds 99"):
        load_dataset(tmp_path / "a")


def test_a_missing_array_is_named(unpacked, tmp_path):
    shutil.copytree(unpacked, tmp_path / "a")
    (tmp_path / "a/data/manual_segmentation/manual_segmentation_HPC45.npy").unlink()
    with pytest.raises(UserError, match=r"manual_segmentation_HPC45\.npy is missing"):
        load_dataset(tmp_path / "a")


def test_without_the_archive_it_says_what_is_needed(tmp_path):
    with pytest.raises(UserError) as caught:
        locate(tmp_path)
    message = str(caught.value)
    for part in ("4317170", "9216974498", "a2884d289ed08f450692bd4fe8aa80b0", "data.download=true"):
        assert part in message
    assert "\n" not in message


@pytest.fixture
def served(zipped):
    """Address of a web server on loopback that serves the small archive."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = partial(Quiet, directory=str(zipped.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{zipped.name}"
    server.shutdown()
    server.server_close()


def deposit_of(zipped, url):
    content = zipped.read_bytes()
    return Deposit("a small archive", url, len(content), hashlib.md5(content).hexdigest())


def test_download_checks_the_md5_and_is_read(served, zipped, tmp_path):
    deposit = deposit_of(zipped, served)
    path = locate(tmp_path / "data", download=True, deposit=deposit)
    assert path.read_bytes() == zipped.read_bytes()
    assert len(load_dataset(path).regions("train")) == 9
    assert locate(tmp_path / "data", deposit=deposit) == path  # not fetched again


def test_a_download_that_is_not_the_archive_leaves_nothing(served, zipped, tmp_path):
    wrong = replace(deposit_of(zipped, served), md5="0" * 32)
    with pytest.raises(UserError, match="the download must bring") as caught:
        locate(tmp_path, download=True, deposit=wrong)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_server_is_said_in_one_line(zipped, tmp_path):
    gone = deposit_of(zipped, "http://127.0.0.1:9/fib_sem_cnn.zip")
    with pytest.raises(UserError, match="but failed"):
        locate(tmp_path, download=True, deposit=gone)


def test_a_full_disk_is_seen_before_the_download(tmp_path):
    with pytest.raises(UserError, match=r"bytes free"):
        locate(tmp_path, download=True, deposit=replace(HPC, size=10**18))


def packed(folder, **members):
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = packed(tmp_path, small=bytes(10), bomb=bytes(2_000_000))
    assert path.stat().st_size < 4000
    monkeypatch.setattr(source, "LARGEST", 1_000_000)
    with pytest.raises(UserError, match=r"at most 1000000 bytes, but bomb of .* has 2000000"):
        source.open_zip(path)
    monkeypatch.setattr(source, "MOST", 1)
    with pytest.raises(UserError, match=r"at most 1 files, but .* has 2"):
        source.open_zip(path)


def test_a_member_is_never_read_beyond_the_size_it_states(tmp_path):
    path = packed(tmp_path, liar=bytes(100_000))
    content = path.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(content)
    with pytest.raises(zipfile.BadZipFile):  # its checksum is that of the whole
        (source.open_zip(path) / "liar").read_bytes()


def test_locked_and_damaged_archives_are_refused(tmp_path):
    path = packed(tmp_path, a=b"a")
    content = path.read_bytes()
    place = content.index(b"PK\x01\x02") + 8
    path.write_bytes(content[:place] + b"\x01" + content[place + 1 :])
    with pytest.raises(UserError, match="without a password, but a of"):
        source.open_zip(path)
    path.write_bytes(content[:-30])
    with pytest.raises(UserError, match="must be a whole zip"):
        source.open_zip(path)


def test_an_array_that_claims_more_than_it_holds_is_one_line(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.zeros((3, 4), np.int64))
    claimed = stream.getvalue().replace(b"(3, 4), ", b"(3, 4" + b"0" * 15 + b"), ")
    path = tmp_path / "a.npy"
    path.write_bytes(claimed.replace(b" " * 15 + b"\n", b"\n", 1))
    with pytest.raises(UserError, match="must hold NumPy arrays, but"):
        archive._load(path)


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def of_method(path, method):
    """A zip whose only member says that it is compressed in another way, as Explorer's may be."""
    content = path.read_bytes()
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        begin = content.index(mark) + place
        content = content[:begin] + method.to_bytes(2, "little") + content[begin + 2 :]
    path.write_bytes(content)


def test_an_array_that_cannot_be_read_is_named(tmp_path):
    """NumPy, zip and its compressions each raise errors of their own."""
    whole = npy(np.arange(2000))
    for name, content in (("empty", b""), ("half", whole[:40]), ("text", b"1, 2, 3\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"must hold NumPy arrays, but .*{name} cannot be read"):
            archive._load(tmp_path / name)
    with zipfile.ZipFile(path := tmp_path / "deflate64.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.npy", whole)
    of_method(path, 9)
    with pytest.raises(UserError, match=r"must hold NumPy arrays, but .*a\.npy cannot be read"):
        archive._load(source.open_zip(path) / "a.npy")
    with zipfile.ZipFile(path := tmp_path / "lzma.zip", "w", zipfile.ZIP_LZMA) as file:
        file.writestr("a.npy", whole)
    content = bytearray(path.read_bytes())
    content[60:300] = bytes(240)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"must hold NumPy arrays, but .*a\.npy cannot be read"):
        archive._load(source.open_zip(path) / "a.npy")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused(tmp_path):
    """Zip has no rule which of both is meant."""
    with zipfile.ZipFile(path := tmp_path / "a.zip", "w") as archive:
        for content in ("one", "other"):
            archive.writestr("slices/a.tif", content)
    with pytest.raises(UserError, match=r"every file once, but slices/a.tif of .* is twice"):
        source.open_zip(path)


def test_the_layout_has_no_place_for_another_voxel_size(tmp_path):
    """It was read again as 50 x 10 x 10 nm, and all lengths were those."""
    typed = ["phantom=demo", "phantom.voxel_nm=[20,5,5]", "layout=archive"]
    with pytest.raises(UserError, match=r"`phantom.voxel_nm` must be \[50.0, 10.0, 10.0\] with"):
        simulating.run(compose("simulate", [*typed, f"output={tmp_path / 'p'}"]))
    assert not (tmp_path / "p").exists()
