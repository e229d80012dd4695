"""A volume, its mask, a model or our own files that change between slabs, or between starts."""

import json
import os
import pickle
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import tifffile

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.dataset.digests import slice_digests
from fibsem.data.material import Extent
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import Manner, create_volume, open_labels, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import Room
from fibsem.inference.volume.labelling.remote import RemoteSegmentation, label_slab
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.inference.volume.ledger.witness import Watched, of_mask, of_volume, witnessed
from fibsem.inference.volume.plan import Planner
from fibsem.system.identity import Identity
from tests.conftest import labels
from tests.inference.volume.segmented import segment_volume

SHAPE = (12, 40, 50)
GREY = np.random.default_rng(1).integers(0, 65535, SHAPE).astype(np.uint16)


@pytest.fixture(scope="module")
def segmenter():
    """Otsu, which is fast."""
    from fibsem.geometry import Nbhd
    from fibsem.models.spec import resolve
    from fibsem.models.threshold import Threshold

    spec = resolve("threshold", Nbhd(3, 11, 11), "valid", {})
    return Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "otsu-1")


def write(folder, array=GREY):
    folder.mkdir(exist_ok=True)
    for z, image in enumerate(array):
        tifffile.imwrite(folder / f"slice_{z:04d}.tif", image)
    return folder


@pytest.fixture
def film(tmp_path):
    return write(tmp_path / "film")


@pytest.fixture(scope="module")
def whole(segmenter, tmp_path_factory):
    """Porosity and labels of that film where nothing happens to it."""
    folder = tmp_path_factory.mktemp("whole")
    record = run(write(folder / "film"), segmenter, folder / "out")
    return record["porosity"], labels(folder / "out" / "labels.ome.zarr")


def replace_slices(film, numbers):
    """Others in their place, with names, sizes and times as they were."""
    for z in numbers:
        file = film / f"slice_{z:04d}.tif"
        before = file.stat()
        tifffile.imwrite(file, GREY[z] // 2)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def run(film, segmenter, folder, options=None, **more):
    options = replace(options or Options(), previews=0)
    return segment_volume(open_volume(film), segmenter, folder, options, **more)


def when(done, act):
    """Do something once so many slices are done."""

    def progress(text, so_far, total):
        if so_far == done:
            act()

    return progress


@pytest.mark.parametrize(
    ("replaced", "at"),
    [([2, 7], 10), ([8, 9, 10], 3), ([11], 12), ([0], 12)],
    ids=["behind", "ahead", "last", "first"],
)
def test_slices_replaced_under_a_segmentation_give_no_figures(
    film, segmenter, tmp_path, replaced, at
):
    out, act = tmp_path / "out", when(at, lambda: replace_slices(film, replaced))
    with pytest.raises(UserError, match="must not change while it is segmented") as caught:
        run(film, segmenter, out, Options(slab=2), progress=act)
    said = str(caught.value)
    assert "\n" not in said
    assert any(str(z) in said for z in replaced)
    assert not (out / "summary.json").exists()
    with pytest.raises(UserError, match=r"overwrite=true\.$"):  # nor the next time
        run(film, segmenter, out, Options(slab=2))
    anew = run(film, segmenter, out, Options(overwrite=True))
    assert anew["porosity"] == run(film, segmenter, tmp_path / "fresh")["porosity"]


def test_files_that_are_only_touched_change_nothing(film, segmenter, whole, tmp_path):
    def touch():
        for file in film.iterdir():
            content = file.read_bytes()
            file.unlink()
            file.write_bytes(content)

    record = run(film, segmenter, tmp_path / "out", progress=when(10, touch))
    assert record["porosity"] == whole[0]
    again = run(film, segmenter, tmp_path / "out")
    assert (again["slabs"], again["seconds"]) == (record["slabs"], record["seconds"])


def test_another_film_with_the_names_sizes_and_times_of_this_one_is_another(
    film, segmenter, tmp_path
):
    run(film, segmenter, tmp_path / "out")
    replace_slices(film, [5])
    assert open_volume(film).signature()["files"] == SHAPE[0]
    with pytest.raises(UserError, match=r"another slice 5 of .*overwrite=true"):
        run(film, segmenter, tmp_path / "out")


def test_the_same_film_elsewhere_is_the_same(film, segmenter, tmp_path):
    record = run(film, segmenter, tmp_path / "out", Options(slab=4))
    moved = shutil.copytree(film, tmp_path / "moved", copy_function=shutil.copyfile)
    ledger = tmp_path / "out" / "ledger.json"
    known = json.loads(ledger.read_text())
    assert len(known["read"]) == SHAPE[0]
    del known["slabs"]["0"]
    ledger.write_text(json.dumps(known))
    again = run(moved, segmenter, tmp_path / "out")
    assert again["slabs"] == {"done": 3, "resumed": 2}
    assert again["porosity"] == record["porosity"]


def mask_of(folder, share, slices):
    """Columns that are material, in as many slices or in one for all; times stay as they were."""
    folder.mkdir(exist_ok=True)
    for z in range(slices):
        file = folder / f"mask_{z:04d}.tif"
        before = file.stat() if file.exists() else None
        image = np.zeros(SHAPE[1:], np.uint8)
        image[:, : int(share * SHAPE[2])] = 1
        tifffile.imwrite(file, image)
        if before:
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture(scope="module")
def half(segmenter, tmp_path_factory):
    """Porosity of the film under such a mask."""
    folder = tmp_path_factory.mktemp("half")
    mask_of(folder / "mask", 0.5, 1)
    options = Options(valid=str(folder / "mask"))
    return run(write(folder / "film"), segmenter, folder / "out", options)["porosity"]


@pytest.mark.parametrize("slices", [1, SHAPE[0]], ids=["one", "each"])
@pytest.mark.parametrize("at", [3, 12])
def test_a_mask_that_changes_under_a_segmentation_gives_no_figures(
    film, segmenter, half, tmp_path, slices, at
):
    """Pores of one half of the film were a share of the pixels of all of it."""
    mask, out = tmp_path / "mask", tmp_path / "out"
    options = Options(slab=2, valid=str(mask))
    mask_of(mask, 0.5, slices)
    change = when(at, lambda: mask_of(mask, 1.0, slices))
    with pytest.raises(UserError, match="a mask of `valid` must not change while") as caught:
        run(film, segmenter, out, options, progress=change)
    assert "\n" not in str(caught.value)
    assert not (out / "summary.json").exists()
    with pytest.raises(UserError, match=r"another mask of `valid`; .*overwrite=true\.$"):
        run(film, segmenter, out, options)
    mask_of(mask, 0.5, slices)  # the former one goes on
    assert run(film, segmenter, out, options)["porosity"] == half


@pytest.mark.parametrize("former", [False, True])
def test_the_same_mask_elsewhere_is_the_same(film, segmenter, tmp_path, former):
    """A dataset that was moved could not go on; a version before kept no digest of the mask."""
    mask, moved, out = (tmp_path / name for name in ("mask", "moved", "out"))
    mask_of(mask, 0.5, 1)
    record = run(film, segmenter, out, Options(slab=4, valid=str(mask)))
    known = json.loads((out / "ledger.json").read_text())
    del known["slabs"]["0"]
    if former:
        del known["decided"]["mask"]
        mask.rename(moved)
    else:
        shutil.copytree(mask, moved, copy_function=shutil.copyfile)
    (out / "ledger.json").write_text(json.dumps(known))
    again = run(film, segmenter, out, Options(valid=str(moved)))
    assert again["slabs"] == {"done": 3, "resumed": 2}
    assert again["porosity"] == record["porosity"]
    mask_of(moved, 1.0, 1)
    with pytest.raises(UserError, match="another mask of `valid`"):
        run(film, segmenter, out, Options(valid=str(moved)))
    with pytest.raises(UserError, match=r"another mask .*, now none\), valid \(.*, now auto\)"):
        run(film, segmenter, out)


def test_a_worker_reads_the_mask_that_the_segmentation_was_begun_with(film, segmenter, tmp_path):
    mask_of(tmp_path / "mask", 0.5, 1)
    mask = open_labels(tmp_path / "mask")
    known = Extent(SHAPE, mask=witnessed(mask, slice_digests(mask), of_mask()))
    job = job_of(film, segmenter, tmp_path, known)
    mask_of(tmp_path / "mask", 1.0, 1)
    with pytest.raises(UserError, match="a mask of `valid` must not change while"):
        label_slab(pickle.loads(pickle.dumps(job)), (0, 4))


def job_of(film, segmenter, folder, known=None):
    """A segmentation as another process gets it."""
    volume, options = open_volume(film), Options(previews=0)
    scorer_of, room = partial(Scorer, segmenter), Room(4.0)
    planner = Planner(volume, segmenter, options, known, room, scorer_of, str, lambda *_: None)
    plan = planner.plan(Ledger(folder / "ledger.json", {}, 4, None))
    return RemoteSegmentation(
        f"job {folder}", film, Manner(), None, partial(replace, segmenter), segmenter.identity,
        folder / "out", (None, None, None), options, plan,
    )  # fmt: skip


def test_a_model_that_is_replaced_before_a_worker_opens_it_is_refused(film, segmenter, tmp_path):
    replaced = replace(segmenter, identity="otsu-2")
    job = replace(job_of(film, segmenter, tmp_path), load=lambda: replaced)
    with pytest.raises(UserError, match=r"a model must not change .* otsu-2 .* otsu-1;"):
        label_slab(job, (0, 4))


@pytest.mark.parametrize("content", [b"", b'{"key": {"volume', b"[]", b'{"key": {}}'])
def test_a_damaged_ledger_is_one_line_and_overwrite_works_even_then(
    film, segmenter, tmp_path, content
):
    out = tmp_path / "out"
    record = run(film, segmenter, out, Options(format="tiff", probabilities=True))
    (out / "notes.txt").write_text("mine")
    (out / "labels" / "notes.txt").write_text("mine")
    (out / "ledger.json").write_bytes(content)
    with pytest.raises(UserError, match=r"ledger\.json is damaged .*overwrite=true") as caught:
        run(film, segmenter, out, Options(format="tiff", probabilities=True))
    assert "\n" not in str(caught.value)
    again = run(film, segmenter, out, Options(overwrite=True))
    assert again["porosity"] == record["porosity"]
    assert {path.name for path in out.iterdir()} >= {"notes.txt", "labels", "labels.ome.zarr"}
    assert [path.name for path in (out / "labels").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("kind", "file"),
    [("ome-zarr", "labels.ome.zarr/0/c/3/0/0"), ("tiff", "labels/slice_0003.tif"),
     ("ome-zarr", "probabilities.ome.zarr/0/c/3/0/0")],
)  # fmt: skip
@pytest.mark.parametrize("how", ["flipped", "half", "empty"])
def test_a_chunk_whose_checksum_is_wrong_is_labelled_again(
    film, segmenter, tmp_path, kind, file, how
):
    options = Options(format=kind, probabilities=True)
    out, said = tmp_path / "out", []
    record = run(film, segmenter, out, options)
    expected = labels(out / record["labels"])
    content = bytearray((out / file).read_bytes())
    if how == "flipped":
        content[-9 if kind == "ome-zarr" else len(content) // 2] ^= 0x10
    (out / file).write_bytes(content if how == "flipped" else content[: len(content) // 2])
    if how == "empty":
        (out / file).write_bytes(b"")
    again = run(film, segmenter, out, options, say=said.append)
    assert any("1 of 12 slices that were written are not whole" in text for text in said)
    assert again["slabs"]["resumed"] == record["slabs"]["done"] - 1
    np.testing.assert_array_equal(labels(out / record["labels"]), expected)


def test_a_flipped_bit_in_a_chunk_does_not_pass_for_another_label(film, segmenter, tmp_path):
    """Without a checksum, some would decode to other labels."""
    record = run(film, segmenter, tmp_path / "out")
    chunk = tmp_path / "out" / record["labels"] / "0" / "c" / "3" / "0" / "0"
    whole = chunk.read_bytes()
    for k in range(0, len(whole), max(1, len(whole) // 40)):
        chunk.write_bytes(whole[:k] + bytes([whole[k] ^ 0x01]) + whole[k + 1 :])
        with pytest.raises(UserError, match="chunks must be whole"):
            labels(tmp_path / "out" / record["labels"])


@pytest.mark.parametrize("place", ["zarr.json", "0/zarr.json"])
@pytest.mark.parametrize("content", [b"", b'{"zarr_format": 3, "no', "one bit"])
def test_a_damaged_zarr_json_of_ours_is_made_again(
    film, segmenter, whole, tmp_path, place, content
):
    def stop(text, done, total):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(film, segmenter, tmp_path / "out", progress=stop)
    store = tmp_path / "out" / "labels.ome.zarr"
    before = json.loads((store / place).read_text())
    if content == "one bit":  # in a key: o is not O
        text = (store / place).read_text()
        content = text.replace("codecs", "cOdecs").replace('"ome"', '"Ome"').encode()
    (store / place).write_bytes(content)
    record = run(film, segmenter, tmp_path / "out")
    assert json.loads((store / place).read_text()) == before
    assert record["slabs"]["resumed"] >= 1  # the chunks are still good
    assert record["porosity"] == whole[0]
    np.testing.assert_array_equal(labels(store), whole[1])


def test_a_store_of_the_version_before_without_checksums_goes_on(tmp_path):
    import zarr
    from zarr.codecs import ZstdCodec

    store, one = tmp_path / "labels", np.ones((1, 30, 40), np.uint8)
    with create_volume(store, (3, 30, 40), np.uint8, format="ome-zarr") as writer:
        writer.write(0, one)
    shutil.rmtree(store / "0")
    zarr.create_array(
        store / "0", shape=(3, 30, 40), dtype=np.uint8, chunks=(1, 30, 40),
        compressors=ZstdCodec(level=3), config={"write_empty_chunks": True},
    )  # fmt: skip
    with create_volume(store, (3, 30, 40), np.uint8, format="ome-zarr", resume=True) as writer:
        writer.write(1, one)
        assert [writer.holds(z) for z in range(3)] == [False, True, False]


def test_a_segmentation_is_not_written_beside_another_result(film, segmenter, tmp_path):
    Identity("training", {}, {}).write(tmp_path / "out")
    with pytest.raises(UserError, match="holds a training; the choices are another output"):
        run(film, segmenter, tmp_path / "out")


def test_digests_of_a_watched_volume_grow_as_it_is_read(film):
    watched = Watched(open_volume(film), of_volume())
    assert watched.read_as == {}
    watched.volume.read(Box((3, 0, 0), (5, *SHAPE[1:])))
    assert watched.read_as == slice_digests(open_volume(film), [3, 4])
    watched.check()
    write(film, GREY[::-1])
    with pytest.raises(UserError, match="slice 3, 4 of it is not what was read before"):
        watched.check()
