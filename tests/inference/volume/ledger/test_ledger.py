"""A folder is gone on with, begun anew or refused; what is not a segmentation's own stays."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fibsem.data.volumes import ArrayVolume, create_volume
from fibsem.errors import UserError
from fibsem.inference.options import Options
from fibsem.inference.volume.ledger.entries import SliceRecord
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.inference.volume.ledger.outputs import Outputs, paths_of
from fibsem.system.files import read_json, write_json
from tests.impossible import LEDGERS

SHAPE = (2, 8, 9)
KEY = {"volume": "film", "model": "weights-1"}


def begin(folder, options=None, **more):
    options = options or Options()
    return Ledger.open(folder, {**KEY, **more, **options.key}, options)


def put(path, text="mine"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write(folder, options):
    """What a segmentation of two slices writes."""
    labels, scores = np.zeros(SHAPE[1:], np.uint8), np.zeros(SHAPE[1:], np.float32)
    with Outputs(folder, SHAPE, (None, None, None), options, (0, 255)).opened() as outputs:
        for z in range(SHAPE[0]):
            outputs.write(z, labels, scores, None)


def test_overwrite_removes_nothing_but_the_segmentation(tmp_path):
    mine = [tmp_path / name for name in ("slices/a.tif", "labels/a.tif", "labels.csv")]
    for path in mine:
        put(path)
    options = Options(probabilities=True)
    begin(tmp_path, options).finish(0, [SliceRecord(3)])
    write(tmp_path, options)
    put(tmp_path / "porosity.csv", "z,porosity")
    anew = begin(tmp_path, Options(overwrite=True))
    assert anew.slabs == {}
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"slices", "labels", "labels.csv", "ledger.json"}
    assert all(path.read_text() == "mine" for path in mine)


def test_slabs_that_overwrite_removes_are_counted_where_they_would_be_gone_on_with(tmp_path):
    said, anew = [], Options(overwrite=True)

    def begin_anew(**more):
        return Ledger.open(tmp_path, {**KEY, **more, **anew.key}, anew, say=said.append)

    begin(tmp_path).finish(0, [SliceRecord(3)])
    begin(tmp_path).finish(4, [SliceRecord(5)])
    begin_anew(model="weights-2")  # which could not go on
    begin_anew().finish(0, [SliceRecord(3)])  # nothing was done
    assert said == []
    begin_anew().finish(0, [SliceRecord(3)])
    assert said == [
        f"warning: overwrite=true removes the 1 slab of {tmp_path} that is labelled; without it "
        "the same settings go on from there"
    ]
    put(tmp_path / "summary.json", "{}")
    begin_anew()  # of what is finished
    assert len(said) == 1


@pytest.mark.parametrize(
    ("more", "options", "said"),
    [({}, {}, "the choices are quantify voxel_nm=[25.0,10,null] of these labels, another output"),
     ({"model": "weights-2"}, {}, "the choices are another output"),
     ({}, {"min_volume_nm3": 5.0}, "the choices are another output")],
)  # fmt: skip
def test_another_voxel_size_of_the_same_labels_is_for_quantify(tmp_path, more, options, said):
    options = Options(**options)
    begin(tmp_path, options, voxel_nm=[50.0, 10.0, None])
    with pytest.raises(UserError, match=re.escape(said)):
        begin(tmp_path, options, voxel_nm=[25.0, 10, None], **more)


def test_overwrite_that_is_killed_leaves_no_slab_that_counts(tmp_path, monkeypatch):
    begin(tmp_path).finish(0, [SliceRecord(3)])
    write(tmp_path, Options())

    def killed(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        begin(tmp_path, Options(overwrite=True))
    assert begin(tmp_path).slabs == {}


@pytest.mark.parametrize("kind", ["ome-zarr", "tiff", "bigtiff"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_results_that_no_ledger_tells_of_are_refused(tmp_path, kind, overwrite):
    options = Options(format=kind, overwrite=overwrite)
    foreign = paths_of(tmp_path, options)[0]
    if kind == "bigtiff":
        put(foreign)
    else:
        with create_volume(foreign, SHAPE, np.uint8, format=kind) as writer:
            writer.write(0, np.ones(SHAPE, np.uint8))
    with pytest.raises(UserError, match=r"`output` must be free .* but .*labels.* is there"):
        begin(tmp_path, options)
    assert [path.name for path in tmp_path.iterdir()] == [foreign.name]


def test_paths_are_those_of_the_options():
    names = {path.name for path in paths_of(Path("out"), Options(format="bigtiff"))}
    assert {"labels.tif", "labels.ome.zarr"} < names
    assert not {"labels", "labels-2d.ome.zarr", "uncertainty.tif"} & names


@pytest.mark.parametrize("place", ["labels.tif", "labels.tif/out"])
def test_an_output_that_cannot_be_a_folder_is_refused_in_one_line(tmp_path, place):
    (tmp_path / "labels.tif").touch()
    with pytest.raises(
        UserError, match="`output` must be a folder that can be written to"
    ) as caught:
        begin(tmp_path / place)
    assert str(tmp_path / place) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_output_that_is_not_ours_to_write_is_refused_in_one_line(tmp_path, monkeypatch):
    def refuse(path, record):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("fibsem.inference.volume.ledger.ledger.write_json", refuse)
    with pytest.raises(UserError, match=r"can be written to, but .* is not \(Permission denied\)"):
        begin(tmp_path)


@pytest.mark.parametrize("name", LEDGERS)
def test_an_impossible_ledger_gives_no_figure(tmp_path, name):
    """One line that names the way out, which works."""
    film = ArrayVolume(np.random.default_rng(0).integers(0, 255, (5, 8, 9)).astype(np.uint8))
    options = Options(slab=2)

    def opened(how):
        return Ledger.open(tmp_path, {**KEY, **how.key}, how, film.shape)

    opened(options).finish(0, [SliceRecord(3), SliceRecord(None)])
    assert opened(options).slices() == [SliceRecord(3), SliceRecord(None)]
    record = read_json(tmp_path / "ledger.json")
    write_json(tmp_path / "ledger.json", {**record, **LEDGERS[name]})
    with pytest.raises(UserError, match=r"ledger\.json is damaged .*; overwrite=true") as caught:
        opened(options)
    assert "\n" not in str(caught.value)
    assert opened(replace(options, overwrite=True)).slices() == []
