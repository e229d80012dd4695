"""Figures of a dataset show its grey values and its labels."""

import numpy as np
import pytest

from fibsem.analysis import figures

EDGES = np.linspace(0, 1, 5)


def test_histograms_are_densities():
    counts = {"A": np.array([1, 2, 3, 4]), "B": np.zeros(4, int)}
    axes = figures.histograms(counts, EDGES).axes
    (first,), (empty,) = axes[0].patches, axes[1].patches
    values, edges, _ = first.get_data()
    np.testing.assert_allclose(values, [0.4, 0.8, 1.2, 1.6])
    assert (values * np.diff(edges)).sum() == 1
    assert empty.get_data()[0].max() == 0
    assert [ax.get_title() for ax in axes] == ["A", "B"]


def test_a_corrected_profile_keeps_its_mean():
    line = np.linspace(0.2, 0.6, 50)
    profile = line + 0.01 * np.sin(np.arange(50))
    (ax,) = figures.gradients({"A": (profile, line)}, "y").axes
    mean, fitted, corrected = ax.lines
    np.testing.assert_array_equal(mean.get_ydata(), profile)
    np.testing.assert_array_equal(fitted.get_ydata(), line)
    assert np.mean(corrected.get_ydata()) == pytest.approx(profile.mean(), abs=1e-3)
    assert np.ptp(corrected.get_ydata()) < 0.03
    assert mean.get_label() == "mean of rows"


def test_pores_and_solid_are_shares_of_all_labelled_pixels():
    pore, solid = np.full(30, 0.105), np.full(70, 0.505)
    figure = figures.classes({"A": {"train": (pore, solid), "val": (solid, pore)}})
    for ax, (first, second) in zip(figure.axes, ((30, 70), (70, 30)), strict=True):
        shares = [patch.get_data()[0].sum() / 100 for patch in ax.patches]
        np.testing.assert_allclose(shares, [first / 100, second / 100])
    assert [ax.get_title() for ax in figure.axes] == ["A, train", "A, val"]


def test_squares_are_shown_with_the_outline_of_their_labels():
    grey = np.linspace(0, 1, 64).reshape(8, 8)
    labels = np.zeros((8, 8), np.uint8)
    labels[2:6, 2:6] = 1
    axes = figures.squares([("a", grey, labels), ("b", grey, np.ones_like(labels))], 2).axes
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    outlines = [len(ax.collections) for ax in axes]
    assert outlines == [1, 0]  # nothing to be outlined where all is solid
    vertices = axes[0].collections[0].get_paths()[0].vertices
    assert (vertices.min(), vertices.max()) == (1.5, 5.5)
    np.testing.assert_array_equal(axes[0].images[0].get_array(), grey)


def test_what_nobody_labelled_is_outlined_as_no_pore():
    """A square of solid alone that is labelled by half showed one large pore."""
    labels = np.ones((20, 20), np.uint8)
    labels[:, 10:] = 255
    half = figures.squares([("a", np.zeros((20, 20)), labels)])
    labels[5:10, 2:8] = 0
    pores = figures.squares([("a", np.zeros((20, 20)), labels)])
    outlines = [
        [path for drawn in figure.axes[0].collections for path in drawn.get_paths() if len(path)]
        for figure in (half, pores)
    ]
    assert outlines[0] == []
    assert outlines[1]
    assert max(path.vertices[:, 0].max() for path in outlines[1]) < 9
