"""Figures of trainings show every run, in its own epochs."""

import numpy as np
import pytest

from fibsem.analysis import figures
from fibsem.analysis.statistics import band


def test_learning_curves_count_epochs_from_one():
    curves = {"a": {"loss": [0.5, 0.4], "miou": [0.6, 0.7]}, "b": {"loss": [0.3], "miou": [0.8]}}
    loss, miou = figures.learning_curves(curves).axes
    for ax, key in ((loss, "loss"), (miou, "miou")):
        for line, curve in zip(ax.lines, curves.values(), strict=True):
            assert list(line.get_ydata()) == curve[key]
            assert list(line.get_xdata()) == list(range(1, len(curve[key]) + 1))


def test_bands_are_means_over_seeds_with_their_interval():
    training, validation = [[0.5, 0.4], [0.7, 0.5]], [[0.6, 0.5], [0.6]]
    (ax,) = figures.learning_bands({"2dcnn": (training, validation)}).axes
    for line, area, losses in zip(ax.lines, ax.collections, (training, validation), strict=True):
        mean, low, high = band(losses)
        assert list(line.get_ydata()) == mean
        ys = area.get_paths()[0].vertices[:, 1]
        assert (ys.min(), ys.max()) == pytest.approx((min(low), max(high)))
    assert (ax.get_title(), ax.get_ylabel()) == ("2dcnn", "loss (mean, 95 % interval)")
    assert ax.get_ylim() == pytest.approx((0.37, 0.73))  # losses from 0.4 to 0.7


def test_the_curve_of_one_training_promises_no_interval_and_its_long_name_is_folded():
    name = "blocks=1 filters=32 kernel=3 dropout=0.196 dense_layers=3 learning_rate=0.0204"
    (ax,) = figures.learning_bands({name: ([[0.5, 0.4]], [[0.6, 0.5]])}).axes
    assert ax.get_ylabel() == "loss"
    assert " ".join(ax.get_title().splitlines()) == name
    assert max(map(len, ax.get_title().splitlines())) < 50


def test_miou_by_neighbourhood_has_bars_where_there_is_a_spread():
    values = {"nz 3": {49: (0.8, 0.01), 33: (0.7, float("nan"))}}
    (ax,) = figures.miou_by_neighbourhood(values).axes
    (line,) = (container[0] for container in ax.containers)
    np.testing.assert_allclose(line.get_xydata(), [[33, 70], [49, 80]])
    (bars,) = ax.containers[0][2]
    lengths = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
    np.testing.assert_allclose(lengths, [0, 2])
    assert ax.get_xticks().tolist() == [33, 49]


def test_every_value_lies_on_its_box():
    (ax,) = figures.boxes({"a": [1.0, 2.0, 3.0], "b": [4.0, 4.5]}, "mIoU").axes
    points = [line for line in ax.lines if line.get_marker() == "."]
    assert [line.get_xydata().tolist() for line in points] == [
        [[1, 1.0], [1, 2.0], [1, 3.0]], [[2, 4.0], [2, 4.5]],
    ]  # fmt: skip
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]


def test_differences_have_their_ends_beside_zero():
    nan = float("nan")
    ends = {"squares": (0.01, 0.002, 0.018), "seeds": (-0.02, nan, nan)}
    (ax,) = figures.differences(ends, "test mIoU").axes
    zero, interval, mean, _, other = ax.lines
    assert set(zero.get_xdata()) == {0}
    assert (*interval.get_xdata(), *mean.get_xdata()) == (0.002, 0.018, 0.01)
    assert other.get_xdata() == [-0.02]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["squares", "seeds"]
