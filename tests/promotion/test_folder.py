"""A promotion is of its trials, settings and data; its steps are made again where damaged."""

import json
import shutil
from dataclasses import dataclass

import pytest
import tifffile

from fibsem.config import Configuration, TrackingConfig, compose, flat
from fibsem.config.promotion import SETTINGS
from fibsem.data.dataset.manifest import load_dataset
from fibsem.errors import UserError
from fibsem.promotion import decision
from fibsem.promotion.finished import Finished
from fibsem.promotion.folder import settle
from fibsem.promotion.gate import gate
from fibsem.promotion.promotion import parent_run
from fibsem.promotion.setting import Promotion
from fibsem.promotion.testing import OnTestSquares
from fibsem.system.files import write_json
from fibsem.system.identity import FILE, Identity
from fibsem.system.records import Stored
from fibsem.tracking.runs import Tracking


@pytest.fixture(scope="module")
def tracking(new_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    new_store(folder)
    config = TrackingConfig(
        uri=f"sqlite:///{folder / 'ml.db'}", artifacts=str(folder / "artifacts")
    )
    return Tracking.open(config, "any")


@pytest.fixture
def film(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "film")


@pytest.fixture
def begin(film, tracking, tmp_path):
    """Function (*overrides, trials) -> the folder of a promotion is made that of these."""

    def make(*overrides, trials=("t1", "t2")):
        tree = compose("promote", list(overrides))
        settle(tmp_path / "out", tree, trials, load_dataset(film), tracking)

    return make


@pytest.mark.parametrize(
    ("overrides", "trials", "said"),
    [
        (["final.epochs=5"], ("t1", "t2"), r"final\.epochs \(60, now 5\)"),
        (["rank.seeds=4"], ("t1", "t2"), r"rank\.seeds \(3, now 4\)"),
        (
            ["postprocessing.rounds=[1]"],
            ("t1", "t2"),
            r"postprocessing\.rounds \(\[1, 2\], now \[1",
        ),
        ([], ("t1", "t3"), r'trials \(\["t1", "t2"\], now \["t1", "t3"\]\)'),
    ],
)
def test_another_promotion_is_refused(begin, overrides, trials, said):
    begin()
    begin("gate.alpha=0.01", "force=true", "segment=false", "segmentation.workers=2")
    with pytest.raises(UserError, match=f"another {said}"):
        begin(*overrides, trials=trials)
    begin(*overrides, "overwrite=true", trials=trials)


def test_data_that_changed_are_named(begin, film):
    begin()
    manifest = film / "dataset.yaml"
    text = manifest.read_text()
    manifest.write_text(text.replace("x: 10", "x: 12"))
    with pytest.raises(UserError, match=r"voxel_nm \(\[50\.0, 10\.0, 10\.0\], now "):
        begin()
    manifest.write_text(text)
    file = film / "HPC45" / "slices" / "slice_0002.tif"
    tifffile.imwrite(file, tifffile.imread(file) // 2)
    with pytest.raises(UserError, match=r"another grey values of HPC45 \("):
        begin()


@pytest.mark.parametrize(
    ("overrides", "same_data", "said"),
    [
        ([], True, None),
        (["final.epochs=5"], True, r"final\.epochs \(60, now 5\)"),
        ([], False, r"another data \(0123456789ab, now "),
    ],
)
def test_a_promotion_of_the_version_before(
    begin, film, tracking, tmp_path, overrides, same_data, said
):
    """It kept settings and trials in one file, and its run the hash of the data."""
    former = load_dataset(film).hash.partition("-")[0]
    data = former if same_data else "0123456789ab"
    run_id = tracking.start("promotion", tags={"fibsem.data": data})
    tree = compose("promote")
    settings = {key: tree[key] for key in SETTINGS}
    write_json(tmp_path / "out" / "trials.json", {"run_ids": ["t1", "t2"], "settings": settings})
    write_json(tmp_path / "out" / "parent.json", {"run_id": run_id})
    if said is None:
        begin(*overrides)
        kept = Identity.beside(tmp_path / "out")
        assert kept.settings["final.epochs"] == dict(flat(settings))["final.epochs"]
        return
    with pytest.raises(UserError, match=said):
        begin(*overrides)
    tracking.client.delete_run(run_id)
    with pytest.raises(UserError, match=rf"has no run {run_id} that does; .*overwrite=true"):
        begin(*overrides)
    begin(*overrides, "overwrite=true")


def test_overwrite_removes_a_promotion_and_nothing_else(begin, tmp_path):
    begin()
    out = tmp_path / "out"
    mine = ["decision.json", "crowned.json", "version.json", "chosen-single.json", "test.json",
            "rank/a/b/again.json",
            "rank/a/b/result.json", "final/c/model.keras", "bundle/member-0/model.keras",
            "bundle/bundle.json", "tables/ranking.csv", "tables/confusion-test-after.tex",
            "figures/surface.png", "figures/steps.svg", "parent.json"]  # fmt: skip
    theirs = [
        "notes.txt",
        "rank/notes.txt",
        "volumes/film/notes.txt",
        "bundle/notes.txt",
        "figures/mine.svg",
        "figures/film.png",
        "tables/samples.csv",
        "tables/manuscript.tex",
        "tables/README.md",
    ]
    for name in (*mine, *theirs):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("{}")
    begin("seed=1", "overwrite=true")
    left = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert left == {*theirs, FILE}


def test_runs_of_what_is_removed_do_not_stay_running(begin, tracking, tmp_path):
    """After a kill nobody knew their ids any more."""
    begin()
    runs = [tracking.client.create_run(tracking.experiment_id).info.run_id for _ in range(3)]
    places = ("parent.json", "rank/a/b/run.json", "final/c/run.json")
    for run_id, name in zip(runs, places, strict=True):
        write_json(tmp_path / "out" / name, {"run_id": run_id})
    begin("seed=1", "overwrite=true")
    assert [tracking.find(run_id).info.status for run_id in runs] == ["KILLED"] * 3


@dataclass(frozen=True)
class Step(Stored):
    """What a step may find."""

    a: int


@pytest.mark.parametrize("content", ['{"a"', "", '{"b": 1}', "[]"])
def test_a_damaged_step_is_made_again(tiny, tmp_path, capsys, content):
    steps = Finished(tmp_path, load_dataset(tiny))

    def found(value):
        return steps.once("step", Step, lambda: Step(value)).a

    assert [found(1), found(2)] == [1, 1]
    (tmp_path / "step.json").write_text(content)
    assert found(3) == 3
    assert "step.json is damaged" in capsys.readouterr().err


def test_what_a_step_found_on_data_that_were_changed_under_it_is_not_kept(tiny, tmp_path):
    film = shutil.copytree(tiny, tmp_path / "film")
    dataset, mask = load_dataset(film), next(iter((film / "HPC45" / "masks").iterdir()))
    steps, former = Finished(tmp_path, dataset), mask.read_bytes()
    assert dataset.hash
    with pytest.raises(UserError, match=r"must not change while they are in use, but labels of HP"):
        steps.once("step", Step, lambda: Step(mend(mask)))
    assert not (tmp_path / "step.json").exists()
    mask.write_bytes(former)
    assert steps.once("step", Step, lambda: Step(2)).a == 2


def mend(mask):
    """Save other labels of a square."""
    tifffile.imwrite(mask, 255 - tifffile.imread(mask))
    return 1


@pytest.mark.parametrize("name", [decision.FILE, decision.FORMER_FILE])
@pytest.mark.parametrize(
    "content", ['{"gate": {"pas', "", '{"version": "1", "gate": {"pOssed": true}}', '{"gate": {}}']
)
def test_whether_it_became_the_champion_is_not_guessed(tiny, tracking, tmp_path, content, name):
    (tmp_path / name).write_text(content)
    work = Promotion(Configuration(compose("promote")), load_dataset(tiny), tmp_path, tracking)
    with pytest.raises(UserError, match=rf"{name} is damaged.* are to remove it"):
        gate(work, "a run", OnTestSquares({}, {}, {}, None, None))


def test_a_parent_that_the_store_lost_is_begun_anew(tiny, tracking, tmp_path):
    work = Promotion(Configuration(compose("promote")), load_dataset(tiny), tmp_path, tracking)
    first = parent_run(work, [])
    assert parent_run(work, []) == first
    tracking.client.delete_run(first)
    second = parent_run(work, [])
    assert second != first
    assert json.loads((tmp_path / "parent.json").read_text()) == {"run_id": second}
