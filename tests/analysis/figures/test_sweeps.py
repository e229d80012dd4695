"""Figures of sweeps show the trials, and which of them are the best."""

import numpy as np
import pytest

from fibsem.analysis import figures


@pytest.mark.parametrize(
    ("minimize", "best"), [(True, [0.5, 0.3, 0.3, 0.2]), (False, [0.5, 0.5, 0.6, 0.6])]
)
def test_the_history_shows_every_trial_and_the_best_so_far(minimize, best):
    values = [0.5, 0.3, 0.6, 0.2]
    (ax,) = figures.history([0, 1, 2, 3], values, "val/loss", minimize).axes
    trials, line = ax.lines
    assert trials.get_xydata().tolist() == [[k, value] for k, value in enumerate(values)]
    assert line.get_ydata().tolist() == best
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("hours since the first trial", "val/loss")


def test_the_history_of_a_short_sweep_is_in_minutes():
    (ax,) = figures.history([0, 0.25], [0.5, 0.3], "val/loss", True).axes
    assert ax.lines[0].get_xdata().tolist() == [0, 15]
    assert ax.get_xlabel() == "minutes since the first trial"


def test_a_trial_beyond_a_bound_is_hollow_and_never_the_best_so_far():
    within = [False, True, False, True]
    (ax,) = figures.history([0, 1, 2, 3], [0.1, 0.5, 0.2, 0.4], "val/loss", True, within).axes
    trials, best, beyond = ax.lines
    assert trials.get_xydata().tolist() == [[1, 0.5], [3, 0.4]]
    np.testing.assert_array_equal(best.get_ydata(), [np.nan, 0.5, 0.5, 0.4])
    assert beyond.get_xydata().tolist() == [[0, 0.1], [2, 0.2]]
    assert beyond.get_markerfacecolor() == "none"


def test_ways_to_search_are_compared_by_their_best_so_far():
    runs = {"random": [([1, 2], [0.5, 0.6]), ([1, 3], [0.7, 0.4])], "tpe": [([1], [0.3])]}
    (ax,) = figures.searches(runs, "loss").axes
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0.5, 0.5], [0.7, 0.4], [0.3]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["random", "tpe"]


def test_parallel_coordinates_follow_every_trial_through_its_hyperparameters():
    """Names and few numbers in equal steps, numbers in their order; none where there is no value;
    many numbers by their size, over decades by its logarithm.
    """
    rates = [10.0**-k for k in range(8)]
    values = {
        "model.blocks": [2, 10, 2, 3, 2, 2, 2, 2],
        "model.padding": ["valid", "same", *["same"] * 6],
        "model.width": [None, 16, 32, 16, 16, 16, 16, 16],
        "train.learning_rate": rates,
        "train.share": [0.1 * k for k in range(1, 9)],
    }
    losses = [0.1 * k for k in range(8)]
    figure = figures.parallel_coordinates(values, losses, "val/loss")
    ax = figure.axes[0]
    heights = np.array([line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 6])
    np.testing.assert_allclose(heights[:4, 0], [0, 1, 0, 0.5])
    np.testing.assert_allclose(heights[:2, 1], [1, 0])
    np.testing.assert_allclose(heights[:3, 2], [np.nan, 0, 1])
    (bridge,) = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert bridge.get_xdata().tolist() == [0, 1, 3, 4, 5]  # past what the trial has no value of
    for k in (3, 4, 5):
        even = np.linspace(0, 1, 8)
        np.testing.assert_allclose(heights[:, k], even[::-1] if k == 3 else even, atol=1e-9)
    written = [(text.get_position()[0], text.get_text()) for text in ax.texts]
    assert [text for x, text in written if 3 <= x < 4] == ["1e-07", "1"]
    assert [text for x, text in written if x < 1] == ["2", "3", "10"]
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == ["blocks", "padding", "width", "learning_rate", "share", "val/loss"]


def test_the_longest_bar_is_on_top():
    (ax,) = figures.bars({"a": 0.2, "b": 0.5, "c": 0.3}, "importance").axes
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.3, 0.5]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "c", "b"]


@pytest.mark.parametrize(("slowest", "scale"), [(90, "linear"), (9000, "log")])
def test_the_pareto_front_is_joined_in_order(slowest, scale):
    """The others stand apart; costs over decades have a logarithmic axis."""
    points = [(0.8, slowest), (0.5, 20), (0.7, 50), (0.4, 60)]
    (ax,) = figures.pareto(points, [True, True, True, False], ["mIoU", "cost"]).axes
    others, front = ax.lines
    assert others.get_xydata().tolist() == [[0.4, 60]]
    assert front.get_xydata().tolist() == [[0.5, 20], [0.7, 50], [0.8, slowest]]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("mIoU", "cost", scale)


def test_the_errors_of_trials_stand_beside_grey_values_and_labels():
    """A smaller picture begins at the same pixel, with pixels as large as those of the others."""
    large, small = np.zeros((12, 16, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)
    errors = {f"{k}: trial {9 - k}": small if k == 2 else large for k in range(1, 6)}
    figure = figures.error_maps(large, large, errors, "rank: trial")
    drawn = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in drawn] == ["grey values", "labels", *errors]
    assert {(ax.get_xlim(), ax.get_ylim()) for ax in drawn} == {((-0.5, 15.5), (11.5, -0.5))}
    assert [ax.images[0].get_array().shape for ax in drawn][3] == small.shape
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "rank: trial"
    assert [text.get_text() for text in legend.get_texts()] == [
        "solid taken for pore", "pore missed"
    ]  # fmt: skip
