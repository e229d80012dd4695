"""What is wrong with a segmentation is said by every command that is given it, in a line."""

import json
import shutil

import numpy as np
import pytest

from fibsem import quantify, report, view
from fibsem.config import compose
from fibsem.data.volumes import create_volume
from fibsem.errors import UserError
from tests.conftest import labels

ORIGIN = {"dataset": "film", "data": "c8d2"}


@pytest.fixture
def quantified(tmp_path, capsys):
    """Function (folder) -> what `quantify` prints of it."""

    def run(folder):
        line = [f"segmentation={folder}", f"output={tmp_path / 'q'}", "blocks=0"]
        quantify.main(compose("quantify", line))
        return capsys.readouterr().out

    return run


@pytest.fixture
def reported(tmp_path, capsys):
    """Function (folder) -> the page of `report`, and what it warns of; the film is one of ours."""

    def run(folder):
        path = folder / "summary.json"
        if path.is_file():
            path.write_text(json.dumps({**json.loads(path.read_text()), "lineage": [ORIGIN]}))
        store = f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"
        line = ["data.name=film", f"folders=[{tmp_path}]", f"output={tmp_path / 'page'}", store]
        report.main(compose("report", line))
        return (tmp_path / "page" / "index.html").read_text(), capsys.readouterr().err

    return run


@pytest.fixture
def viewed(monkeypatch, capsys):
    """Function (folder) -> what `view` prints of it before it opens a window."""
    monkeypatch.setattr(view, "find_spec", lambda name: None)

    def run(folder):
        with pytest.raises(UserError, match="napari must be installed"):
            view.main(compose("view", [f"segmentation={folder}"]))
        return capsys.readouterr().out

    return run


def inspected(folder):
    """A result of the dataset that is whole, so that there is something to report."""
    folder.mkdir()
    record = {**ORIGIN, "voxel_nm": [50, 10, 10], "samples": {}, "warnings": []}
    (folder / "summary.json").write_text(json.dumps(record))


@pytest.mark.parametrize("command", ["quantify", "view"])
def test_a_folder_that_is_no_segmentation_is_refused_in_one_line(command, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, what in ((tmp_path / "empty", "is not one"), (tmp_path / "no", "is not there")):
        tree = compose(command, [f"segmentation={folder}"])
        main = {"quantify": quantify, "view": view}[command].main
        with pytest.raises(UserError, match=rf"must be a folder of fibsem\.segment.*{what}") as one:
            main(tree)
        assert "\n" not in str(one.value)


def test_one_that_is_not_finished_is_refused_with_how_far_it_is(
    segment, film, tmp_path, quantified, reported
):
    out = segment(tmp_path, film[:6])
    ledger = json.loads((out / "ledger.json").read_text())
    del ledger["slabs"]["4"]
    (out / "ledger.json").write_text(json.dumps(ledger))
    (out / "summary.json").unlink()
    for run in (quantified, lambda out: view.main(compose("view", [f"segmentation={out}"]))):
        with pytest.raises(UserError, match="4 of 6 slices are labelled"):
            run(out)
    inspected(tmp_path / "inspect")
    page, warned = reported(out)
    assert f"the segmentation in {out} is not; it is left out" in warned
    assert "Segmented volumes" not in page


def test_missing_slices_are_told_by_number(segment, film, tmp_path, quantified, reported, viewed):
    out = segment(tmp_path, film, lost=[3, 5], missing="skip")
    said = "2 slices are missing (3, 5): figures are of what is there"
    assert said in quantified(out)
    assert said in viewed(out)
    assert said in reported(out)[0]


def test_an_unknown_size_of_a_voxel_is_said(segment, film, tmp_path, quantified, reported, viewed):
    out = segment(tmp_path, film, voxel_nm=(None, None, None))
    said = "the size of a voxel is not known: lengths are in voxels"
    assert said in quantified(out)
    assert said in viewed(out)
    assert said in reported(out)[0]


def test_one_class_alone_is_said(segmented, tmp_path, quantified, reported, viewed):
    out = shutil.copytree(segmented, tmp_path / "out")
    stored = labels(out / "labels.ome.zarr")
    shutil.rmtree(out / "labels.ome.zarr")
    record = json.loads((out / "summary.json").read_text())
    record |= {"labels": "labels", "porosity": 0.0}
    (out / "summary.json").write_text(json.dumps(record))
    with create_volume(out / "labels", stored.shape, np.uint8, format="tiff") as writer:
        writer.write(0, np.full_like(stored, 255))
    with pytest.raises(UserError, match=r"must hold pores and solid .* holds only solid"):
        quantified(out)
    assert "there is only solid" in viewed(out)
    (out / "porosity.csv").write_text("z,porosity,note\n" + "".join(f"{z},0,\n" for z in range(12)))
    assert "there is only solid" in reported(out)[0]


def test_a_model_without_squares_tells_no_interval(segmented, tmp_path, quantified, reported):
    out = shutil.copytree(segmented, tmp_path / "out")
    said = "by the map, no interval: the model has no test squares with it"
    assert said in quantified(out)
    page, _ = reported(out)
    assert said in page
    ends = json.loads((tmp_path / "q" / "summary.json").read_text())["porosity_interval"]
    assert ends["volume"] is ends["material"] is None
