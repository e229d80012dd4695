"""From the best trial to the champion, and the champion by itself."""

import json
import zipfile
from pathlib import Path

import mlflow
import numpy as np
import pytest

from fibsem import promote, segment, sweep
from fibsem.config import compose
from fibsem.data.volumes import open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.learning.bundle import find_bundle, load_bundle


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promotion")
    return [
        f"tracking.uri=sqlite:///{folder / 'ml.db'}", f"tracking.artifacts={folder / 'artifacts'}",
    ], folder  # fmt: skip


GRID = ["postprocessing.sigma=[0,1]", "postprocessing.threshold_steps=9"]


@pytest.fixture(scope="module")
def promoted(small, store):
    """Summaries of a sweep of two trials and of its promotion, and where they are."""
    tracking, folder = store
    common = [*small, *tracking]
    sweep.main(
        compose(
            "sweep",
            [*common, "space=smoke", "space.axes.model.blocks=[1]", "search.trials=2",
             f"output={folder / 'sweep'}"],
        )
    )  # fmt: skip
    final = ["final.epochs=3", "final.share=0.02"]
    promote.main(compose("promote", [*common, *final, *GRID, f"output={folder / 'promote'}"]))
    return {
        "sweep": json.loads((folder / "sweep/summary.json").read_text()),
        "promote": json.loads((folder / "promote/summary.json").read_text()),
        "folder": folder,
        "common": common,
        "uri": tracking[0].partition("=")[2],
    }


def test_the_winner_is_the_best_trial_of_the_sweep(promoted):
    assert promoted["promote"]["winner"] == promoted["sweep"]["best"]["run_id"]


def test_the_summary_has_what_others_read(promoted):
    record = promoted["promote"]
    assert record["champion"] is True
    assert record["gate"]["passed"] is True
    assert set(record["postprocessing"]) == {"sigma", "threshold", "rounds", "min_size"}
    for key in ("val_all", "test_all", "test"):
        assert 0 < record[key]["miou"] < 1
    film = record["samples"]["HPC45"]
    low, high = film["porosity_ci"]
    assert low <= film["porosity"] <= high
    assert film["seconds"] > 0


def test_the_run_knows_porosity_time_and_that_the_test_squares_were_used(promoted):
    run = mlflow.MlflowClient(promoted["uri"]).get_run(promoted["promote"]["run_id"])
    assert run.data.metrics["porosity/HPC45"] == promoted["promote"]["samples"]["HPC45"]["porosity"]
    assert "time/segment_HPC45_s" in run.data.metrics
    assert run.data.tags["fibsem.test"] == "scored"
    assert run.info.status == "FINISHED"


def test_the_registered_model_has_its_alias_and_no_pickle(promoted):
    client = mlflow.MlflowClient(promoted["uri"])
    version = client.get_model_version_by_alias("fibsem", "champion")
    assert str(version.version) == promoted["promote"]["version"]
    mlflow.set_tracking_uri(promoted["uri"])
    local = Path(mlflow.artifacts.download_artifacts(artifact_uri="models:/fibsem@champion"))
    files = [file for file in local.rglob("*") if file.is_file()]
    assert any(file.name == "model.keras" for file in files)
    for file in files:
        assert file.suffix not in {".pkl", ".pickle", ".joblib"}
        if file.name == "model.keras":
            assert set(zipfile.ZipFile(file).namelist()) >= {"config.json", "model.weights.h5"}
        elif file.suffix not in {".pyc"}:
            assert not file.read_bytes().startswith(b"\x80\x04")  # pickle's opening


def test_the_model_is_whole_by_itself(promoted):
    """Weights, geometry, correction, classes, voxel size, post-processing travel with it."""
    bundle = find_bundle("models:/fibsem@champion", promoted["uri"])
    assert str(bundle.segmenter.members[0].spec.nbhd) == "11x11x3"
    assert bundle.voxel_nm == (50.0, 10.0, 10.0)
    assert bundle.segmenter.classes == (0, 255)
    assert bundle.segmenter.recipe.scaling == "standardise"
    assert bundle.segmenter.postprocessing.to_json() == promoted["promote"]["postprocessing"]
    assert set(bundle.audit["corrections"]) == {"HPC45"}
    from_folder = load_bundle(promoted["folder"] / "promote" / "bundle")
    assert from_folder.segmenter.identity == bundle.segmenter.identity


def labels(folder):
    volume = open_volume(folder)
    return volume.read(Box.whole(volume.shape))


def test_segment_gives_what_the_promotion_gave(promoted, tiny):
    """The same function: `segment` with the champion repeats the volumes of `promote`."""
    folder = promoted["folder"] / "again"
    segment.main(
        compose(
            "segment",
            [f"volume={tiny / 'HPC45' / 'slices'}", f"output={folder}", "format=tiff",
             f"tracking.uri={promoted['uri']}"],
        )
    )  # fmt: skip
    record = json.loads((folder / "summary.json").read_text())
    assert record["porosity"] == promoted["promote"]["samples"]["HPC45"]["porosity"]
    assert record["voxel_nm"] == [50.0, 10.0, 10.0]  # the slices do not say, the model does
    found = promoted["folder"] / "promote" / "volumes" / "HPC45" / "labels.ome.zarr"
    np.testing.assert_array_equal(labels(folder / "labels"), labels(found))
    assert set(np.unique(labels(found))) <= {0, 255}


def test_mlflow_loads_the_model_and_labels_an_array(promoted, tiny):
    mlflow.set_tracking_uri(promoted["uri"])
    volume = open_volume(tiny / "HPC45" / "slices")
    array = volume.read(Box.whole(volume.shape))
    model = mlflow.pyfunc.load_model("models:/fibsem@champion")
    found = promoted["folder"] / "promote" / "volumes" / "HPC45" / "labels.ome.zarr"
    np.testing.assert_array_equal(model.predict(array) * 255, labels(found))


def test_a_second_start_repeats_nothing(promoted):
    client = mlflow.MlflowClient(promoted["uri"])
    before = len(client.search_model_versions("name = 'fibsem'"))
    out = promoted["folder"] / "promote"
    final = ["final.epochs=3", "final.share=0.02"]
    promote.main(compose("promote", [*promoted["common"], *final, *GRID, f"output={out}"]))
    again = json.loads((out / "summary.json").read_text())
    assert again["version"] == promoted["promote"]["version"]
    assert again["test_all"] == promoted["promote"]["test_all"]
    assert len(client.search_model_versions("name = 'fibsem'")) == before


def test_without_a_sweep_there_is_nothing_to_promote(small, tmp_path):
    with pytest.raises(UserError, match=r"finished trial .* fibsem\.sweep makes some"):
        promote.main(compose("promote", [*small, f"tracking.uri=sqlite:///{tmp_path / 'ml.db'}"]))


def test_an_unknown_model_is_said_in_one_line(promoted, tiny):
    with pytest.raises(UserError, match=r"fibsem\.promote registers one") as caught:
        find_bundle("models:/fibsem@nobody", promoted["uri"])
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"bundle\.json and the weights"):
        load_bundle(tiny)
