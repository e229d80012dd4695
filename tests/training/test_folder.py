"""What lies in the folder of a training is used for this training, refused, or made again."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from fibsem import train as command
from fibsem.config import Configuration, TrackingConfig, compose
from fibsem.errors import UserError
from fibsem.system.files import read_json
from fibsem.system.identity import Identity
from fibsem.tracking.bundle import load_bundle
from fibsem.tracking.runs import Tracking
from fibsem.training.job import Job
from fibsem.training.material.datasets import obtain
from fibsem.training.material.material import Material
from fibsem.training.run import run_job
from fibsem.training.steps.fit import train
from tests.conftest import CutOffError

#: A model that is fitted at once.
OTSU = ["model=threshold", "nbhd=11x11x3"]


@pytest.fixture(scope="module")
def tracking(new_store, tmp_path_factory):
    return opened(new_store, tmp_path_factory.mktemp("runs"))


def opened(new_store, folder):
    new_store(folder)
    config = TrackingConfig(
        uri=f"sqlite:///{folder / 'ml.db'}", artifacts=str(folder / "artifacts")
    )
    return Tracking.open(config, "any")


@pytest.fixture
def film(tiny, tmp_path):
    """A tiny film that may be changed."""
    return shutil.copytree(tiny, tmp_path / "film")


def on(film, *overrides):
    """Material of a training on a film."""
    config = Configuration(compose("train", [f"data.path={film}", *OTSU, *overrides])).run
    return Material(obtain(config.data, config.split), config)


def job(folder, overwrite="never", overrides=OTSU):
    tree = compose("train", list(overrides))
    return Job(Configuration(tree), folder, "a training", {}, overwrite=overwrite)


def figures(result):
    """As JSON keeps them."""
    record = result if isinstance(result, dict) else result.to_json()
    return json.loads(json.dumps({key: record[key] for key in ("val", "val_all", "history")}))


def mend(film):
    mask = next((film / "HPC45" / "masks").glob("*.tif"))
    tifffile.imwrite(mask, 255 - tifffile.imread(mask))


def redo_slice(film, z=2):
    """One that is neither the first, nor the middle one, nor the last."""
    file = film / "HPC45" / "slices" / f"slice_{z:04d}.tif"
    tifffile.imwrite(file, tifffile.imread(file) // 2)


@pytest.fixture(scope="module")
def finished(tiny, tracking, tmp_path_factory):
    """Folder of a training on the tiny film that has ended, not to be changed, and its result."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, run_job(job(folder), on(tiny), tracking)[0]


@pytest.mark.parametrize(
    ("override", "change", "said"),
    [
        ("model.sigma=2", None, r"model\.sigma \(1\.0, now 2\)"),
        ("seed=4", None, r"seed \(0, now 4\)"),
        ("nbhd=11x11x1", None, r"nbhd \(11x11x3, now 11x11x1\)"),
        ("preprocess.gradient=none", None, r"preprocess\.gradient \(x, now none\)"),
        ("train.test=true", None, r"train\.test \(false, now true\)"),
        ("sampling.seed=1", None, r"sampling\.seed \(0, now 1\)"),
        ("seed=0", mend, r"labels of HPC45 \(\w{16}, now \w{16}\);"),
        ("seed=0", redo_slice, r"grey values of HPC45 \(\w{16}, now \w{16}\);"),
    ],
)
def test_a_result_is_that_of_one_training_on_one_film(
    finished, tracking, film, tmp_path, override, change, said
):
    folder, first = shutil.copytree(finished[0], tmp_path / "run"), finished[1]
    if change:
        change(film)
    with pytest.raises(UserError, match=f"another {said}") as caught:
        run_job(job(folder, overrides=[*OTSU, override]), on(film, override), tracking)
    assert "\n" not in str(caught.value)
    assert figures(read_json(folder / "result.json")) == figures(first)


def test_where_another_training_may_be_replaced_it_is_as_in_a_new_folder(tracking, film, tmp_path):
    first, _ = run_job(job(tmp_path / "run"), on(film), tracking)
    redo_slice(film)
    other = on(film, "model.sigma=2")
    anew, _ = run_job(job(tmp_path / "run", "other"), other, tracking)
    fresh, _ = run_job(job(tmp_path / "fresh"), other, tracking)
    assert anew.run_id != first.run_id
    assert figures(anew)["val_all"] == figures(fresh)["val_all"]
    assert run_job(job(tmp_path / "run", "other"), other, tracking)[0].run_id == anew.run_id


def test_other_places_and_ways_of_the_same_training_take_the_result(tracking, film, tmp_path):
    first, _ = run_job(job(tmp_path / "run"), on(film), tracking)
    moved = shutil.copytree(film, tmp_path / "moved")  # with other times
    same = on(moved, "search.workers=3", "tracking.experiment=x", "search.seed=9")
    known, _ = run_job(job(tmp_path / "run"), same, tracking)
    assert (known.run_id, figures(known)) == (first.run_id, figures(first))
    again, _ = run_job(job(tmp_path / "run", "always"), on(film), tracking)
    assert again.run_id != first.run_id
    assert again.val == first.val


#: A training of a second; on the tiny film.
SHORT = ["train.epochs=2", "train.steps=2"]


@pytest.fixture(scope="module")
def begun(material, tracking, tmp_path_factory):
    """A training that was cut off behind its first epoch, and the same when it was finished."""
    folder = tmp_path_factory.mktemp("begun")

    def stop(epoch):
        raise CutOffError

    with pytest.raises(CutOffError):
        run_job(job(folder / "cut"), material(*SHORT), tracking, stop)
    assert (folder / "cut" / "checkpoint.npz").exists()
    shutil.copytree(folder / "cut", folder / "whole")
    record, _ = run_job(job(folder / "whole"), material(*SHORT), tracking)
    return folder, record


@pytest.fixture
def cut_off(begun, tmp_path):
    return shutil.copytree(begun[0] / "cut", tmp_path / "cut")


@pytest.mark.parametrize(
    ("override", "change", "said"),
    [
        ("train.learning_rate=0.05", None, r"train\.learning_rate \(0\.01, now 0\.05\)"),
        ("model.filters=6", None, r"model\.filters \(4, now 6\)"),
        ("seed=1", None, r"seed \(0, now 1\)"),
        ("model=unet", None, r"model\.name \(2dcnn, now unet\)"),
        ("model=threshold", None, r"model\.name \(2dcnn, now threshold\)"),
        ("seed=0", mend, r"labels of HPC45 \(\w{16}, now \w{16}\);"),
        ("seed=0", redo_slice, r"grey values of HPC45 \(\w{16}, now \w{16}\);"),
    ],
)
def test_nobody_goes_on_from_the_weights_of_another_training(
    cut_off, material, small, film, tracking, override, change, said
):
    before = (cut_off / "checkpoint.npz").read_bytes()
    other = material(*SHORT, override)
    if change:
        change(film)
        tree = compose("train", [*small, *SHORT, f"data.path={film}"])
        config = Configuration(tree).run
        other = Material(obtain(config.data, config.split), config)
    with pytest.raises(UserError, match=f"another .*{said}") as caught:
        run_job(job(cut_off), other, tracking)
    assert "\n" not in str(caught.value)
    assert (cut_off / "checkpoint.npz").read_bytes() == before


def test_another_training_that_may_begin_anew_is_as_in_a_new_folder(cut_off, material, tracking):
    slower = material(*SHORT, "train.learning_rate=0.05")
    anew, _ = run_job(job(cut_off, "other"), slower, tracking)
    assert anew.val == pytest.approx(train(slower).best.val)


def test_the_parts_of_a_checkpoint_keep_their_names(cut_off):
    """A later version goes on from it."""
    with np.load(cut_off / "checkpoint.npz") as arrays:
        parts = {name.partition("/")[0] for name in arrays}
    assert parts == {"record", "best", "model", "optimizer", "raw"}


def test_a_checkpoint_carries_what_it_is_of(begun, cut_off, material, tracking, tmp_path):
    """Copied into a new folder it is gone on from by the same training, and by no other."""
    shutil.copy(cut_off / "checkpoint.npz", tmp_path)
    record, _ = run_job(job(tmp_path), material(*SHORT), tracking)
    assert record.history[0] == begun[1].history[0]  # with the seconds that it took
    assert record.epochs == 2
    others = {
        "seed=1": "another seed ",
        "train.epochs=3": r"train\.epochs \(2, now 3\)",
        "train.schedule=step": r"train\.schedule \(cosine, now s",
    }  # fmt: skip
    for override, said in others.items():
        with pytest.raises(UserError, match=said):
            train(material(*SHORT, override), checkpoint=cut_off / "checkpoint.npz")


@pytest.mark.parametrize("content", [b"", None])
def test_a_damaged_checkpoint_is_begun_again(begun, cut_off, material, tracking, content, capsys):
    path = cut_off / "checkpoint.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    record, _ = run_job(job(cut_off), material(*SHORT), tracking)
    assert "checkpoint.npz is damaged" in capsys.readouterr().err
    assert (record.val, record.epochs) == (begun[1].val, 2)


@pytest.mark.parametrize("name", ["result.json", "run.json", "model.keras", "identity.json"])
@pytest.mark.parametrize("half", [False, True])
def test_what_is_damaged_in_a_folder_is_made_again(
    begun, material, small, tracking, tmp_path, name, half, capsys
):
    folder = shutil.copytree(begun[0] / "whole", tmp_path / "whole")
    tracking.log_json(begun[1].run_id, compose("train", [*small, *SHORT]), "config.json")
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2] if half else b"")
    again, _ = run_job(job(folder), material(*SHORT), tracking)
    assert "is damaged" in capsys.readouterr().err
    assert (again.val, again.epochs) == (begun[1].val, begun[1].epochs)
    assert Identity.beside(folder) is not None
    for file in ("result.json", "run.json"):
        assert read_json(folder / file)["run_id"]
    if name != "run.json":  # without it the run of a training cannot be found
        assert again.run_id == begun[1].run_id


def test_a_store_that_does_not_know_the_run_is_told_again(film, tracking, new_store, tmp_path):
    first, _ = run_job(job(tmp_path / "run"), on(film), tracking)
    (tmp_path / "other").mkdir()
    other = opened(new_store, tmp_path / "other")
    again, _ = run_job(job(tmp_path / "run"), on(film), other)
    assert figures(again) == figures(first)
    run = other.find(again.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["val/miou"] == first.val["miou"]
    assert run.data.metrics["epochs"] == 1
    other.client.delete_run(again.run_id)  # as people do in the browser
    third, _ = run_job(job(tmp_path / "run"), on(film), other)
    assert third.run_id not in (first.run_id, again.run_id)


def test_data_that_change_under_a_training_give_no_result(small, tracking, film, tmp_path):
    config = Configuration(compose("train", [*small, *SHORT, f"data.path={film}"])).run
    material = Material(obtain(config.data, config.split), config)
    folder = tmp_path / "run"
    with pytest.raises(UserError, match="but grey values of HPC45 of"):
        run_job(job(folder), material, tracking, lambda epoch: epoch.epoch or redo_slice(film))
    assert not (folder / "result.json").exists()
    assert not (folder / "checkpoint.npz").exists()
    run_id = read_json(folder / "run.json")["run_id"]
    assert tracking.find(run_id).info.status == "FAILED"


def test_data_that_change_and_change_back_under_a_training_are_said(
    tracking, film, tmp_path, capsys
):
    file = film / "HPC45" / "slices" / "slice_0002.tif"
    former = file.read_bytes()

    def meanwhile(epoch):
        redo_slice(film)
        file.write_bytes(former)

    run_job(job(tmp_path / "calm"), on(film), tracking)
    assert capsys.readouterr().err == ""
    run_job(job(tmp_path / "run"), on(film), tracking, meanwhile)
    (said,) = capsys.readouterr().err.splitlines()
    where = film / "dataset.yaml"
    assert said.startswith(f"warning: files of {where} were written to during this training; they")


def test_overwrite_removes_what_a_training_wrote_and_nothing_else(tracking, film, tmp_path):
    folder = tmp_path / "run"
    first, _ = run_job(job(folder), on(film), tracking)
    (folder / "notes.txt").write_text("mine")
    (folder / "result.json").write_text("{")  # even then
    again, _ = run_job(job(folder, "always"), on(film, "seed=1"), tracking)
    assert again.run_id != first.run_id
    assert (folder / "notes.txt").read_text() == "mine"
    Identity("sweep", {}, {}).write(folder)
    with pytest.raises(UserError, match="holds a sweep; the choices are another output"):
        run_job(job(folder, "always"), on(film), tracking)


def test_the_run_of_a_training_that_is_begun_anew_ends(cut_off, material, tracking):
    before = read_json(cut_off / "run.json")["run_id"]
    tracking.client.update_run(before, status="RUNNING")  # as a kill leaves it
    run_job(job(cut_off, "always"), material(*SHORT, "train.epochs=1"), tracking)
    assert tracking.find(before).info.status == "KILLED"


def test_identities_follow_the_configuration_not_the_tree(material):
    settings = material("train.mode=grid").config.settings
    assert settings == material("train.mode=auto").config.settings
    assert replace(material().config, seed=1).settings != settings


def test_a_finished_training_labels_as_the_manifest_says_today(film, new_store, tmp_path):
    """Sizes of voxels and values of labels change no training: the bundle kept those of before."""
    out, manifest = tmp_path / "out", film / "dataset.yaml"
    how = [f"data.path={film}", f"output={out}", *OTSU, *new_store(tmp_path)]
    command.main(compose("train", how))
    first = load_bundle(out)
    assert (first.voxel_nm, first.segmenter.classes) == ((50.0, 10.0, 10.0), (0, 255))
    manifest.write_text(manifest.read_text().replace("z: 50.0", "z: 25.0"))
    command.main(compose("train", how))
    assert load_bundle(out).voxel_nm == (25.0, 10.0, 10.0)
    written = (out / "bundle.json").stat().st_mtime_ns
    command.main(compose("train", how))
    assert (out / "bundle.json").stat().st_mtime_ns == written
