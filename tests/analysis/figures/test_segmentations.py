"""Figures of what was found show it where it was found."""

import numpy as np
import pytest

from fibsem.analysis import figures

SOLID = np.random.default_rng(0).random((8, 10)) > 0.4
TRUTH = np.random.default_rng(1).random((8, 10)) > 0.4
GREY = np.linspace(0, 1, 80).reshape(8, 10)


@pytest.mark.parametrize("truth", [None, TRUTH])
def test_pores_are_tinted_on_the_slice_and_beside_it_the_true_ones(truth):
    axes = figures.overlay(GREY, SOLID, truth).axes
    shown = [SOLID] if truth is None else [SOLID, truth]
    assert len(axes) == 1 + len(shown)
    for ax in axes:
        np.testing.assert_array_equal(ax.images[0].get_array(), GREY)
    for ax, solid, word in zip(axes[1:], shown, ("found", "true"), strict=False):
        np.testing.assert_array_equal(ax.images[1].get_array()[..., 3] > 0, ~solid)
        assert word in ax.get_title()
        assert f"{100 * (1 - solid.mean()):.1f} %" in ax.get_title()


def test_one_square_as_every_model_sees_it():
    labels, found = SOLID.astype(np.uint8), TRUTH.astype(np.uint8)
    models = {"a": (found, 0.5), "b": (labels, 1.0)}
    axes = figures.one_square(GREY, labels, models, columns=3).axes
    drawn = [ax.images[0].get_array() for ax in axes if ax.images]
    for picture, expected in zip(drawn, (GREY, labels, found, labels), strict=True):
        np.testing.assert_array_equal(picture, expected)
    assert axes[1].get_title() == f"labels\nporosity {(labels == 0).mean():.4f}"
    assert axes[2].get_title() == f"a\nmIoU 0.5000, porosity {(found == 0).mean():.4f}"


def test_what_nobody_labelled_is_grey_and_no_pore():
    """It was drawn as pores, and the porosity was a share of it, too."""
    labels = np.full((10, 10), 255, np.uint8)
    labels[:3, :5], labels[3:, :5] = 0, 1
    found = np.zeros((10, 10), np.uint8)
    found[3:, :5] = 1
    axes = figures.one_square(np.ones((10, 10)), labels, {"a": (found, 1.0)}).axes
    assert axes[1].get_title() == "labels\nporosity 0.3000"
    assert axes[2].get_title() == "a\nmIoU 1.0000, porosity 0.3000"
    assert (axes[1].images[0].get_array()[:, 5:] == 0.5).all()


def test_porosity_by_slice_has_a_line_that_can_be_told_apart_for_every_volume():
    volumes = {f"film {k}": np.array([0.2, np.nan, 0.1 * k]) for k in range(7)}
    (ax,) = figures.porosity_by_slice(volumes).axes
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert len(looks) == len(ax.lines) == 7
    np.testing.assert_allclose(ax.lines[3].get_ydata(), [20, np.nan, 30])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(volumes)
