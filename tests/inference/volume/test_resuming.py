"""A segmentation goes on where it stopped; one that is done tells the same; others are refused."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from fibsem.data.volumes import ArrayVolume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.options import KEYS
from fibsem.inference.volume.labelling.labelling import Labelling
from fibsem.system.advice import called, under
from fibsem.system.summaries.lineage import Lineage
from fibsem.system.summaries.provenance import Provenance
from tests.conftest import CutOffError
from tests.inference.volume.conftest import SHAPE, labels_in, plain
from tests.inference.volume.segmented import segment_volume


class StoppedError(Exception):
    """Somebody stopped it."""


def test_a_segmentation_cut_off_goes_on(volume, segmenter, whole, tmp_path):
    def stop(text, done, total):
        if done == 3:
            raise CutOffError

    options = plain(slab=1)
    with pytest.raises(CutOffError):
        segment_volume(volume, segmenter, tmp_path / "cut", options, progress=stop)
    shown = []
    record = segment_volume(
        volume, segmenter, tmp_path / "cut", options, progress=lambda *how: shown.append(how)
    )
    assert record["slabs"]["done"] == 5
    resumed = record["slabs"]["resumed"]
    assert resumed in (2, 3)  # slice 4 may have been waiting already
    assert shown == [("slices", z, 5) for z in range(resumed, 6)]
    np.testing.assert_array_equal(labels_in(tmp_path / "cut"), labels_in(whole[0]))


@pytest.mark.parametrize("kind", ["ome-zarr", "tiff", "bigtiff"])
@pytest.mark.parametrize("nm3", [0.0, 3000.0])
def test_labels_that_are_lost_are_made_again(volume, segmenter, tmp_path, kind, nm3):
    """They would be read as pores, and the ledger would say that they are done."""
    options = plain(format=kind, slab=2, min_volume_nm3=nm3)
    said: list[str] = []

    def say(line):
        if "are pore alone" not in line:  # what the network makes of noise
            said.append(line)

    def segmented():
        return segment_volume(
            volume, segmenter, tmp_path, options, voxel_nm=(10.0, 10.0, 10.0), say=say
        )

    first = segmented()
    name = first["labels"]
    expected = labels_in(tmp_path, name)
    if kind == "bigtiff":
        (tmp_path / name).unlink()
        again = segmented()  # written again, from what was worked on
        assert (again["slabs"], said) == (first["slabs"], [])
        shutil.rmtree(tmp_path / "labels.ome.zarr")
        assert segmented()["slabs"] == first["slabs"]  # nobody needs that any more
        (tmp_path / name).unlink()
    elif kind == "tiff":
        (tmp_path / name / "slice_0003.tif").unlink()
    else:
        (tmp_path / name / "0/c/3/0/0").write_bytes(b"")
    record = segmented()
    assert "slices that were written are not whole" in said[0]
    assert record["slabs"] == {"done": 3, "resumed": 0 if kind == "bigtiff" else 2}
    np.testing.assert_array_equal(labels_in(tmp_path, name), expected)
    assert record["porosity"] == first["porosity"]


def test_two_processes_do_not_work_in_one_folder(volume, segmenter, tmp_path):
    def again(text, done, total):
        with pytest.raises(UserError, match=r"`output` must be free, but another process is at"):
            segment_volume(volume, segmenter, tmp_path, plain(overwrite=True))

    segment_volume(volume, segmenter, tmp_path, plain(slab=2), progress=again)


def test_another_model_volume_or_option_is_refused_in_the_same_folder(volume, segmenter, begun):
    folder, _ = begun
    other = replace(segmenter, identity="weights-9")
    with pytest.raises(
        UserError, match=r"another model \(weights-1, now weights-9\); .*overwrite=true"
    ):
        segment_volume(volume, other, folder, plain())
    brighter = ArrayVolume(volume.read(Box.whole(SHAPE)) // 2)
    with pytest.raises(UserError, match="another volume"):
        segment_volume(brighter, segmenter, folder, plain())
    with pytest.raises(UserError, match="another precision"):
        segment_volume(volume, segmenter, folder, plain(precision="bfloat16"))
    segment_volume(brighter, segmenter, folder, plain(overwrite=True))


def test_a_refusal_names_the_key_by_which_its_caller_begins_anew(volume, segmenter, begun):
    """Another one might remove more than the labels."""
    key, (folder, _) = "labels.overwrite=true", begun

    def refused(volume=volume, model=segmenter):
        with pytest.raises(UserError) as caught, called(under("labels", KEYS)):
            segment_volume(volume, model, folder, plain())
        return str(caught.value).rpartition("; ")[2]

    assert refused(model=replace(segmenter, identity="weights-9")) == (
        f"the choices are another output or {key}."
    )
    brighter = ArrayVolume(volume.read(Box.whole(SHAPE)) // 2)
    assert refused(brighter) == f"the choices are another output or {key}."
    (folder / "ledger.json").write_text("[]")
    assert refused() == f"{key} labels the volume anew."


def test_another_size_of_voxels_is_refused_in_the_same_folder(volume, segmenter, tmp_path):
    options = plain(min_volume_nm3=1e5)
    segment_volume(volume, segmenter, tmp_path, options, voxel_nm=(50.0, 10.0, 10.0))
    with pytest.raises(UserError, match=r"another voxel_nm \(\[50\.0, 10\.0, 10\.0\], now \[25"):
        segment_volume(volume, segmenter, tmp_path, options, voxel_nm=(25.0, 10.0, 10.0))


def test_a_finished_run_that_is_started_again_tells_the_same(volume, segmenter, tmp_path):
    def stop(text, done, total):
        if text == "components":
            raise CutOffError

    def start(progress=None):
        options, nm = plain(min_volume_nm3=1e5), (50.0, 10.0, 10.0)
        return segment_volume(volume, segmenter, tmp_path, options, voxel_nm=nm, progress=progress)

    with pytest.raises(CutOffError):
        start(stop)
    record = start()
    assert record["tile"] == list(SHAPE[1:])
    assert record["stages"]["network"] > 0
    assert record["voxels_per_second"] == pytest.approx(np.prod(SHAPE) / record["seconds"])
    summary = (tmp_path / "summary.json").read_text()
    start()
    assert (tmp_path / "summary.json").read_text() == summary


def test_cut_off_before_its_summary_it_tells_how_the_slabs_were_labelled(
    volume, segmenter, tmp_path, monkeypatch
):
    """All slabs are done then, and none is labelled in the start that ends it."""

    def cut(labelling):
        raise CutOffError

    with monkeypatch.context() as patch:
        patch.setattr(Labelling, "measure", cut)
        with pytest.raises(CutOffError):
            segment_volume(volume, segmenter, tmp_path, plain(tile=40))
    record = segment_volume(volume, segmenter, tmp_path, plain(tile=40))
    whole = segment_volume(volume, segmenter, tmp_path / "whole", plain(tile=40))
    assert (record["tile"], record["workers"]) == (whole["tile"], 1)
    assert whole.keys() == record.keys()
    assert record["voxels_per_second"] is None
    assert record["slabs"]["resumed"] == whole["slabs"]["done"]


def test_the_summary_tells_which_code_labelled_the_slabs(volume, segmenter, tmp_path):
    def stop(text, done, total):
        if done >= 2:
            raise StoppedError

    def made(code, progress=None):
        models = {"weights": ("a",), "lineage": (Lineage(),)}
        provenance = Provenance(code=code, command=f"command of {code}", **models)
        return segment_volume(
            volume, segmenter, tmp_path, plain(slab=1), provenance=provenance, progress=progress
        )

    with pytest.raises(StoppedError):
        made("first", stop)
    record = made("second")
    assert (record["code"], record["earlier_code"]) == ("second", ["first"])
    assert record["weights"] == ["a"]
    again = made("third")  # which labelled nothing
    assert (again["code"], again["command"]) == ("second", "command of second")
    assert again["volume_hash"] == record["volume_hash"]
