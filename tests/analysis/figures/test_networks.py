"""Figures of networks: boxes as large as maps, maps as they are."""

import numpy as np
import pytest

from fibsem.analysis import figures

PATH = [("input", "33 x 33", 33, 3, "input"), ("conv", "31 x 31", 31, 64, "conv"),
        ("dense", "1 x 1", 1, 256, "dense")]  # fmt: skip


def test_a_box_is_as_high_as_its_map_and_as_wide_as_it_has_channels():
    figure = figures.network([PATH, PATH[:2]], "2dcnn")
    first, second = figure.axes
    boxes = first.patches
    assert [box.get_height() for box in boxes] == pytest.approx(
        [1.0, 0.12 + 0.88 * 31 / 33, 0.12 + 0.88 / 33]
    )
    assert [box.get_width() for box in boxes] == pytest.approx([0.2 + 0.5 * 3 / 128, 0.45, 0.7])
    assert [box.get_center()[0] for box in boxes] == pytest.approx([0, 1, 2])
    texts = {text.get_text(): text.get_position()[1] for text in first.texts}
    assert texts["conv"] > 0 > texts["31 x 31\n64"]  # names above, sizes below
    assert len(second.patches) == 2
    assert first.get_title(loc="left") == "2dcnn"


def test_feature_maps_are_shown_layer_by_layer():
    maps = {"conv": np.random.default_rng(0).random((6, 6, 3)), "pool": np.ones((3, 3, 1))}
    axes = figures.feature_maps(maps, most=2).axes
    assert [len(ax.images) for ax in axes] == [1, 1, 1, 0]
    np.testing.assert_array_equal(axes[1].images[0].get_array(), maps["conv"][..., 1])
    assert [ax.get_ylabel() for ax in axes[::2]] == ["conv\n6 px, 3 maps", "pool\n3 px, 1 maps"]
