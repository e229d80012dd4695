"""The protocol on the tiny phantom: two seeds, tables, figures, comparison."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import tifffile

from fibsem import evaluate, models, report
from fibsem.analysis.metrics import pooled
from fibsem.analysis.statistics import band, paired_over_seeds, paired_over_squares
from fibsem.api.evaluating import _over_all, tables_folder
from fibsem.config import Configuration, compose
from fibsem.errors import UserError
from fibsem.evaluation import protocol
from fibsem.evaluation.comparison import compare, draw_cell, write_over_all
from fibsem.evaluation.folder import TO_DO
from fibsem.evaluation.scores import read_seeds, score_model
from fibsem.inference.model.predict import BlockScorer
from fibsem.system.files import write_json
from fibsem.system.locks import alone
from fibsem.tracking.runs import Tracking
from fibsem.training.material.datasets import obtain
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.worked import FOLDER
from fibsem.training.scoring.estimating import estimate
from fibsem.training.scoring.scoring import score_all, scored_squares
from fibsem.training.scoring.squares import HALF, confusions
from tests import once


@pytest.fixture(autouse=True, scope="module")
def pictures_are_small():
    """Not here, where the files of some are looked at, but of drawings for print only the names."""
    with pytest.MonkeyPatch.context() as patch:
        once.draw_for_no_print(patch)
        yield


def overrides(small, root, name, *more):
    uri = f"sqlite:///{root / 'ml.db'}"
    return [
        *small, *more, "seeds=2", f"output={root / name}", f"tracking.uri={uri}",
        f"tracking.artifacts={root / 'artifacts'}",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def evaluated(small, new_store, tmp_path_factory):
    """Two finished evaluations beside each other: a 2dcnn and Otsu."""
    root = tmp_path_factory.mktemp("evaluated")
    new_store(root)
    given = {"2dcnn": overrides(small, root, "2dcnn")}
    without_sizes = [key for key in small if not key.startswith("model.")]
    given["otsu"] = overrides(without_sizes, root, "otsu", "model=threshold")
    trees = {name: compose("evaluate", keys) for name, keys in given.items()}
    for tree in trees.values():
        evaluate.main(tree)
    return root, trees


def test_summary_has_mean_and_spread_over_seeds(evaluated):
    root, _ = evaluated
    record = json.loads((root / "2dcnn" / "summary.json").read_text())
    runs = list(read_seeds(root / "2dcnn", [0, 1]))
    values = [run.scores.balanced["test"].figures["miou"] for run in runs]
    assert [run["seed"] for run in record["runs"]] == [0, 1]
    assert record["test"]["miou"]["mean"] == pytest.approx(np.mean(values))
    assert record["test"]["miou"]["std"] == pytest.approx(np.std(values, ddof=1))
    assert values[0] != values[1]
    for group in ("train_all", "val_all", "test_all", "test_chosen", "test_truth"):
        assert 0 < record[group]["miou"]["mean"] <= 1
        assert "porosity" in record[group]
    assert record["parameters"]["std"] == 0
    assert record["seconds_per_gigapixel"]["mean"] > 0


def test_figures_by_square_add_up_to_the_plain_scores(evaluated, material):
    """Pooled confusion matrices against the functions that training and promotion use."""
    root, trees = evaluated
    run = next(read_seeds(root / "2dcnn", [0]))
    mine = material().for_config(Configuration(trees["2dcnn"]).run)
    model = models.load(mine.config.spec, root / "2dcnn" / "seed-0")
    expected = score_all(scored_squares(mine, BlockScorer(mine.config.spec, model), "test"))
    assert pooled(confusions(run.scores.squares, "test", HALF)).record()["miou"] == expected["miou"]
    balanced = estimate(mine, model, "test").balanced
    assert run.scores.balanced["test"].figures["loss"] == pytest.approx(balanced["loss"], abs=1e-6)


@pytest.mark.slow  # a second of training for each of two seeds, and all that is made of them
def test_a_hard_budget_counts_the_work_of_starts_before(small, new_store, material, tmp_path):
    """Of 600 s one is left for the epochs of each seed, which are planned to take 4 min."""
    new_store(tmp_path)
    plan = Plan(600.0, material().dataset.hash, 2, 3, 2000, 0.04, 0.2, 5.0)
    write_json(tmp_path / "plan.json", plan.to_json())
    before = {"began": time.time() - 3600, "seconds": 599.0}
    write_json(tmp_path / "cell" / FOLDER / f"{before['began']:.3f}-1.json", before)
    how = ["budget_is=hard", f"plan={tmp_path / 'plan.json'}"]
    evaluate.main(compose("evaluate", overrides(small, tmp_path, "cell", *how)))
    record = json.loads((tmp_path / "cell" / "summary.json").read_text())
    assert record["budget"]["cut"]["ended_early"] == 2
    for seed in read_seeds(tmp_path / "cell", [0, 1]):
        assert sum(epoch.steps for epoch in seed.history) < plan.steps


def test_a_finished_cell_is_not_run_again(evaluated, capsys):
    root, trees = evaluated
    before = (root / "2dcnn" / "seed-1" / "scores.json").stat().st_mtime_ns
    evaluate.main(trees["2dcnn"])
    assert "is finished" in capsys.readouterr().out
    assert (root / "2dcnn" / "seed-1" / "scores.json").stat().st_mtime_ns == before


def test_what_is_made_of_all_evaluations_is_made_up_for(evaluated, monkeypatch):
    """A kill behind the summary left tables without it, and a run without its figures."""
    root, trees = evaluated
    record = json.loads((root / "otsu" / "summary.json").read_text())
    (root / "otsu" / "summary.json").unlink()
    table = root / "tables-phantom" / "table-5.1-comparison.csv"
    before = table.read_bytes()
    table.unlink()

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("fibsem.evaluation.comparison.write_tables", stopped)
        with pytest.raises(KeyboardInterrupt):
            evaluate.main(trees["otsu"])
    assert (root / "otsu" / "summary.json").is_file()
    assert not table.exists()
    evaluate.main(trees["otsu"])
    assert table.read_bytes() == before
    again = json.loads((root / "otsu" / "summary.json").read_text())
    assert again["runs"] == record["runs"]
    assert not (root / "otsu" / TO_DO).exists()


def test_scores_of_labels_that_were_saved_meanwhile_are_not_kept(
    small, tiny, tmp_path, monkeypatch
):
    film = shutil.copytree(tiny, tmp_path / "film")
    mask = next(iter((film / "HPC45" / "masks").iterdir()))

    def scored(*what):
        scores = score_model(*what)
        tifffile.imwrite(mask, 255 - tifffile.imread(mask))
        return scores

    monkeypatch.setattr(protocol, "score_model", scored)
    keys = [key for key in small if not key.startswith("model.")]
    given = overrides(keys, tmp_path, "otsu", "model=threshold", f"data.path={film}")
    with pytest.raises(UserError, match="must not change while they are in use, but labels of HPC"):
        evaluate.main(compose("evaluate", given))
    assert not list((tmp_path / "otsu").rglob("scores.json"))
    assert not (tmp_path / "otsu" / "summary.json").exists()


def test_the_page_of_a_seed_shows_the_figures_of_its_scores_logged_once(evaluated):
    """Its training logged `train/loss` by epoch; MLflow shows the last step."""
    root, trees = evaluated
    tracking = Tracking.open(Configuration(trees["2dcnn"]).run.tracking, "phantom")
    for again in (False, True):
        if again:  # as after a kill behind the last seed
            (root / "2dcnn" / "summary.json").unlink()
            evaluate.main(trees["2dcnn"])
        for run in read_seeds(root / "2dcnn", [0, 1]):
            shown = tracking.client.get_run(run.run_id).data.metrics
            assert shown["train/loss"] == run.scores.balanced["train"].figures["loss"]
            assert shown["val/miou"] == run.scores.balanced["val"].figures["miou"]
            logged = tracking.client.get_metric_history(run.run_id, "test/miou")
            assert len(logged) == 1


def test_seeds_are_children_of_one_run_with_figures(evaluated):
    root, trees = evaluated
    config = Configuration(trees["2dcnn"]).run
    tracking = Tracking.open(config.tracking, "phantom")
    record = json.loads((root / "2dcnn" / "summary.json").read_text())
    children = tracking.children(record["run_id"])
    assert len(children) == 2
    assert all(child.info.status == "FINISHED" for child in children)
    files = [file.path for file in tracking.client.list_artifacts(record["run_id"], "figures")]
    for name in ("learning_curves", "network", "feature_maps"):
        assert f"figures/{name}.png" in files
    assert children[0].data.metrics["test/miou"] > 0


def test_tables_hold_every_evaluation_of_the_dataset(evaluated):
    root, _ = evaluated
    folder = root / "tables-phantom"
    table = pd.read_csv(folder / "table-5.1-comparison.csv")
    assert set(table["model"]) == {"2dcnn(11,11,3)", "threshold(11,11,3)"}
    assert "test mIoU against truth" in table
    numbers = ("4.4-parameters", "4.5-training-2dcnn", "4.6-training-others", "4.7-splits",
               "4.9-confusion-val", "4.10-labelled", "4.12-labelled-chosen-threshold")  # fmt: skip
    for name in numbers:
        assert len(pd.read_csv(folder / f"table-{name}.csv"))
        assert (folder / f"table-{name}.md").read_text().startswith("| ")
    for name in ("miou_by_neighbourhood", "boxes", "one_square"):
        assert (folder / f"{name}.png").stat().st_size > 5000
    cells = pd.read_csv(folder / "table-4.9-confusion-val.csv").iloc[:, 1:].to_numpy()
    assert cells.sum() == pytest.approx(100, abs=0.05)


def test_tables_of_former_data_do_not_stay_beside_those_of_today(evaluated, tmp_path):
    root, _ = evaluated
    for name in ("2dcnn", "otsu"):
        shutil.copytree(root / name, tmp_path / name)
    record = json.loads((tmp_path / "otsu" / "summary.json").read_text())
    tables = tmp_path / "tables"
    written, drawn = write_over_all(tmp_path, record["data"], tables)
    before = {path.name for path in tables.iterdir()}
    assert before >= {file.name for file in (*written, *drawn)}
    for name in ("mine.csv", "table-mine.md", "mine.png"):
        (tables / name).write_text("by hand")
    (tables / ".tmp-0123456789ab-table-5.1-comparison.csv").write_text("of a killed evaluation")
    write_json(tmp_path / "otsu" / "summary.json", {**record, "data": "former"})
    (tmp_path / "2dcnn" / "square.npz").unlink()
    write_over_all(tmp_path, record["data"], tables)
    others = {f"table-4.6-training-others.{ending}" for ending in ("csv", "md", "tex")}
    gone = {"one_square.png", "one_square.svg", *others}
    left = {path.name for path in tables.iterdir()}
    assert (before - left, left - before) == (gone, {"mine.csv", "table-mine.md", "mine.png"})
    assert set(pd.read_csv(tables / "table-5.1-comparison.csv")["model"]) == {"2dcnn(11,11,3)"}


def test_the_square_of_an_evaluation_is_of_the_seed_that_it_shows(evaluated, material, tmp_path):
    """A seed that was trained anew kept the picture of the one before."""
    root, trees = evaluated
    folder = shutil.copytree(root / "otsu", tmp_path / "otsu")
    record = json.loads((folder / "summary.json").read_text())
    square = folder / "square.npz"
    with np.load(square) as kept:
        before = dict(kept)
    assert str(before["run_id"]) == record["runs"][0]["run_id"]
    other = {**before, "found": 1 - before["found"], "run_id": "another"}
    np.savez_compressed(square, **other)
    mine = material().for_config(Configuration(trees["otsu"]).run)
    draw_cell(folder, [0, 1], mine)
    with np.load(square) as now:
        np.testing.assert_array_equal(now["found"], before["found"])


def test_an_evaluation_is_told_again_to_a_store_that_does_not_know_it(
    evaluated, new_store, tmp_path, capsys
):
    root, trees = evaluated
    folder = shutil.copytree(root / "otsu", tmp_path / "otsu")
    before = json.loads((folder / "summary.json").read_text())
    new_store(tmp_path)
    uri = f"sqlite:///{tmp_path / 'ml.db'}"
    tracking = {**trees["otsu"]["tracking"], "uri": uri, "artifacts": str(tmp_path / "artifacts")}
    tree = {**trees["otsu"], "output": str(folder), "tracking": tracking}
    evaluate.main(tree)
    now = json.loads((folder / "summary.json").read_text())
    assert now["run_id"] != before["run_id"]
    assert now["test_all"] == before["test_all"]
    told = Tracking.open(Configuration(tree).tracking, "tiny").client.get_run(now["run_id"])
    assert told.info.status == "FINISHED"
    assert told.data.metrics["test_all/miou_mean"] == before["test_all"]["miou"]["mean"]
    capsys.readouterr()
    evaluate.main(tree)
    assert "is finished, and not run again" in capsys.readouterr().out


def test_of_evaluations_that_end_at_once_the_last_one_knows_all(evaluated, tmp_path, monkeypatch):
    root, trees = evaluated
    config = Configuration(trees["2dcnn"]).run
    dataset = obtain(config.data, config.split)
    tracking = Tracking.open(config.tracking, dataset.name)
    folder = shutil.copytree(root / "2dcnn", tmp_path / "2dcnn")
    run_id = json.loads((folder / "summary.json").read_text())["run_id"]
    tables, begun = tables_folder(folder, dataset.name), threading.Event()

    def written(*given):
        begun.set()
        return write_over_all(*given)

    monkeypatch.setattr("fibsem.evaluation.comparison.write_over_all", written)
    with ThreadPoolExecutor(1) as pool:
        with alone(tables / ".lock"):
            waiting = pool.submit(_over_all, folder, dataset, tracking, run_id, [])
            assert not begun.wait(0.2)
            shutil.copytree(root / "otsu", tmp_path / "otsu")
        waiting.result(60)
    named = pd.read_csv(tables / "table-5.1-comparison.csv")["model"]
    assert set(named) == {"2dcnn(11,11,3)", "threshold(11,11,3)"}


def test_paired_comparison_of_two_cells(evaluated, capsys):
    root, _ = evaluated
    record = compare(root / "2dcnn", root / "otsu")
    assert record.squares.pairs >= 1
    assert record.seeds.pairs == 2
    swapped = compare(root / "otsu", root / "2dcnn")
    assert swapped.squares.mean == pytest.approx(-record.squares.mean)
    tree = compose("evaluate", [f"compare=[{root / '2dcnn'},{root / 'otsu'}]",
                                f"output={root / 'compared' / 'pair'}"])  # fmt: skip
    evaluate.main(tree)
    assert "over 2 seeds" in capsys.readouterr().out


def test_seeds_that_are_not_of_an_evaluation_are_not_compared(evaluated, tmp_path):
    """Of a start before that had more; the tables take the first one of the record, too."""
    root, _ = evaluated
    for name in ("2dcnn", "otsu"):
        shutil.copytree(root / name, tmp_path / name)
        file = tmp_path / name / "summary.json"
        record = json.loads(file.read_text())
        record["runs"] = record["runs"][1:]
        file.write_text(json.dumps(record))
    compared = compare(tmp_path / "2dcnn", tmp_path / "otsu")
    assert compared.seeds.pairs == 1
    (run,) = read_seeds(tmp_path / "2dcnn", [1])
    assert run.seed == 1
    for name in ("2dcnn", "otsu"):
        shutil.rmtree(tmp_path / name / "seed-0")
    alone = compare(tmp_path / "2dcnn", tmp_path / "otsu")
    assert vars(alone.squares) == pytest.approx(vars(compared.squares), nan_ok=True)


def test_slices_of_one_place_are_one_pair(evaluated, tmp_path):
    """Each test square once more, as it would be in forty slices: they know no more."""
    root, _ = evaluated
    for name in ("2dcnn", "otsu"):
        shutil.copytree(root / name, tmp_path / name)
        for file in (tmp_path / name).glob("seed-*/scores.json"):
            scores = json.loads(file.read_text())
            scores["squares"] = [
                {**square, "at": [z, *square["at"][1:]], "region": f"{square['region']} {z}"}
                for square in scores["squares"] for z in range(40)
            ]  # fmt: skip
            file.write_text(json.dumps(scores))
    found, once = (compare(folder / "2dcnn", folder / "otsu") for folder in (tmp_path, root))
    assert vars(found.squares) == pytest.approx(vars(once.squares), nan_ok=True)
    assert found.test_squares == 40 * once.test_squares


def test_scores_of_an_earlier_version_are_compared_with_those_of_today(evaluated, tmp_path):
    """They do not tell how large their squares are; which they are is known all the same."""
    root, _ = evaluated
    for name in ("2dcnn", "otsu"):
        shutil.copytree(root / name, tmp_path / name)
    for file in (tmp_path / "otsu").glob("seed-*/scores.json"):
        scores = json.loads(file.read_text())
        for square in scores["squares"]:
            del square["size"]
        file.write_text(json.dumps(scores))
    found, today = (compare(folder / "2dcnn", folder / "otsu") for folder in (tmp_path, root))
    assert vars(found.squares) == pytest.approx(vars(today.squares), nan_ok=True)
    assert found.test_squares == today.test_squares > 0


def test_comparing_what_is_not_there_is_refused(tmp_path):
    tree = compose("evaluate", [f"compare=[{tmp_path},{tmp_path}]"])
    with pytest.raises(UserError, match="finished evaluations"):
        evaluate.main(tree)
    with pytest.raises(UserError, match="two folders"):
        evaluate.main({**tree, "compare": [str(tmp_path)]})


def test_an_evaluation_without_the_scores_of_its_seeds_is_one_line(tmp_path):
    with pytest.raises(
        UserError, match=f"{tmp_path} has no seed-3/.*the same fibsem.evaluate scores"
    ):
        list(read_seeds(tmp_path, [3]))


def test_paired_tests_find_a_shift_and_nothing_in_noise():
    rng = np.random.default_rng(0)
    base = rng.random(20)
    shifted = paired_over_squares(base + 0.1 + 0.01 * rng.normal(size=20), base)
    assert shifted.p_value < 1e-3
    assert shifted.low < 0.1 < shifted.high
    assert paired_over_squares(base, base).p_value == 1.0
    assert paired_over_squares(base[:4] + 1, base[:4]).p_value is None
    assert paired_over_seeds([0.8, 0.81, 0.82], [0.7, 0.72, 0.71]).p_value < 0.05


def test_band_goes_on_with_the_runs_that_are_left():
    mean, low, high = band([[1.0, 3.0, 5.0], [3.0, 5.0]])
    assert mean == [2.0, 4.0, 5.0]
    assert low[2] == high[2] == 5.0
    assert high[0] - mean[0] == pytest.approx(12.7062, rel=1e-5)  # t of one degree, s.d. sqrt(2)


def test_the_report_has_every_evaluation(evaluated, tiny):
    root, trees = evaluated
    out = root / "told" / "report"
    how = [f"data.path={tiny}", f"folders=[{root}]", f"output={out}",
           f"tracking.uri=sqlite:///{root / 'none.db'}"]  # fmt: skip
    report.main(compose("report", how))
    record = json.loads((out / "summary.json").read_text())
    assert record["results"]["evaluation"] == 2
    for folder, kind in (("tables", "csv"), ("figures", "png")):
        for path in (root / "tables-phantom").glob(f"*.{kind}"):  # those of `evaluate`
            assert (out / folder / path.name).read_bytes() == path.read_bytes()
    page = (out / record["page"]).read_text(encoding="utf-8")
    best = json.loads((root / "2dcnn" / "summary.json").read_text())
    assert best["command"] == trees["2dcnn"]["command"]
    judged = "on the same pieces of the labelled regions for all; how many of their pixels"
    for known in (
        "2dcnn(11,11,3)",
        "threshold(11,11,3)",
        "Best on validation",
        best["data"],
        judged,
    ):
        assert known in page
