"""A sweep, its folder and its study are of one configuration on one dataset."""

import json
import shutil
import threading

import pytest
import tifffile

from fibsem import sweep
from fibsem.config import Configuration, compose, settings_hash, settings_of
from fibsem.errors import UserError
from fibsem.search.folder import settle_study, study_name
from fibsem.search.space.declared import read_space
from fibsem.search.studies.samplers import objectives
from fibsem.search.sweep import backend_of
from fibsem.search.workers.executors import InProcess
from fibsem.system.identity import Identity
from fibsem.system.locks import at_work
from fibsem.tracking.runs import Tracking
from fibsem.tracking.store import client_of
from fibsem.training.job import Job
from fibsem.training.material.datasets import obtain
from fibsem.training.material.material import Material
from tests.search.sweeps import opened_of


@pytest.fixture
def film(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "film")


@pytest.fixture
def tree(film, store, tmp_path):
    """Function (*overrides) -> configuration of a sweep of a model that learns nothing."""

    def make(*overrides):
        common = [f"data.path={film}", "model=threshold", "nbhd=11x11x3", "train.share=0.02",
                  "search.trials=1", f"output={tmp_path / 'sweep'}", *store]  # fmt: skip
        return compose("sweep", [*common, *overrides])

    return make


def begin(tree, folder):
    """Open a sweep that nobody works on yet."""
    opened = opened_of(Configuration(tree), folder)
    opened.study.close()
    return opened


def mend(film):
    mask = next((film / "HPC45" / "masks").glob("*.tif"))
    tifffile.imwrite(mask, 255 - tifffile.imread(mask))


def redo_slice(film, z=1):
    file = film / "HPC45" / "slices" / f"slice_{z:04d}.tif"
    tifffile.imwrite(file, tifffile.imread(file) // 2)


@pytest.mark.parametrize(
    ("override", "change", "said"),
    [
        ("search.sampler=random", None, r"search\.sampler \(enumerated, now random\)"),
        ("search.seed=1", None, r"search\.seed \(0, now 1\)"),
        ("train.share=0.03", None, r"train\.share \(0\.02, now 0\.03\)"),
        ("space.axes.model.sigma.high=4", None, r"space\.axes\.model\.sigma\.high \(8\.0, now 4\)"),
        ("study=other", None, r"study \(sweep, now other\)"),
        ("search=keras_tuner", None, r"search\.backend \(optuna, now keras_tuner\)"),
        ("seed=0", mend, r"labels of HPC45 \("),
        ("seed=0", redo_slice, r"grey values of HPC45 \("),
    ],
)
def test_what_differs_is_named_and_nothing_is_mixed(tree, film, tmp_path, override, change, said):
    folder = tmp_path / "sweep"
    begin(tree(), folder)
    if change:
        change(film)
    with pytest.raises(UserError, match=f"another .*{said}") as caught:
        begin(tree(override), folder)
    assert "\n" not in str(caught.value)
    if override not in ("study=other", "search=keras_tuner"):  # which have a study of their own
        the_study = (f"search.storage=sqlite:///{folder}/study.db", "study=sweep")
        with pytest.raises(UserError, match=said):
            begin(tree(override, *the_study), tmp_path / "elsewhere")
        assert Identity.beside(tmp_path / "elsewhere") is None


def test_more_trials_workers_and_another_store_of_runs_go_on(tree, tmp_path, new_store):
    first = begin(tree(), tmp_path / "sweep")
    (tmp_path / "other").mkdir()
    more = tree("search.trials=9", "search.retries=0", *new_store(tmp_path / "other"))
    assert begin(more, tmp_path / "sweep").parent != first.parent  # that store has another parent
    assert begin(tree("search.trials=5"), tmp_path / "sweep").study.name == first.study.name


def test_of_two_that_begin_one_study_at_once_one_alone_goes_on(tree, tmp_path):
    """By two machines, each with a folder of its own: whose settings it has, is decided once."""
    database = f"search.storage=sqlite:///{tmp_path / 'shared.db'}"
    trees = [tree(database, "study=one", f"search.seed={seed}") for seed in (1, 2)]
    search = Configuration(trees[0]).search
    space, goals = read_space(trees[0]), objectives(search.objectives)
    tracking = Tracking.open(Configuration(trees[0]).run.tracking, "film")
    studies = [backend_of("optuna")("one", tmp_path, search, space, goals) for _ in trees]
    barrier, results = threading.Barrier(2), {}

    def settle(k):
        name = study_name(trees[k]["study"], tmp_path)
        settings = {**settings_of("sweep", trees[k]), "study": name}
        now = Identity("sweep", settings, {"hash": "a-b"})
        barrier.wait()
        try:
            results[k] = settle_study(studies[k], now, settings_hash(trees[k]), tmp_path, tracking)
        except UserError as error:
            results[k] = str(error)

    threads = [threading.Thread(target=settle, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for study in studies:
        study.close()
    refused = [k for k, found in results.items() if isinstance(found, str)]
    assert len(refused) == 1
    assert "another search.seed" in results[refused[0]]
    assert results[1 - refused[0]] is True
    kept = Identity.from_json(studies[0].get("identity"))
    assert kept.settings["search.seed"] == (2 if refused == [0] else 1)


def test_a_study_of_the_version_before_goes_on_where_its_hash_agrees(tree, tmp_path):
    folder = tmp_path / "sweep"
    opened = begin(tree(), folder)

    def as_before(data):
        """What that version left: a hash of all settings, and the data's in the parent's tags."""
        (folder / "identity.json").unlink(missing_ok=True)
        opened.study.set("identity", None)
        opened.study.set("settings", settings_hash(tree()))
        opened.tracking.tag(opened.parent, {"fibsem.data": data})

    former = opened.material.dataset.digests["hash"].partition("-")[0]
    as_before(former)
    assert begin(tree("search.trials=3"), folder).parent == opened.parent
    as_before("0123456789ab")
    with pytest.raises(UserError, match=r"another data \(0123456789ab, now "):
        begin(tree(), folder)
    as_before(former)
    with pytest.raises(UserError, match=r"another search\.seed \(0, now 1\)"):
        begin(tree("search.seed=1"), folder)


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.slow  # four sweeps
def test_overwrite_begins_the_sweep_anew_and_removes_its_own_files(tree, film, tmp_path):
    """Also where its database is damaged."""
    folder = tmp_path / "sweep"
    sweep.main(tree())
    theirs = [
        folder / name for name in ("trials/notes.txt", "figures/film.png", "figures/pareto.R")
    ]
    for file in theirs:
        file.write_text("mine")
    for damage in (None, b"", b"half of a database"):
        first = summary(folder)
        client = client_of(tree()["tracking"]["uri"])
        client.update_run(first["parent_run_id"], "RUNNING")  # as a SIGKILL leaves it
        (folder / "figures" / "importance.svg").write_text("of the trials before")
        mend(film)
        if damage is not None:
            (folder / "study.db").write_bytes(damage)
        sweep.main(tree("overwrite=true"))
        again = summary(folder)
        assert again["parent_run_id"] != first["parent_run_id"]
        assert client.get_run(first["parent_run_id"]).info.status == "KILLED"
        assert again["trials"]["complete"] == 1
        assert again["data"] != first["data"]
        assert [file.read_text() for file in theirs] == ["mine"] * 3
        assert not (folder / "figures" / "importance.svg").exists()
    mend(film)
    with pytest.raises(UserError, match=r"same settings and data, .* labels of HPC45"):
        sweep.main(tree())


@pytest.mark.parametrize("damage", [b"half of a database", "half", "a page"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_damaged_database_is_said_before_anybody_writes_to_it(tree, tmp_path, damage, elsewhere):
    folder, other = tmp_path / "sweep", tmp_path / "shared.db"
    keys = [f"search.storage=sqlite:///{other}"] if elsewhere else []
    begin(tree(*keys), folder)
    file = other if elsewhere else folder / "study.db"
    whole = file.read_bytes()
    if damage == "half":
        damaged = whole[: len(whole) // 2]
    elif damage == "a page":
        damaged = whole[:4096] + bytes(4096) + whole[8192:]
    else:
        damaged = damage
    file.write_bytes(damaged)
    way = "another one or a copy" if elsewhere else "overwrite=true"
    with pytest.raises(UserError, match=f"is damaged .*{way}") as caught:
        begin(tree(*keys), folder)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == damaged


def test_overwrite_removes_a_study_that_lies_elsewhere(tree, tmp_path):
    database = f"search.storage=sqlite:///{tmp_path / 'shared.db'}"
    begin(tree(database, "study=mine"), tmp_path / "sweep")
    other = begin(tree(database, "study=theirs"), tmp_path / "theirs")
    sweep.main(tree(database, "study=mine", "train.share=0.03", "overwrite=true"))
    assert summary(tmp_path / "sweep")["trials"]["complete"] == 1
    assert begin(tree(database, "study=theirs"), tmp_path / "theirs").parent == other.parent


@pytest.mark.slow
def test_a_study_that_another_folder_began_is_joined_or_left_alone(tree, tmp_path, storage):
    """Two people call their sweeps alike in one storage; ``sweep`` is the folder of the second."""
    theirs = [f"search.storage={storage}", "study=film"]
    first = begin(tree(*theirs), tmp_path / "first")
    theirs_changed = [*theirs, "train.share=0.03"]
    with pytest.raises(
        UserError, match=r"the study film in .*train\.share .* study=NAME"
    ) as caught:
        sweep.main(tree(*theirs_changed))
    assert "overwrite" not in str(caught.value)
    with pytest.raises(UserError, match=r"sweep has begun where .* the study film in .*study=NAME"):
        sweep.main(tree(*theirs_changed, "overwrite=true"))
    sweep.main(tree(theirs[0], "study=mine", "train.share=0.03", "overwrite=true"))
    assert summary(tmp_path / "sweep")["trials"]["complete"] == 1
    assert begin(tree(*theirs), tmp_path / "first").parent == first.parent


@pytest.mark.parametrize("search", ["default", "keras_tuner"])
def test_who_shares_a_study_joins_and_who_would_overwrite_it_is_refused(tree, tmp_path, search):
    with at_work(tmp_path / "sweep", shared=True):
        sweep.main(tree(f"search={search}"))
        with pytest.raises(UserError, match="another process is at work"):
            sweep.main(tree(f"search={search}", "overwrite=true"))
    assert summary(tmp_path / "sweep")["trials"]["complete"] == 1


def test_data_that_change_end_the_sweep_and_are_no_fault_of_the_trial(tree, film, tmp_path):
    config = Configuration(tree()).run
    dataset = obtain(config.data, config.split)
    tracking = Tracking.open(config.tracking, dataset.name)
    execute = InProcess(Material(dataset, config), tracking)
    redo_slice(film)
    job = Job(Configuration(tree()), tmp_path / "trial", "a trial", {})
    with pytest.raises(UserError, match="grey values of HPC45"):
        execute(job, lambda *_: None)
