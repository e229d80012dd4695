"""Evaluations beside each other: every one has its point, and none that of another."""

import os
import shutil

import pytest

from fibsem.analysis import figures
from fibsem.errors import UserError
from fibsem.evaluation import comparison
from fibsem.evaluation.comparison import compare, draw_cells, finished_cells
from fibsem.system.files import write_json
from fibsem.system.records import typed
from fibsem.system.summaries import EvaluationSummary
from tests.reporting.records import RUN, evaluation


@pytest.fixture
def lines(monkeypatch, tmp_path):
    """Function (*evaluations) -> points of the figure by neighbourhood, by line and n_x."""
    drawn = {}

    def keep(values):
        drawn.update(values)
        return figures.boxes({"a": [1.0]}, "")

    monkeypatch.setattr(comparison.figures, "miou_by_neighbourhood", keep)

    def make(*some):
        cells = {
            tmp_path / str(k): typed(
                EvaluationSummary, {**evaluation(0.01), "run_id": f"{k}", **one}
            )
            for k, one in enumerate(some)
        }
        draw_cells(cells, tmp_path)
        return {line: sorted(points) for line, points in drawn.items()}

    return make


def test_networks_of_other_depths_and_losses_have_lines_of_their_own(lines):
    """The later folder took the place of the earlier one, without a word."""
    unet = [{"model": "unet", "nbhd": f"33x33x{z}"} for z in (3, 5)]
    others = [{**unet[0], "loss": "bce_dice"}, {"nbhd": "33x33x3"}, {"nbhd": "65x65x3"}]
    assert lines(*unet, *others) == {
        "unet, n_z = 3": [33], "unet, n_z = 5": [33], "unet, n_z = 3 bce_dice": [33],
        "n_z = 3": [33, 65],
    }  # fmt: skip


def test_neighbourhoods_of_one_width_have_a_point_each(lines):
    points = lines({"nbhd": "33x33x3"}, {"nbhd": "33x65x3"})
    assert sum(map(len, points.values())) == 2


GOOD, POOR = [[80, 20], [20, 80]], [[50, 50], [50, 50]]


@pytest.fixture
def scored(tmp_path):
    """Function (name, squares of every seed) -> a finished evaluation; squares by their names."""

    def make(name, *squares):
        folder = tmp_path / name
        runs = [{**RUN, "seed": k, "run_id": f"{name}-{k}"} for k in range(len(squares))]
        write_json(folder / "summary.json", {**evaluation(0.01), "runs": runs})
        for run, of_seed in zip(runs, squares, strict=True):
            counted = [
                {
                    "split": "test", "sample": "A", "region": region, "at": [0, 0, 100 * k],
                    "loss": 0.5, "half": counts, "chosen": counts,
                }
                for k, (region, counts) in enumerate(sorted(of_seed.items()))
            ]  # fmt: skip
            scores = {**run, "balanced": {}, "squares": counted, "history": []}
            write_json(folder / f"seed-{run['seed']}" / "scores.json", scores)
        return folder

    return make


@pytest.mark.parametrize("kept", ["itself", "a copy", "a link", "fewer seeds"])
def test_an_evaluation_is_not_compared_with_itself(scored, tmp_path, kept):
    """No difference, and p = 1: two networks that are alike, it seemed."""
    first, second = scored("first", {"a": GOOD}, {"a": GOOD}), tmp_path / "second"
    if kept == "itself":
        second = first
    elif kept == "a link":
        second.symlink_to(first)
    else:
        shutil.copytree(first, second)
    if kept == "fewer seeds":
        runs = [{**RUN, "seed": 0, "run_id": "first-0"}]
        write_json(second / "summary.json", {**evaluation(0.01), "runs": runs})
    with pytest.raises(UserError, match=r"needs two evaluations, but .* have runs in common"):
        compare(first, second)


def test_the_copy_of_an_evaluation_has_no_row_of_its_own(scored, tmp_path):
    for name in ("a", "b"):
        folder = scored(name, {"a": GOOD})
        write_json(folder / "summary.json", {**evaluation(0.01), "run_id": name})
    shutil.copytree(tmp_path / "a", tmp_path / "backup of a")
    assert list(finished_cells(tmp_path, "c8d2")) == [tmp_path / "a", tmp_path / "b"]
    shutil.copytree(tmp_path / "a", tmp_path / "0 an older backup of a")
    os.utime(tmp_path / "0 an older backup of a" / "summary.json", (1e9, 1e9))
    assert list(finished_cells(tmp_path, "c8d2")) == [tmp_path / "a", tmp_path / "b"]


def test_seeds_are_compared_on_the_squares_that_all_of_them_have(scored):
    """Networks that are equal on every square differed, as one of them had an easy one less."""
    both = {"a": POOR, "b": GOOD}
    first, second = scored("first", both, both), scored("second", both, {"a": POOR})
    found = compare(first, second)
    assert found.test_squares == found.squares.pairs == 1
    assert (found.squares.mean, found.seeds.mean) == (0, 0)
    assert found.seeds.pairs == 2


def test_where_no_square_is_scored_by_both_no_seeds_are_compared(scored):
    found = compare(scored("first", {"a": POOR}), scored("second", {}))
    assert (found.squares.pairs, found.test_squares, found.seeds.pairs) == (0, 0, 0)


@pytest.mark.parametrize(
    ("of_seed", "said"),
    [(0, r"seed: must be 1, but got 0"), (1, r"seed-1/scores\.json is of another run; remove it")],
)
def test_scores_of_another_run_are_not_taken_for_those_of_a_seed(scored, of_seed, said):
    """The seed that they were of counted twice, and the other one not at all."""
    poor = {"a": POOR}
    first, second = scored("first", poor, poor), scored("second", poor, poor)
    other = scored("other", poor, poor) / f"seed-{of_seed}" / "scores.json"
    shutil.copy(other, second / "seed-1" / "scores.json")
    with pytest.raises(UserError, match=said):
        compare(first, second)


def test_counts_below_zero_are_no_scores(scored):
    first = scored("first", {"a": [[-5, 0], [0, 10]]})
    with pytest.raises(UserError, match=r"counts of pixels must be at least 0"):
        compare(first, scored("second", {"a": GOOD}))
