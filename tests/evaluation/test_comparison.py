"""Evaluations beside each other: every one has its point, and none that of another."""

import pytest

from fibsem.analysis import figures
from fibsem.evaluation import comparison
from fibsem.evaluation.comparison import draw_cells
from fibsem.system.records import typed
from fibsem.system.summaries import EvaluationSummary
from tests.reporting.records import evaluation


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
