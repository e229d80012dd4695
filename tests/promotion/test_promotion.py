"""From the best trial to the champion, and the champion by itself."""

import contextlib
import json
import shutil
import sqlite3
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import mlflow
import numpy as np
import pytest
import tifffile

from fibsem import promote, report, segment, sweep
from fibsem.analysis.metrics import Confusion, pooled
from fibsem.analysis.model_card import EpochFacts
from fibsem.config import Configuration, command_line, compose, settings_of
from fibsem.data.dataset.learned import learned_squares, merged
from fibsem.data.volumes import open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.promotion.promotion import promote as promote_trials
from fibsem.promotion.report import epoch_facts
from fibsem.promotion.setting import Promotion
from fibsem.promotion.trials import best_trials
from fibsem.tracking.bundle import find_bundle, load_bundle
from fibsem.tracking.runs import Tracking
from fibsem.training.beginning.start import pinned
from fibsem.training.material.datasets import obtain
from fibsem.training.planning.plan import Plan, RankingPlan
from tests.conftest import labels


@pytest.fixture(scope="module")
def store(tmp_path_factory, new_store):
    folder = tmp_path_factory.mktemp("promotion")
    return new_store(folder), folder


#: A promotion of seconds; both trials are ranked and trained finally.
HOW = [
    "postprocessing.sigma=[0,1]", "postprocessing.threshold_steps=9", "rank.k=2", "rank.seeds=2",
    "final.epochs=3", "final.share=0.02",
]  # fmt: skip


@pytest.fixture(scope="module")
def promoted(small, store):
    """Summaries of a sweep of two trials and of its promotion, and where they are."""
    tracking, folder = store
    common = [*small, *tracking]
    sweep.main(
        compose(
            "sweep",
            [*common, "space=smoke", "space.axes.model.blocks=[1]", "space.axes.model.filters=[4]",
             "search.trials=2", f"output={folder / 'sweep'}"],
        )
    )  # fmt: skip
    promote.main(compose("promote", [*common, *HOW, f"output={folder / 'promote'}"]))
    return {
        "sweep": json.loads((folder / "sweep/summary.json").read_text()),
        "promote": json.loads((folder / "promote/summary.json").read_text()),
        "folder": folder,
        "common": common,
        "uri": tracking[0].partition("=")[2],
    }


def test_the_trials_of_the_sweep_are_ranked_and_the_better_candidate_wins(promoted):
    record, client = promoted["promote"], mlflow.MlflowClient(promoted["uri"])
    ranked = {row["run_id"]: row for row in record["ranking"]}
    assert promoted["sweep"]["best"]["run_id"] in ranked
    assert [row["seeds"] for row in record["ranking"]] == [2, 2]
    mious = [row["val_miou"] for row in record["ranking"]]
    assert mious == sorted(mious, reverse=True)
    experiment = client.get_run(record["run_id"]).info.experiment_id
    children = client.search_runs(
        [experiment], f"tags.`mlflow.parentRunId` = '{record['parent_run_id']}'"
    )
    finals = [run for run in children if run.data.tags["fibsem.command"] == "final"]
    assert {run.data.tags["fibsem.winner"] for run in finals} == set(ranked)
    best = max(finals, key=lambda run: run.data.metrics["val/miou"])
    assert (best.info.run_id, best.data.tags["fibsem.winner"]) == (
        record["run_id"], record["winner"],
    )  # fmt: skip


def test_the_seeds_of_the_ranking_stand_beside_the_porosity(promoted):
    """They cost nothing more: those of the winner, on the validation squares of the film."""
    record = promoted["promote"]
    ranked = {row["run_id"]: row["val_porosity_by_seed"] for row in record["ranking"]}
    told = record["samples"]["HPC45"]["porosity_by_seed"]
    assert told["each"] == ranked[record["winner"]]["HPC45"]
    assert (told["seeds"], told["on"]) == (2, "validation squares at threshold 0.5, unsmoothed")
    assert told["sd"] == pytest.approx(np.std(told["each"], ddof=1))
    summary = promoted["folder"] / "promote" / "volumes" / "HPC45" / "summary.json"
    assert json.loads(summary.read_text())["porosity_by_seed"] == told


def test_ranking_and_training_leave_the_test_squares_alone(promoted):
    """Of the runs below a promotion the promoted one alone has figures of them, from its end."""
    client, record = mlflow.MlflowClient(promoted["uri"]), promoted["promote"]
    experiment = client.get_run(record["run_id"]).info.experiment_id
    children = client.search_runs(
        [experiment], f"tags.`mlflow.parentRunId` = '{record['parent_run_id']}'"
    )
    tested = [
        run.info.run_id
        for run in children
        if "fibsem.test" in run.data.tags or any(k.startswith("test") for k in run.data.metrics)
    ]
    assert len(children) == 6  # two trials with two seeds, and two candidates
    assert tested == [record["run_id"]]


def test_the_final_training_has_no_early_stopping_and_shifts_intensities(promoted):
    client = mlflow.MlflowClient(promoted["uri"])
    params = client.get_run(promoted["promote"]["run_id"]).data.params
    assert (params["train.patience"], params["train.keep"]) == ("None", "all")
    assert (params["train.epochs"], params["train.share"]) == ("3", "0.02")
    assert float(params["train.shift_probability"]) > 0


def test_tables_figures_and_a_card_are_logged(promoted):
    client = mlflow.MlflowClient(promoted["uri"])
    run_id = promoted["promote"]["run_id"]
    logged = {
        Path(file.path).name
        for folder in ("tables", "figures")
        for file in client.list_artifacts(run_id, folder)
    }
    assert logged >= {
        "ranking.csv", "labelled.csv", "confusion-val-after.csv", "learning_curve.png",
        "surface.png", "steps.png", "reliability.png",
    }  # fmt: skip


def test_the_card_says_what_was_trained_on_what(promoted):
    record = promoted["promote"]
    card = (promoted["folder"] / "promote" / "bundle" / "MODEL_CARD.md").read_text()
    parameters = int(
        mlflow.MlflowClient(promoted["uri"]).get_run(record["run_id"]).data.metrics["parameters"]
    )
    regions = Counter(row["split"] for row in record["squares"])
    for fact in (
        "Architecture: 2dcnn", "Neighbourhood, x by y by z: 11x11x3", "Padding: valid",
        f"Trainable parameters: {parameters}", "Members, whose mean probability is used: 1",
        f"Dataset: {record['lineage']['dataset']}", "Samples: HPC45",
        "Voxel size, z by y by x: 50 x 10 x 10 nm",
        f"Hash of data and split: {record['lineage']['data']}",
        f"{regions['train']} training, {regions['val']} validation, {regions['test']} test",
        "Steps of an epoch: 4", "Pixels of a step, labelled or not: 1024", "Epochs: 3", "Seeds: 0",
        f"Sweep: {promoted['sweep']['study']}", f"Run of the final training: {record['run_id']}",
        "Gate, when this was written: passed", "Temperature of the probabilities: ",
        "All labelled pixels, before and after post-processing",
    ):  # fmt: skip
        assert fact in card
    assert "Share of the labelled" not in card  # in grid mode it sets the number of steps alone


@pytest.mark.parametrize(
    ("how", "told"),
    [(["train.mode=grid", "train.windows=6", "train.grid=8", "train.steps=null"],
      EpochFacts(3, 6 * 8**2)),
     (["train.mode=patch", "train.batch=64", "train.steps=9"],
      EpochFacts(9, 64, 310 / (3 * 72**2))),
     (["train.mode=patch", "train.batch=64", "train.steps=null"],
      EpochFacts(5, 64, 310 / (3 * 72**2))),
     (["model=threshold", "train.steps=null"], EpochFacts(share=310 / (3 * 72**2)))],
)  # fmt: skip
def test_the_card_has_the_share_where_as_many_pixels_are_drawn(material, how, told):
    """Of three squares of 72 x 72, two per cent: half of them pores, half solid."""
    assert epoch_facts(material(*how)) == told


def test_figures_before_and_after_add_up(promoted):
    """The pooled squares give the figures of the summary, and the table says the same."""
    record = promoted["promote"]
    counts = [row["chosen"] for row in record["squares"] if row["split"] == "test"]
    confusion = pooled(Confusion.from_counts(some) for some in counts)
    assert record["test_all"]["miou"] == pytest.approx(confusion.miou)
    table = (promoted["folder"] / "promote" / "tables" / "labelled.md").read_text()
    assert f"{confusion.miou:.4f}" in table


def test_calibration_is_in_the_model_and_lowers_the_loss(promoted):
    calibration = promoted["promote"]["calibration"]
    assert calibration["loss_after"] <= calibration["loss_before"]
    for part in ("ece_before", "ece_after", "test_ece_before", "test_ece_after"):
        assert 0 <= calibration[part] <= 1
    (alone,) = calibration["test_by_sample"].values()  # of a film that is the only one
    assert alone == {part: calibration[f"test_{part}"] for part in ("ece_before", "ece_after")}
    bundle = load_bundle(promoted["folder"] / "promote" / "bundle")
    assert bundle.segmenter.temperature == calibration["temperature"]


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


def test_the_test_squares_travel_with_the_bundle_and_too_few_correct_no_film(promoted):
    bundle = load_bundle(promoted["folder"] / "promote" / "bundle")
    (squares,) = bundle.tested
    rows = [row for row in promoted["promote"]["squares"] if row["split"] == "test"]
    assert squares.sample == "HPC45"
    assert squares.reading.valid == "auto"
    assert len(bundle.trained.moments) == len(bundle.trained.greys) == 1
    assert sum(square.pixels for square in squares.squares) == sum(
        sum(map(sum, row["chosen"])) for row in rows
    )
    interval = promoted["promote"]["samples"]["HPC45"]["porosity_interval"]
    assert interval["why"] == squares.unfit(0.3)
    assert interval["volume"] is None


def test_gain_and_cost_of_views_are_told(promoted):
    views = promoted["promote"]["symmetry"]
    assert views.keys() == {"1", "2"}
    twice = views["2"]["seconds_per_gigapixel"] / views["1"]["seconds_per_gigapixel"]
    assert 1.1 < twice < 6  # two views; other work beside one of them is no failure
    assert views["2"]["squares"] >= 1
    # pieces of these squares are all of them, but small objects are others where a piece ends
    whole = 0.05 if promoted["promote"]["postprocessing"]["min_size"] else 2e-3
    miou = promoted["promote"]["val_all"]["miou"]
    assert views["1"]["val_miou"] == pytest.approx(miou, abs=whole)


def test_the_page_of_the_run_shows_what_the_promotion_found(promoted):
    """Its training logged some of the same names by epoch; MLflow shows the last step."""
    client, record = mlflow.MlflowClient(promoted["uri"]), promoted["promote"]
    shown = client.get_run(record["run_id"]).data.metrics
    for split in ("train_all", "val_all", "test_all"):
        known = {key: value for key, value in record[split].items() if value is not None}
        assert {key: shown[f"{split}/{key}"] for key in known} == known
    steps = [one.step for one in client.get_metric_history(record["run_id"], "val_all/miou")]
    assert len(steps) > 1
    parent = client.get_run(record["parent_run_id"]).data.metrics
    assert parent["val_all/miou"] == record["val_all"]["miou"]


def test_the_films_of_a_promotion_know_what_their_probabilities_were_calibrated_on(promoted):
    """As those of `segment` do: without it no porosity by label shift is told of them."""
    summary = promoted["folder"] / "promote" / "volumes" / "HPC45" / "summary.json"
    bundle = load_bundle(promoted["folder"] / "promote" / "bundle")
    share = json.loads(summary.read_text())["calibration"]["solid_share"]
    assert 0 < share < 1
    assert share == bundle.trained.solid_share


def test_the_run_knows_porosity_time_and_that_the_test_squares_were_used(promoted):
    run = mlflow.MlflowClient(promoted["uri"]).get_run(promoted["promote"]["run_id"])
    assert run.data.metrics["porosity/HPC45"] == promoted["promote"]["samples"]["HPC45"]["porosity"]
    assert "time/segment_HPC45_s" in run.data.metrics
    assert run.data.tags["fibsem.test"] == "scored"
    assert run.info.status == "FINISHED"


def test_the_learning_curve_of_the_final_training_is_left_alone(promoted):
    client, record = mlflow.MlflowClient(promoted["uri"]), promoted["promote"]
    curve = client.get_metric_history(record["run_id"], "val/miou")
    steps = [point.step for point in curve]
    assert sorted(set(steps[:3])) == [0, 1, 2]
    parent = client.get_run(record["parent_run_id"]).data.metrics
    assert parent["val/miou"] == record["val"]["miou"]
    assert parent["test_all/miou"] == record["test_all"]["miou"]


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
    assert set(bundle.audit.corrections) == {"HPC45"}
    from_folder = load_bundle(promoted["folder"] / "promote" / "bundle")
    assert from_folder.segmenter.identity == bundle.segmenter.identity


@pytest.fixture(scope="module")
def segmented(promoted, tiny):
    """The command that segments one film with the champion, and its folder."""
    folder = promoted["folder"] / "traced"
    overrides = [
        f"volume={tiny / 'HPC45' / 'slices'}", f"output={folder}", "format=tiff",
        f"tracking.uri={promoted['uri']}",
    ]  # fmt: skip
    tree = compose("segment", overrides)
    segment.main(tree)
    return folder, tree["command"]


def test_segment_gives_what_the_promotion_gave(promoted, segmented):
    """The same function: `segment` with the champion repeats the volumes of `promote`."""
    folder, _ = segmented
    record = json.loads((folder / "summary.json").read_text())
    assert record["porosity"] == promoted["promote"]["samples"]["HPC45"]["porosity"]
    assert record["voxel_nm"] == [50.0, 10.0, 10.0]  # the slices do not say, the model does
    found = promoted["folder"] / "promote" / "volumes" / "HPC45" / "labels.ome.zarr"
    np.testing.assert_array_equal(labels(folder / "labels"), labels(found))
    assert set(np.unique(labels(found))) == {0, 255}  # or equality proves nothing


def test_mlflow_loads_the_model_and_labels_an_array(promoted, tiny):
    mlflow.set_tracking_uri(promoted["uri"])
    volume = open_volume(tiny / "HPC45" / "slices")
    array = volume.read(Box.whole(volume.shape))
    model = mlflow.pyfunc.load_model("models:/fibsem@champion")
    found = promoted["folder"] / "promote" / "volumes" / "HPC45" / "labels.ome.zarr"
    np.testing.assert_array_equal(model.predict(array) * 255, labels(found))


def told(uri):
    """Everything that a store says of a promotion, its trainings and its versions."""
    with contextlib.closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as store:
        return list(store.iterdump())


def test_a_second_start_repeats_nothing(promoted):
    """Neither trainings nor the look, nor anything that the store was told."""
    before = told(promoted["uri"])
    out = promoted["folder"] / "promote"
    promote.main(compose("promote", [*promoted["common"], *HOW, f"output={out}"]))
    again = json.loads((out / "summary.json").read_text())
    assert again["version"] == promoted["promote"]["version"]
    assert again["test_all"] == promoted["promote"]["test_all"]
    decision = json.loads((out / "decision.json").read_text())
    assert decision == {key: promoted["promote"][key] for key in ("version", "gate")}
    assert told(promoted["uri"]) == before


def test_data_that_change_before_the_version_is_registered_make_none(promoted, tiny, tmp_path):
    film = shutil.copytree(tiny, tmp_path / "film")
    out = shutil.copytree(promoted["folder"] / "promote", tmp_path / "promote")
    (mask, *_) = (film / "HPC45" / "masks").iterdir()
    common = [*promoted["common"], *HOW, f"data.path={film}", f"output={out}"]
    given = Configuration(compose("promote", common))
    dataset = obtain(given.data, given.split)
    tracking = Tracking.open(given.tracking, dataset.name)
    trials = best_trials(tracking, dataset, given.rank, None)

    def saves(line):
        if line.startswith("gate:"):  # the last step was finished by the former start
            tifffile.imwrite(mask, 255 - tifffile.imread(mask))

    work = Promotion(given, dataset, out, tracking, say=saves)
    with pytest.raises(UserError, match="must not change while they are in use, but labels of HPC"):
        promote_trials(work, trials)


def test_without_a_sweep_there_is_nothing_to_promote(small, tmp_path):
    with pytest.raises(UserError, match=r"finished trial .* fibsem\.sweep makes some"):
        promote.main(compose("promote", [*small, f"tracking.uri=sqlite:///{tmp_path / 'ml.db'}"]))


def test_a_training_begins_with_the_champion_and_says_which_version(promoted):
    tree = compose("train", [*promoted["common"], "train.init=models:/fibsem@champion"])
    begun = pinned(Configuration(tree)).tree
    address, _, digest = begun["train"]["init"].partition("#")
    assert address == f"models:/fibsem/{promoted['promote']['version']}"
    assert settings_of("train", begun)["train.init"] == digest
    folder = {"train.init": str(promoted["folder"] / "promote" / "bundle")}
    same = pinned(Configuration(tree).with_values(folder)).tree
    assert settings_of("train", same) == settings_of("train", begun)
    assert promoted["promote"]["test_squares_learned"] == 0
    bundle = load_bundle(promoted["folder"] / "promote" / "bundle")
    dataset = obtain(Configuration(tree).data, Configuration(tree).split)
    assert merged([bundle.learned]) == learned_squares(dataset)


def test_an_unknown_model_is_said_in_one_line(promoted, tiny):
    with pytest.raises(UserError, match=r"fibsem\.promote registers one") as caught:
        find_bundle("models:/fibsem@nobody", promoted["uri"])
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"bundle\.json and the weights"):
        load_bundle(tiny)


def lineage_of(folder, tmp_path, uri, capsys):
    """What `report lineage=` prints and writes."""
    capsys.readouterr()
    how = [f"lineage={folder}", f"output={tmp_path / 'told'}", f"tracking.uri={uri}"]
    report.main(compose("report", how))
    record = json.loads((tmp_path / "told" / "summary.json").read_text())["lineage"]
    return capsys.readouterr().out, record


def test_a_segmentation_tells_where_it_comes_from(promoted, segmented, tiny, tmp_path, capsys):
    folder, command = segmented
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["weights"] == ["models:/fibsem@champion"]
    assert summary["versions"] == [promoted["promote"]["version"]]
    assert summary["command"] == command
    text, record = lineage_of(folder, tmp_path, promoted["uri"], capsys)
    (model,) = record["models"]
    assert model["aliases"] == ["champion"]
    assert model["trial"]["run_id"] == promoted["promote"]["winner"]
    assert model["sweep"]["study"] == promoted["sweep"]["study"]
    assert model["sweep"]["parent_run_id"] == promoted["sweep"]["parent_run_id"]
    assert model["promotion"]["run_id"] == promoted["promote"]["run_id"]
    assert model["data"] == promoted["sweep"]["data"]
    runs = [step["run"] for step in record["steps"]]
    assert [run.split()[2] for run in runs if run.startswith("python")] == [
        "fibsem.inspect", "fibsem.sweep", "fibsem.promote", "fibsem.segment",
    ]  # fmt: skip
    assert f"data.path={tiny}" in runs[1]
    assert "search.trials=2" in text
    assert runs[-1] == command


def test_lineage_needs_no_store(promoted, segmented, tmp_path, capsys):
    folder, command = segmented
    shutil.copy(folder / "summary.json", tmp_path / "summary.json")
    nowhere = tmp_path / "nowhere.db"
    text, record = lineage_of(tmp_path, tmp_path, f"sqlite:///{nowhere}", capsys)
    assert record["models"][0]["version"] == promoted["promote"]["version"]
    assert record["models"][0]["aliases"] is None
    assert command in text
    assert not nowhere.exists()


@pytest.mark.parametrize("place", ["promote", "promote/volumes/HPC45"])
def test_a_promotion_and_its_volumes_tell_it_too(promoted, tmp_path, capsys, place):
    folder = promoted["folder"] / place
    _, record = lineage_of(folder, tmp_path, promoted["uri"], capsys)
    (model,) = record["models"]
    assert model["version"] == promoted["promote"]["version"]
    assert model["aliases"] == ["champion"]
    assert "fibsem.promote" in record["steps"][-1]["run"]


def test_the_report_of_a_dataset_has_sweep_promotion_and_volumes(
    promoted, segmented, tiny, tmp_path, capsys
):
    out = tmp_path / "report"
    how = [f"data.path={tiny}", f"folders=[{promoted['folder']}]", f"output={out}",
           f"tracking.uri={promoted['uri']}"]  # fmt: skip
    report.main(compose("report", how))
    record = json.loads((out / "summary.json").read_text())
    page = (out / record["page"]).read_text(encoding="utf-8")
    ElementTree.fromstring(page)
    study = promoted["sweep"]["study"]
    for known in ("Sweeps", "Promotions", "Champions", "Segmented volumes", study, "Version 1"):
        assert known in page
    assert page.count("<table>") == len(record["tables"]) == len(set(record["tables"]))
    assert page.count("<img") == len(record["figures"]) == len(set(record["figures"]))
    for table in record["tables"]:
        assert (out / table).read_text()
        assert (out / table).with_suffix(".md").read_text().startswith("| ")
    porosity = f"{100 * promoted['promote']['samples']['HPC45']['porosity']:.2f}"
    assert porosity in (out / "tables" / "segmentations.csv").read_text()
    # what is not there any more goes, what others put there stays
    gone, own = out / "figures" / "gone.png", out / "figures" / "own.png"
    gone.touch()
    own.touch()
    former = {**record, "figures": [*record["figures"], "figures/gone.png"]}
    (out / "summary.json").write_text(json.dumps(former))
    report.main(compose("report", how))
    assert not gone.exists()
    assert own.exists()
    assert json.loads((out / "summary.json").read_text()) == record


def test_volumes_that_wait_are_segmented_by_another_start_that_trains_nothing(
    promoted, tmp_path, capsys
):
    data = promoted["sweep"]["data"]
    plan = Plan(600.0, data, 1, 1, 4, 0.1, 0.1, 1.0, ranked=RankingPlan(1, 1), waiting_s=300.0)
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    folder, found = tmp_path / "promote", []
    for typed in ([], ["segment=true"], []):
        line = [*promoted["common"], *HOW, f"plan={tmp_path / 'plan.json'}", *typed]
        tree = compose("promote", [*line, f"output={folder}"])
        promote.main({**tree, "command": command_line("promote", typed)})
        found.append(json.loads((folder / "summary.json").read_text()))
        wait = "whole volumes wait: the same command with segment=true segments them"
        assert (wait in capsys.readouterr().out.splitlines()) == (len(found) == 1)
    assert [list(one["samples"]) for one in found] == [[], ["HPC45"], ["HPC45"]]
    assert {one["run_id"] for one in found} == {found[0]["run_id"]}
    assert found[0]["budget"]["used_s"] == found[1]["budget"]["used_s"]
