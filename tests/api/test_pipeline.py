"""All that the commands do, from Python: on a tiny phantom, with a model that costs nothing."""

import html
import json
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
import zarr

from fibsem import api, report, segment
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import compose
from fibsem.data.volumes import create_volume
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from fibsem.tracking.store import client_of
from tests.conftest import labels


@pytest.fixture(scope="module")
def found(tiny, tmp_path_factory, new_store):
    """(dataset, sweep, promotion, options, folder) by the functions of the interface."""
    folder = tmp_path_factory.mktemp("api")
    uri, artifacts = (line.partition("=")[2] for line in new_store(folder))
    store = {"tracking": {"uri": uri, "artifacts": artifacts}}
    film = api.open_dataset(tiny)
    searched = api.sweep(
        film, nbhd="11x11x1", model="threshold", output=folder / "sweep", **store,
        **{"search.trials": 2, "train.share": 0.02},
    )  # fmt: skip
    promoted = api.promote(
        film, study=searched.study, output=folder / "promote", **store,
        rank={"k": 1, "seeds": 1}, postprocessing={"sigma": [0, 1], "threshold_steps": 9},
    )  # fmt: skip
    return film, searched, promoted, store, folder


def test_a_dataset_shows_its_films_and_squares(found):
    film = found[0]
    assert str(film).splitlines()[1:] == [
        "  HPC45: 6 x 160 x 176 uint16; squares: 3 train, 1 val, 1 test"
    ]
    grey, drawn = film.squares("test")[0]
    assert grey.shape == drawn.shape == (72, 72)
    assert 0 <= grey.min() < grey.max() <= 1
    assert set(np.unique(drawn)) <= {0, 1, 255}
    assert film.volumes["HPC45"].shape == (6, 160, 176)
    assert repr(film.volumes["HPC45"]).endswith(
        "slices: 6 x 160 x 176 uint16, 50 x 10 x 10 nm (z, y, x)"  # as the manifest states
    )
    with pytest.raises(api.UserError, match="`sample` must be one of HPC45, but got HPC99"):
        film.volumes["HPC99"]
    with pytest.raises(api.UserError, match="must be one of train, val, test, but got validation"):
        film.squares("validation")
    assert "data:image/png;base64,iVBOR" in film._repr_html_()


def test_a_dataset_is_inspected(found):
    film, *_, folder = found
    seen = api.inspect(film, output=folder / "look")
    assert str(seen).startswith(f"phantom, hash {film.hash}: every label was read")
    assert seen.samples.loc["HPC45", "regions/train"] == 3
    assert [*seen.pictures()] == [path.read_bytes() for path in seen.figures]
    assert seen.warnings == []
    assert json.loads((folder / "look" / "summary.json").read_text()) == seen.summary


def test_films_are_simulated(tmp_path):
    recipe = {"shape": [3, 48, 56], "squares": 3, "square_px": 16}
    made = api.simulate(recipe, output=tmp_path / "film", **{"phantom.seed": 3})
    assert str(made).startswith(f"HPC22: porosity {made.porosities['HPC22']:.4f}, grey ")
    assert {volume.shape for volume in made.dataset.volumes.values()} == {(3, 48, 56)}
    assert made._repr_html_().count("<img") == 1
    inspected = api.inspect(made.dataset, output=tmp_path / "look")
    assert made.dataset.warnings() == inspected.warnings != []  # squares so small, in three slices
    with pytest.raises(api.UserError, match="new or empty folder"):
        api.simulate(recipe, output=tmp_path / "film")


def test_how_long_a_training_may_be_is_said_once(found, capsys):
    film, *_, store, folder = found
    how = {
        "nbhd": "11x11x1", "model.blocks": 1, "model.filters": 4, "output": folder / "said",
        "train": {"epochs": 2, "steps": 3}, **store,
    }  # fmt: skip
    for said in (1, 0):
        api.train(film, **how)
        out = capsys.readouterr().out
        assert out.count("at most 2 epochs of 3 steps, 6 in all\n") == said


def test_evaluations_are_tables_and_are_compared(found, capsys):
    film, *_, store, folder = found
    how = {"nbhd": "11x11x1", "model": "threshold", "train": {"share": 0.02}, **store}
    scored = api.evaluate(film, seeds=2, output=folder / "scored" / "a", **how)
    assert str(scored).startswith(
        f"threshold 11x11x1: validation mIoU {scored.val['miou'].mean:.4f}"
    )
    assert list(scored.runs["seed"]) == [0, 1]
    assert scored.test["miou"].mean == pytest.approx(scored.runs["test/miou"].mean())
    spread = np.std(scored.runs["test/miou"], ddof=1)
    assert scored.metrics("test")["miou"].std == pytest.approx(spread)
    assert scored.figures("test_all") == scored.metrics("test_all")  # its former name
    with pytest.raises(api.UserError, match="`group` must be one of train, val, test, "):
        scored.metrics("tset")
    assert "table-5.1-comparison" in scored.tables
    again = api.evaluate(film, seeds=2, output=folder / "scored" / "a", **how)
    assert "is finished" in capsys.readouterr().out
    assert (again.run_id, str(again)) == (scored.run_id, str(scored))
    single = api.evaluate(film, output=folder / "scored" / "b", seeds=1, **how)
    assert "±" not in str(single)
    told = api.compare(scored, single, output=folder / "scored" / "pair")
    assert (told.seeds.pairs, told.squares.mean) == (1, 0)
    assert "over 1 seeds: +0.0000" in str(told)
    assert told._repr_html_().count("<img") == 1


def test_a_sweep_has_its_trials_as_a_table_and_the_words_of_the_command(found):
    searched = found[1]
    assert str(searched).startswith("2 trials, 0 pruned; best val_all/miou ")
    assert re.search(r" on balanced pixels .*with sigma=[\d.]+\n", str(searched))
    assert list(searched.trials["state"]) == ["complete", "complete"]
    best = searched.best
    assert best.value == best["value"] == searched.trials["val_all/miou"].max()
    assert {**best} == searched.summary["best"]
    assert json.loads((searched.folder / "summary.json").read_text()) == searched.summary
    assert searched._repr_html_().count("<img") >= 2


def test_mlflow_knows_data_and_ranking(found):
    """The dataset of every run with its counts; on the sweep's page its trials, the best first."""
    film, searched, promoted, store, _ = found
    client = client_of(store["tracking"]["uri"])
    for run_id in (searched.summary["parent_run_id"], searched.best["run_id"], promoted.run_id):
        (data,) = [one.dataset for one in client.get_run(run_id).inputs.dataset_inputs]
        assert (data.name, data.digest) == ("phantom", film.hash)
        counts = {"samples": 1, "voxels": 6 * 160 * 176}
        parts = {"train_squares": 3, "val_squares": 1, "test_squares": 1}
        assert json.loads(data.profile) == counts | parts
    note = client.get_run(searched.summary["parent_run_id"]).data.tags["mlflow.note.content"]
    links = [line for line in note.splitlines() if "](#/experiments/" in line]
    assert len(links) == 2
    assert f"/runs/{searched.best['run_id']})" in links[0]


def test_trials_are_found_by_their_figures_and_looked_at(found):
    _, searched, _, store, _ = found
    client = client_of(store["tracking"]["uri"])
    best, where = searched.best, [client.get_run(searched.best["run_id"]).info.experiment_id]
    first = [{"field_name": "metrics.val_all/miou", "ascending": False}]
    trials = "tags.`fibsem.state` = 'complete'"  # the promoted network is another model
    models = client.search_logged_models(where, trials, order_by=first)
    assert len(models) == 2
    assert models[0].source_run_id == best["run_id"]
    figures = {metric.key: metric.value for metric in models[0].metrics}
    assert figures["val/miou"] == best["val"]["miou"]
    assert models[0].params["model.name"] == "threshold"
    worse = f"{trials} and metrics.`val_all/miou` < {best['value'] - 1e-9}"
    (other,) = client.search_logged_models(where, worse)
    assert other.source_run_id == models[1].source_run_id
    assert len(client.get_metric_history(best["run_id"], "val/miou")) == 2  # its epoch, its result
    files = [file.path for file in client.list_artifacts(best["run_id"])]
    assert "validation_square.png" in files


def test_a_promotion_has_its_volumes(found):
    promoted = found[2]
    assert (promoted.version, promoted.champion) == ("1", True)
    read = api.PromoteResult.of_folder(promoted.folder)
    assert str(read) == str(promoted)
    assert read.test_all["miou"] == promoted.test_all.miou
    volume = read.segmentations["HPC45"]
    assert volume.porosity == promoted.summary["samples"]["HPC45"]["porosity"]
    assert "iVBOR" in promoted._repr_html_()
    assert f"version 1 is the champion now: {promoted.reason}; " in str(promoted)
    assert str(promoted).endswith("\nlabel other films: python -m fibsem.segment volume=PATH")
    assert volume.pores.mean() == pytest.approx(volume.porosity)


def test_an_array_is_labelled_as_the_volume_on_disk_is(found, tiny):
    """The same labels, probabilities and porosity; by the command, too."""
    *_, store, folder = found
    model = api.load(**store)
    assert "threshold 11x11x1, trained at 50 x 10 x 10 nm" in str(model)
    assert model._repr_html_().count("<img") == 2  # reliability, and grey values of the films
    on_disk = api.segment(
        tiny / "HPC45" / "slices", model, output=folder / "disk", probabilities=True, previews=0,
        **store,
    )  # fmt: skip
    film = api.open_volume(tiny / "HPC45" / "slices")
    stack = film.whole()
    in_memory = api.segment(stack, model, probabilities=True, previews=0, **store)
    np.testing.assert_array_equal(in_memory.labels, on_disk.labels)
    np.testing.assert_array_equal(in_memory.probabilities, on_disk.probabilities)
    assert in_memory.porosity == on_disk.porosity
    assert in_memory.porosity_ci == on_disk.porosity_ci
    assert "; in memory" in str(in_memory)
    sizes = [one.stores["labels"].voxel_nm for one in (in_memory, on_disk)]
    assert sizes == [(50.0, 10.0, 10.0)] * 2
    opened = api.segment(film, model, previews=0, **store)
    np.testing.assert_array_equal(opened.labels, on_disk.labels)
    kept = api.segment(film, found[2].model, output=folder / "opened", previews=0, **store)
    np.testing.assert_array_equal(kept.labels, on_disk.labels)
    with pytest.raises(
        api.UserError, match=r"labels are in memory alone; api.segment\(\.\.\., out"
    ):
        api.quantify(in_memory)
    assert not in_memory.folder.exists()  # nothing is left of it
    line = ["weights=models:/fibsem/1", f"output={folder / 'by-command'}", "previews=0"]
    uri = f"tracking.uri={store['tracking']['uri']}"
    segment.main(compose("segment", [f"volume={tiny / 'HPC45' / 'slices'}", *line, uri]))
    np.testing.assert_array_equal(labels(folder / "by-command" / "labels.ome.zarr"), on_disk.labels)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: api.train("demo", train=None), "a group of options must name a file of conf/"),
        (lambda: api.inspect(3), "`dataset` must be a name, a path or of api.open_dataset, but"),
        (
            lambda: api.load(None),
            "`weights` must be an address in MLflow or a folder, but got None",
        ),
        (lambda: api.PromoteResult.of_folder(Path("no")), "no/summary.json must be usable, but: "),
        (lambda: api.segment("s", None), "`model` must be an address, a folder or a loaded model"),
        (lambda: api.segment("s", []), "`model` must be an address, a folder or a loaded model"),
    ],
)
def test_arguments_of_another_type_are_refused_in_one_line(call, message):
    with pytest.raises(api.UserError, match=message):
        call()


def test_a_training_can_be_used_at_once(found, tiny, capsys):
    """At the threshold that its validation found best; the report tells its command."""
    film, *_, store, folder = found
    given = {"nbhd": "11x11x1", "model": "threshold", "output": folder / "trained", **store}
    trained = api.train(film, **given)
    labelled, balanced = trained.val_all["miou"], trained.val["miou"]
    assert str(trained).startswith(
        f"validation mIoU {labelled:.4f} of the labelled pixels, {balanced:.4f} on balanced pixels"
    )
    steps = trained.model.bundle.segmenter.postprocessing
    assert (steps.threshold, steps.sigma) == (trained.val_all["threshold"], 0)
    assert str(trained).endswith(f"segment volume=PATH weights={folder / 'trained'}")
    where = tiny / "HPC45" / "slices"
    by_path = api.segment(where, folder / "trained", output=folder / "once", previews=0)
    by_array = api.segment(film.volumes["HPC45"], trained.model, previews=0, **store)
    np.testing.assert_array_equal(by_path.labels, by_array.labels)
    (folder / "trained" / "bundle.json").unlink()  # as a version before left it
    assert api.train(film, **given).model.bundle.segmenter.identity
    report.main(compose("report", [f"lineage={folder / 'once'}"]))
    printed = capsys.readouterr().out
    assert "python -m fibsem.train " in printed
    made = api.lineage(by_path, output=folder / "lineage")
    assert printed.endswith(f"{made}\n")
    assert made._repr_html_().count("<tr>") == len(made.steps) > 1
    assert "sweep" not in printed


def test_what_was_opened_and_made_stays_what_it_is_wherever_people_work(
    found, tiny, tmp_path, monkeypatch
):
    """Folders of samples are built alike: another film and model lie at the same relative paths."""
    store = found[3]
    here, there = tmp_path / "here", tmp_path / "there"
    shutil.copytree(tiny, here / "film")
    recipe = {"shape": [6, 96, 112], "squares": 5, "square_px": 40}
    api.simulate(recipe, output=there / "film")
    options = {"nbhd": "11x11x1", "model": "threshold", **store}
    monkeypatch.chdir(here)
    film = api.open_dataset("film")
    trained = api.train(film, output="trained", **options)
    threshold = trained.model.bundle.segmenter.postprocessing.threshold
    monkeypatch.chdir(there)
    assert api.inspect(film, output="look").summary["data"] == film.hash
    original = api.open_volume(tiny / "HPC45" / "slices").whole()
    np.testing.assert_array_equal(film.volumes["HPC45"].whole(), original)
    assert film.squares("test")[0][1].shape == (72, 72)
    assert api.train(film, output="again", **options).val == trained.val
    assert api.train("film", output="trained", **options).val != trained.val
    assert trained.model.bundle.segmenter.postprocessing.threshold == threshold


def test_a_dataset_with_a_name_has_it_wherever_people_work(tiny, tmp_path, monkeypatch):
    """Its manifest says phantom: runs and folders would be of another dataset."""
    here, there = tmp_path / "here", tmp_path / "there"
    shutil.copytree(tiny, here / "data" / "demo")
    there.mkdir()
    monkeypatch.chdir(here)
    film = api.open_dataset("demo")
    assert film.name == "demo"
    monkeypatch.chdir(there)
    summary = api.inspect(film, output="look").summary
    assert (summary["dataset"], summary["data"]) == ("demo", film.hash)


def test_a_quantification_is_not_shown_with_the_tables_of_another(found, tmp_path):
    """Of the same labels in one folder, with other options: the former had the later one's."""
    film, _, promoted, *_ = found
    made = api.segment(
        film.volumes["HPC45"], promoted.model, output=tmp_path / "labels", previews=0
    )
    how = {"blocks": 1, "block_voxels": 8000, "output": tmp_path / "q"}
    one = api.quantify(made, **how)
    assert list(one.tables["pore_sizes"])
    api.quantify(made, voxel_nm=[60, 20, 20], **how)
    with pytest.raises(UserError, match="holds a later one"):
        one.tables  # noqa: B018
    assert "without pictures: a result must be used as long as" in one._repr_html_()
    again = api.quantify(made, **how)
    assert again.tables["pore_sizes"].equals(one.tables["pore_sizes"])  # of equal figures


def test_an_inspection_and_a_report_are_not_shown_with_the_pictures_of_later_ones(
    tiny, tmp_path, monkeypatch
):
    shutil.copytree(tiny, tmp_path / "film")
    monkeypatch.chdir(tmp_path)
    first = api.inspect("film", output="look")
    report = api.report("film", folders="look", output="report")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(list(first.pictures())) == len(first.figures) > 0
    assert "srcdoc" in report._repr_html_()
    monkeypatch.chdir(tmp_path)
    again = api.inspect("film", output="look")  # of the same
    assert list(again.pictures()) == list(first.pictures())
    for mask in (tmp_path / "film").rglob("masks/*.tif"):
        tifffile.imwrite(mask, 255 - tifffile.imread(mask))
    api.inspect("film", output="look")
    api.report("film", folders="look", output="report")
    with pytest.raises(UserError, match="holds a later one"):
        first.pictures()
    for one in (first, report):
        assert "without pictures: a result must be used as long as" in one._repr_html_()


def test_a_dataset_whose_files_were_changed_since_it_was_opened_is_refused(tiny, tmp_path):
    """It was trained on as it lies there now, and told the hash of before."""
    shutil.copytree(tiny, tmp_path / "film")
    table = tmp_path / "film" / "HPC45" / "regions.csv"
    film = api.open_dataset(tmp_path / "film")
    assert len(film.squares("train")) == 3
    rows = table.read_text()
    table.write_text(rows.replace("train", "val", 1))
    with pytest.raises(UserError, match=r"since: .*regions\.csv; api\.open_dataset opens it anew"):
        api.inspect(film, output=tmp_path / "look")
    assert len(api.open_dataset(tmp_path / "film").squares("train")) == 2
    table.write_text(rows)
    assert api.inspect(film, output=tmp_path / "look").summary["data"] == film.hash
    mask = table.parent / rows.splitlines()[1].split(",")[0]
    tifffile.imwrite(mask, 255 - tifffile.imread(mask))
    with pytest.raises(UserError, match="changed since: labels of HPC45; api"):
        api.inspect(film, output=tmp_path / "look")


def test_volumes_models_and_results_are_those_of_the_folder_in_which_they_were_opened(
    found, tiny, tmp_path, monkeypatch
):
    film, *_, store, _ = found
    here, there = tmp_path / "here", tmp_path / "there"
    shutil.copytree(tiny / "HPC45" / "slices", here / "film")
    with create_volume(there / "film", (6, 160, 176), np.uint16, format="tiff") as writer:
        writer.write(0, 65535 - film.volumes["HPC45"].whole())
    porosity = {}
    for folder in (here, there):
        monkeypatch.chdir(folder)
        trained = api.train(film, nbhd="11x11x1", model="threshold", output="trained", **store)
        volume, model = api.open_volume("film"), api.load("trained")
        labelled = api.segment(volume, model, output="labels", previews=0)
        porosity[folder] = labelled.porosity, volume, model, labelled, trained
    value, volume, model, labelled, _ = porosity[here]  # seen from the other folder
    told = str(labelled).splitlines()
    assert told[1].endswith(f"; {here / 'labels'}")
    assert told[2].endswith(f": python -m fibsem.quantify segmentation={here / 'labels'}")
    assert porosity[there][0] != value
    assert api.segment(volume, model, previews=0).porosity == value
    assert model.address == str(here / "trained")
    assert api.quantify(labelled, output="structure", blocks=0).summary["porosity"] == value


def test_a_series_that_was_rewritten_is_labelled_as_it_is_now(found, tmp_path):
    """Pixels that begin elsewhere in their files by now were read where they began before."""
    film, *_, store, _ = found
    grey = film.volumes["HPC45"].whole()
    (tmp_path / "film").mkdir()

    def write(values, **options):
        for z, image in enumerate(values):
            tifffile.imwrite(tmp_path / "film" / f"{z}.tif", image, metadata=None, **options)

    write(grey)
    volume = api.open_volume(tmp_path / "film")
    for options in ({"description": 4000 * "x"}, {"byteorder": ">"}):
        write(65535 - grey, **options)
        now, fresh = (
            api.segment(one, "models:/fibsem/1", previews=0, **store).porosity
            for one in (volume, api.open_volume(tmp_path / "film"))
        )
        assert now == fresh


def test_a_volume_that_was_rewritten_is_labelled_as_it_is_now(found, tmp_path):
    """Chunks of several slices are kept, and were labelled though the film was another one."""
    film, *_, store, _ = found
    grey, path = film.volumes["HPC45"].whole(), tmp_path / "film.zarr"
    array = zarr.create_array(path, shape=grey.shape, chunks=grey.shape, dtype=grey.dtype)
    array[:] = grey
    volume = api.open_volume(path)
    first = api.segment(volume, "models:/fibsem/1", previews=0, **store)
    array[:] = 65535 - grey
    now = api.segment(volume, "models:/fibsem/1", previews=0, **store)
    fresh = api.segment(api.open_volume(path), "models:/fibsem/1", previews=0, **store)
    assert now.porosity == fresh.porosity != first.porosity


def test_what_a_manifest_says_of_a_film_goes_with_its_volume(found, tiny, tmp_path):
    """README's way: a mask was not used, and the size of a voxel that is stated not known."""
    store = found[3]
    shutil.copytree(tiny, tmp_path / "film")
    mask = np.zeros((160, 176), np.uint8)
    mask[12:] = 1
    tifffile.imwrite(tmp_path / "film" / "mask.tif", mask)
    manifest = tmp_path / "film" / "dataset.yaml"
    record = yaml.safe_load(manifest.read_text())
    record["voxel_nm"] = {"z": 20, "y": 5, "x": 5}
    record["samples"][0]["valid"] = "mask.tif"
    manifest.write_text(yaml.safe_dump(record))
    volume = api.open_dataset(tmp_path / "film").volumes["HPC45"]
    how = {"previews": 0, **store}
    by_manifest = api.segment(volume, "models:/fibsem/1", **how).summary
    stated = {"valid": str(tmp_path / "film" / "mask.tif"), "voxel_nm": [20, 5, 5]}
    plain = api.open_volume(tiny / "HPC45" / "slices")
    by_hand = api.segment(plain, "models:/fibsem/1", **stated, **how).summary
    for key in ("porosity", "voxel_nm", "voxel_nm_assumed"):
        assert by_manifest[key] == by_hand[key]
    assert by_manifest["material"]["left_out"] == by_hand["material"]["left_out"]
    everything = api.segment(volume, "models:/fibsem/1", valid="all", **how).summary
    assert everything["material"]["share"] == 1


def test_folders_of_a_report_may_be_one(found):
    with pytest.raises(api.UserError, match=r"must be folders of results, but nowhere is not ther"):
        api.report(found[0], folders="nowhere")


def test_no_dataset_is_not_the_default_one():
    with pytest.raises(api.UserError, match="`dataset` must be a name or a path, but got None"):
        api.open_dataset(None)


def test_a_result_whose_folder_holds_a_later_one_is_not_read_as_it(found, tmp_path):
    """In a loop with one output and `overwrite`, all results had the model of the last one."""
    film, *_, store, _ = found
    how = {"nbhd": "11x11x1", "model": "threshold", "output": tmp_path / "out", **store}
    first = api.train(film, seed=0, **how)
    later = api.train(film, seed=1, overwrite=True, **how)
    with pytest.raises(
        api.UserError, match=r"as long as it lies in its folder, but .* a later one"
    ):
        first.model  # noqa: B018
    labelled = api.segment(film.volumes["HPC45"], later.model, output=tmp_path / "l", previews=0)
    inverted = 65535 - film.volumes["HPC45"].whole()
    api.segment(inverted, later.model, output=tmp_path / "l", previews=0, overwrite=True)
    for read in (
        lambda: labelled.labels,
        lambda: labelled.stores["labels"],
        lambda: api.quantify(labelled, blocks=0),
    ):
        with pytest.raises(api.UserError, match="as long as it lies in its folder"):
            read()


def test_a_training_is_not_given_back_with_the_network_of_another(found, tmp_path):
    film, *_, store, _ = found
    how = {"nbhd": "11x11x1", "model": "2dcnn", "model.filters": 4, "model.blocks": 1, **store}
    how |= {"train": {"epochs": 1, "steps": 3}}
    for seed in (0, 3):
        api.train(film, seed=seed, output=tmp_path / str(seed), **how)
    again = api.train(film, seed=0, output=tmp_path / "0", **how)
    assert again.model.bundle.segmenter.members
    shutil.copy(tmp_path / "3" / "model.keras", tmp_path / "0" / "model.keras")
    with pytest.raises(
        api.UserError, match=r"`output` must be a folder .*model.keras is not of the m"
    ):
        api.train(film, seed=0, output=tmp_path / "0", **how)


def test_random_numbers_of_whoever_trains_go_on(found, tmp_path):
    """A training seeds those of the process: every later draw was the same one."""
    film, *_, store, _ = found
    how = {"nbhd": "11x11x1", "model": "2dcnn", "model.filters": 4, "model.blocks": 1, **store}
    how |= {"train": {"epochs": 1, "steps": 1}}
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002 - as others do
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    api.train(film, output=tmp_path / "a", **how)
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002


def test_in_what_a_volume_differs_is_said_again(found, tiny):
    """By the result, which a later start only reads."""
    *_, store, folder = found
    stack = 65535 - api.open_volume(tiny / "HPC45" / "slices").whole()
    first, again = (
        api.segment(stack, "models:/fibsem/1", output=folder / "inverted", previews=0, **store)
        for _ in "ab"
    )
    assert again.warnings == first.warnings == first.summary["warnings"] != []
    assert f"warning: {first.warnings[0]}" in str(again)


def test_two_models_of_one_name_are_both_used(found, tiny, capsys):
    """A champion, and what it is once another one was promoted."""
    *_, store, _ = found
    old = api.load(**store)
    spec = resolve("threshold", Nbhd(1, 3, 3), "valid", {"sigma": 4.0})
    segmenter = Segmenter.of(spec, Threshold(spec), old.bundle.segmenter.recipe, PostProcessing())
    new = replace(old, bundle=replace(old.bundle, segmenter=segmenter))
    stack = api.open_volume(tiny / "HPC45" / "slices").whole()
    for models in ([old, new], [new, old]):
        both = api.segment(stack, models, uncertainty=True, previews=0, **store)
        assert both.summary["uncertainty_mean"] > 0
        shown = [f"threshold {one.bundle.segmenter.members[0].spec.nbhd}" for one in models]
        assert both.summary["members"] == shown
        assert "not of the mean of 2" in both.summary["porosity_interval"]["why"]
        assert "have different post-processing (1 " in capsys.readouterr().out
    how = {"uncertainty": True, "previews": 0, **store}
    mixed = api.segment(stack, [new, "models:/fibsem@champion"], **how)
    assert mixed.summary["members"] == both.summary["members"]


def test_a_report_is_its_page(found):
    folder = found[4]
    told = api.report(found[0], folders=[folder], output=folder / "report", **found[3])
    frame = told._repr_html_()
    assert frame.startswith('<iframe srcdoc="&lt;!DOCTYPE html')
    assert html.unescape(frame).count("<style>") == told.page.read_text().count("<style>")
    assert str(told).startswith(f"{sum(told.summary['results'].values())} results of phantom: ")


def test_a_segmentation_is_quantified(found):
    volume = found[2].segmentations["HPC45"]
    told = api.quantify(volume, output=found[4] / "quantify", blocks=1, block_voxels=20_000)
    assert told.porosity == pytest.approx(volume.porosity)
    assert str(told).splitlines()[-1] == str(found[4] / "quantify")
    assert told.tables
    assert "iVBOR" in told._repr_html_()


def test_a_champion_that_was_moved_is_found_again(found, tmp_path, monkeypatch):
    """The last test: it moves what the others stand on."""
    folder, here = found[4], tmp_path / "moved"
    shutil.move(folder, here)
    monkeypatch.chdir(here)
    store = {"tracking": {"uri": f"sqlite:///{here / 'ml.db'}"}}
    with pytest.raises(api.UserError, match="must name a registered model"):
        api.load(**store)
    assert api.repoint(folder, **store).present
    assert api.load(**store).version == "1"
