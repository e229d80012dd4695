"""An evaluation is finished for the seeds that it has, and is of one configuration and dataset."""

import json

import pytest

from fibsem.config import Configuration, TrackingConfig, compose
from fibsem.errors import UserError
from fibsem.evaluation.comparison import compare, finished_cells
from fibsem.evaluation.folder import OWN, PARENT, finished, scores_of, settle
from fibsem.system.files import write_json
from fibsem.system.identity import FILE, Identity
from fibsem.tracking.runs import Tracking
from tests.reporting.records import evaluation

DATA = {"name": "film", "labels of film": "11", "grey values of film": "22", "hash": "aaa-bbb"}


@pytest.fixture(scope="module")
def tracking(new_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    new_store(folder)
    config = TrackingConfig(uri=f"sqlite:///{folder / 'ml.db'}", artifacts=str(folder / "a"))
    return Tracking.open(config, "any")


@pytest.fixture
def begin(tracking, tmp_path):
    """Function (*overrides, data, overwrite) -> a folder is made that of this evaluation."""

    def make(*overrides, data=DATA, overwrite=False):
        settle(tmp_path, tree(*overrides), data, tracking, overwrite=overwrite)

    return make


def tree(*overrides):
    return compose("evaluate", list(overrides))


def finish(folder, seeds, **more):
    record = evaluation(0.1)
    runs = [{**record["runs"][0], "seed": s} for s in seeds]
    write_json(folder / "summary.json", {**record, "runs": runs, **more})
    for seed in seeds:
        (folder / f"seed-{seed}").mkdir(exist_ok=True)
        write_json(scores_of(folder, seed), {})


def test_more_seeds_go_on_and_fewer_are_summed_up_anew(begin, tmp_path):
    begin("seeds=3")
    finish(tmp_path, [0, 1, 2])
    begin("seeds=5")
    assert finished(tmp_path, range(3)).seeds == (0, 1, 2)
    assert finished(tmp_path, range(5)) is None
    assert finished(tmp_path, range(2)) is None
    assert list(Configuration(tree("seed=7", "seeds=2")).seeds) == [7, 8]


@pytest.mark.parametrize("content", [None, "", '{"seed": 1, "squ'])
def test_a_seed_whose_scores_are_lost_is_scored_again(begin, tmp_path, content):
    """As the message about them says; the evaluation was said to be finished."""
    begin("seeds=3")
    finish(tmp_path, [0, 1, 2])
    scores_of(tmp_path, 1).unlink()
    if content is not None:
        scores_of(tmp_path, 1).write_text(content)
    assert finished(tmp_path, range(3)) is None


@pytest.mark.parametrize(
    ("override", "data", "said"),
    [
        ("seed=1", DATA, r"seed \(0, now 1\)"),
        ("model=unet", DATA, r"model\.name \(2dcnn, now unet\)"),
        ("train.share=0.02", DATA, r"train\.share \(0\.01, now 0\.02\)"),
        ("evaluation.patch_limit=9", DATA, r"evaluation\.patch_limit \(2000000, now 9\)"),
        ("seed=0", {**DATA, "labels of film": "33"}, r"labels of film \(11, now 33\)"),
        ("seed=0", {**DATA, "name": "other"}, r"name \(film, now other\)"),
    ],
)
def test_another_evaluation_is_refused(begin, override, data, said):
    begin()
    with pytest.raises(UserError, match=f"another .*{said}") as caught:
        begin(override, data=data)
    assert "\n" not in str(caught.value)
    begin(override, data=data, overwrite=True)


@pytest.mark.parametrize("content", ["", "[]", '{"runs": [', '{"val": {}}'])
def test_a_damaged_summary_is_made_again(begin, tmp_path, content):
    begin()
    (tmp_path / "summary.json").write_text(content)
    assert finished(tmp_path, range(5)) is None
    assert finished_cells(tmp_path.parent, DATA["hash"]) == {}
    with pytest.raises(UserError, match="finished evaluations"):
        compare(tmp_path, tmp_path)


def test_an_old_evaluation_of_which_nobody_knows_anything_is_refused(begin, tmp_path):
    finish(tmp_path, [0])
    write_json(tmp_path / PARENT, {"run_id": "abc"})
    with pytest.raises(UserError, match=r"ml\.db has no run abc that does; .*overwrite=true"):
        begin()
    begin(overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_overwrite_removes_an_evaluation_and_nothing_else(begin, tmp_path):
    begin()
    finish(tmp_path, [0, 1])
    mine = ["seed-0/scores.json", "seed-0/result.json", "seed-1/checkpoint.npz", PARENT,
            "figures/network.png", "figures/network.svg", "figures/learning_curves.png",
            "square.npz", "seed-1/identity.json"]  # fmt: skip
    theirs = ["seed-0/notes.txt", "notes.txt", "figures/mine.svg", "figures/mine.png",
              "seeds/result.json"]  # fmt: skip
    for name in (*mine, *theirs):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    begin("seed=1", overwrite=True)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {*theirs, FILE}
    assert len(OWN) == len(set(OWN))


def test_results_of_two_versions_on_the_same_data_are_in_one_table(tmp_path):
    for name, data in (("old", "aaa"), ("new", "aaa-bbb"), ("other", "aaa-ccc"), ("none", None)):
        write_json(tmp_path / name / "summary.json", {**evaluation(0.01), "data": data})
    assert {path.name for path in finished_cells(tmp_path, "aaa-bbb")} == {"old", "new"}
    assert json.loads((tmp_path / "old" / "summary.json").read_text())["data"] == "aaa"


def test_an_evaluation_and_a_training_do_not_share_a_folder(begin, tmp_path):
    Identity("training", {}, {}).write(tmp_path)
    for overwrite in (False, True):
        with pytest.raises(UserError, match="holds a training"):
            begin(overwrite=overwrite)
