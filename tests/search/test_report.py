"""Figures of a sweep, and what explains the differences between trials."""

import csv
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fibsem.analysis import figures
from fibsem.search.report import FEWEST, importances, report_sweep
from fibsem.search.space.space import Choice, Range
from fibsem.search.squares import SHOWN, best_squares
from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.slots import Attempt
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.training.scoring.objectives import Objective
from fibsem.training.scoring.picture import PICTURE, side_by_side

AXES = {
    "train.learning_rate": Range(0.001, 0.1, log=True), "model.width": Range(4, 64, integer=True),
    "model.kernels": Choice(([3], [3, 5])), "model.dense": Choice((1, 2)),
}  # fmt: skip


def test_importance_is_with_what_the_value_depends_on():
    """Of what every trial has and what varies; with few trials it is noise, and not given."""
    rng = np.random.default_rng(0)
    trials = []
    for k in range(20):
        values = {
            "train.learning_rate": float(10 ** rng.uniform(-3, -1)),
            "model.width": int(rng.integers(4, 65)),
            "model.kernels": [[3], [3, 5]][k % 2],
        }
        loss = np.log10(values["train.learning_rate"]) ** 2
        values |= {"model.dense": 1} if k else {}
        trials.append(Outcome(Attempt(k, k, 0, 0, 0, "complete", values), objectives=(loss,)))
    sweep = SimpleNamespace(space=SimpleNamespace(axes=AXES), goals=[Objective.named("val/loss")])
    found = importances(sweep.space, sweep.goals[0], trials)
    assert set(found) == {"train.learning_rate", "model.width", "model.kernels"}
    assert found["train.learning_rate"] > 0.8
    assert sum(found.values()) == 1 or abs(sum(found.values()) - 1) < 1e-6
    assert importances(sweep.space, sweep.goals[0], trials[: FEWEST - 1]) == {}
    assert (
        importances(
            sweep.space, sweep.goals[0], [replace(one, objectives=(1.0,)) for one in trials]
        )
        == {}
    )


@pytest.fixture
def drawn(monkeypatch):
    """Figures by name, in the place of files."""
    saved = {}

    def save(figure, path):
        saved[path.stem] = figure
        return path

    monkeypatch.setattr(figures, "save", save)
    return saved


def test_what_is_best_so_far_follows_the_direction_and_a_table_has_the_front(drawn, tmp_path):
    """In the order in which trials ended."""
    points = [(0.7, 50.0), (0.6, 70.0), (0.8, 100.0)]
    trials = [
        Outcome(
            Attempt(k, k, 0, 0, 0, "complete", {"model.dense": k}), objectives=point,
            record=TrialRecord(val={"miou": point[0]}), started=0.0, ended=3600.0 * (3 - k),
        )
        for k, point in enumerate(points)
    ]  # fmt: skip
    logged = []
    sweep = SimpleNamespace(
        space=SimpleNamespace(axes=AXES), folder=tmp_path, parent="run", best=lambda: trials[2],
        goals=[Objective.named(key) for key in ("val/miou", "cost/seconds_per_gigapixel")],
        study=SimpleNamespace(outcomes=lambda: trials), pareto=lambda: [trials[2], trials[0]],
        tracking=SimpleNamespace(
            experiment_id="1", describe=lambda run, text: logged.append(text),
            log_file=lambda run, path, folder=None: logged.append(path.name),
        ),
    )  # fmt: skip
    report_sweep(sweep)
    values, best = drawn["history"].axes[0].lines
    assert list(values.get_ydata()) == [0.8, 0.6, 0.7]
    lines = [list(line.get_ydata()) for line in drawn["parallel_coordinates"].axes[0].lines
             if list(line.get_xdata()) == [0, 1]]  # fmt: skip
    assert [height for _, height in lines] == [0.5, 0, 1]  # by slot: retried trials end later
    assert list(best.get_ydata()) == [0.8, 0.8, 0.8]
    assert list(best.get_xdata()) == [1.0, 2.0, 3.0]
    with (tmp_path / "figures" / "pareto.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["val/miou"] for row in rows] == ["0.8", "0.7"]
    assert [row["model.dense"] for row in rows] == ["2", "0"]
    assert {"history.png", "pareto.png", "pareto.csv", "trials.csv"} <= set(logged)
    with (tmp_path / "trials.csv").open() as table:
        assert [(row["rank"], row["number"]) for row in csv.DictReader(table)] == [
            ("1", "2"), ("2", "0"), ("3", "1")
        ]  # fmt: skip
    assert "Complete trials by val/miou" in logged[-1]


def picture(folder, shade, width=24, height=16):
    """A trial's picture whose panels have the shades 40, 80, 120 and a given one."""
    parts = [np.full((height, width, 3), value, np.uint8) for value in (40, 80, 120, shade)]
    folder.mkdir(parents=True)
    Image.fromarray(side_by_side(parts)).save(folder / PICTURE)


def test_the_errors_of_the_best_trials_stand_side_by_side(tmp_path):
    """By rank; a trial without a picture or beyond a bound is left out, the others keep theirs."""
    trials = [
        Outcome(
            Attempt(k, k, 0, 0, 0, "complete", {}), objectives=(0.5 - k / 100,),
            record=TrialRecord(val={"miou": 0.5}, beyond={"cost": 1.0} if k == 19 else {}),
        )
        for k in range(20)
    ]  # fmt: skip
    for trial in trials:
        if trial.number != 16:
            small = {"width": 8, "height": 8} if trial.number == 18 else {}
            picture(tmp_path / trial.attempt.folder_name, 100 + trial.number, **small)
    cut = tmp_path / trials[15].attempt.folder_name / PICTURE
    cut.write_bytes(cut.read_bytes()[:60])
    squares = best_squares(trials, Objective.named("val/loss"), tmp_path)
    assert [title.partition("\n")[0] for title in squares.errors] == [
        f"{rank}: trial {19 - rank}" for rank in range(1, SHOWN + 1) if rank not in (3, 4)
    ]
    assert next(iter(squares.errors)) == "1: trial 18\n0.32"
    shades = [int(np.unique(panel).item()) for panel in squares.errors.values()]
    assert shades == [118, 117, *range(114, 106, -1)]
    assert squares.grey.shape == squares.labels.shape == (16, 24, 3)
    assert (squares.grey == 40).all()
    assert (squares.labels == 80).all()
    assert squares.errors["1: trial 18\n0.32"].shape == (8, 8, 3)
    assert best_squares(trials[16:17], Objective.named("val/loss"), tmp_path) is None
