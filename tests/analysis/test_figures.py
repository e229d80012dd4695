"""Figures show the numbers that they are given."""

from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest

from fibsem.analysis import figures
from fibsem.analysis.postprocessing import (
    PostProcessing,
    ScoredSquare,
    SearchGrid,
    search,
    stages,
)
from tests import once
from tests.test_examples import examples, run


@pytest.fixture(autouse=True, scope="module")
def pictures_are_small():
    """What is looked at here are figures, and not their pixels."""
    with pytest.MonkeyPatch.context() as patch:
        once.draw_small(patch)
        yield


@pytest.fixture(scope="module")
def square():
    rng = np.random.default_rng(0)
    labels = (rng.random((30, 40)) > 0.3).astype(np.uint8)
    labels[:5, :5] = 255
    scores = rng.random((42, 52)).astype(np.float32)
    scores[6:-6, 6:-6] += labels == 1
    return ScoredSquare(scores / 2, labels, np.s_[6:-6, 6:-6])


@pytest.mark.parametrize(
    ("sigmas", "thresholds"),
    [((0.0, 0.5, 1.0, 2.0), (0.2, 0.4, 0.6)), ((1.0, 0.0), (0.5, 0.4)), ((1.0,), (0.5,))],
)
def test_the_surface_marks_the_best_combination(square, sigmas, thresholds, tmp_path):
    grid = SearchGrid(sigmas, thresholds, (1, 2), (0, 9))
    best, surface = search([square], grid)
    figure = figures.postprocessing_surface(surface, grid, best)
    ax = figure.axes[0]
    (mark,) = ax.lines
    assert mark.get_xydata().tolist() == [[best.threshold, best.sigma]]
    drawn = ax.collections[0].get_array()
    assert drawn.shape == (len(sigmas), len(thresholds))
    cell = sorted(sigmas).index(best.sigma), sorted(thresholds).index(best.threshold)
    assert drawn[cell] == drawn.max() == 100 * surface.max()
    assert figures.save(figure, tmp_path / "surface.png").stat().st_size > 5000


def test_a_surface_with_gaps_is_drawn_with_what_is_nearest():
    surface = np.full((1, 1, 5, 7), np.nan)
    surface[0, 0, 0, ::3], surface[0, 0, 3, 3] = 0.5, 0.75
    grid = SearchGrid(tuple(range(5)), tuple(k / 10 for k in range(7)))
    figure = figures.postprocessing_surface(surface, grid, PostProcessing(3, 0.3))
    drawn = figure.axes[0].collections[0].get_array()
    assert drawn[3, 3] == drawn[4, 4] == 75
    assert drawn[0, 0] == drawn[0, 6] == 50
    told = "75.00 % at T = 0.3, sigma 3 px,\n1 round, no components flipped"
    assert figure.axes[0].get_title() == told


@pytest.mark.parametrize(
    ("how", "panels"),
    [
        (PostProcessing(1.0, 0.4), 6),
        (PostProcessing(1.0, 0.4, 1, 1), 6),
        (PostProcessing(1.0, 0.4, 2, 9), 9),
    ],
)
def test_the_steps_on_a_square_are_those_of_the_definition(square, how, panels, tmp_path):
    grey = np.random.default_rng(1).random((30, 40))
    figure = figures.postprocessing_steps(grey, square, how)
    drawn = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    assert len(drawn) == panels
    np.testing.assert_array_equal(drawn[0], grey)
    images = [image[square.inner] for image in stages(square.scores, how)]
    shown = images if how.min_size > 1 else images[:-1]
    for image, expected in zip(drawn[2:-2], shown, strict=True):
        np.testing.assert_array_equal(image, expected)
    np.testing.assert_array_equal(drawn[-1], images[-1])
    grey_where_unknown = np.where(square.labels == 255, 0.5, square.labels)
    np.testing.assert_array_equal(drawn[-2], grey_where_unknown)
    assert figures.save(figure, tmp_path / "steps.png").stat().st_size > 5000


def test_errors_are_where_labels_differ(square):
    """The two colours cover the labelled pixels that are wrong, and no others."""
    how = PostProcessing(0.0, 0.4)
    figure = figures.postprocessing_steps(np.zeros((30, 40)), square, how)
    panel = [ax for ax in figure.axes if ax.images][-1]
    found, *tints = (image.get_array() for image in panel.images)
    coloured = [tint[..., 3] > 0 for tint in tints]
    np.testing.assert_array_equal(coloured[0], (square.labels == 1) & (found == 0))
    np.testing.assert_array_equal(coloured[1], (square.labels == 0) & (found == 1))
    assert coloured[1].any()


@pytest.mark.parametrize("name", ["$x", r"a $\frac{1}$ b", "$$", "日本", "_film", "x" * 260])
def test_names_are_drawn_as_they_are_written(tmp_path, name):
    drawn = figures.porosity_by_slice({name: np.array([0.3, 0.2, np.nan])})
    (label,) = (text.get_text() for text in drawn.axes[0].get_legend().get_texts())
    assert label.strip() == name if len(name) < 40 else label[:19] == name[:19]
    picture = figures.histograms({name: np.ones(256, np.int64)}, np.linspace(0, 1, 257))
    for k, figure in enumerate((drawn, picture)):
        assert figures.save(figure, tmp_path / f"{k}.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "draw",
    [
        lambda name: figures.boxes({name: [0.7, 0.8], "unet": [0.8, 0.9]}, "validation mIoU"),
        lambda name: figures.miou_by_neighbourhood({name: {33: (0.7, 0.01)}}),
    ],
)
def test_models_of_many_options_leave_room_for_the_axes(draw):
    """Evaluations of one name are told apart by their options, which may be two hundred letters."""
    name = "2dcnn(33,33,3) " + " ".join(f"train.option_{k}=value_{k}" for k in range(12))
    assert figures.png(draw(name))  # a warning of Matplotlib is an error here
    assert "train.option_5" not in figures.svg(draw(name)).decode()


def test_powers_of_ten_stay_powers(tmp_path):
    drawn = figures.pareto([(0.1, 10.0), (0.2, 1000.0)], [True, True], ("a", "b"))
    figures.save(drawn, tmp_path / "pareto.png")
    (axis,) = (ax.yaxis for ax in drawn.axes)
    assert axis.get_scale() == "log"
    assert all(label.get_parse_math() for label in axis.get_ticklabels(which="both"))


def test_no_settings_of_the_users_reach_a_figure(tmp_path):
    """Of a ``matplotlibrc``: LaTeX that is not there, letters and pages of another size."""
    theirs = {"text.usetex": True, "font.size": 40, "font.family": "none", "savefig.dpi": 3,
              "axes.grid": True, "figure.facecolor": "red"}  # fmt: skip
    written = []
    for settings in ({}, theirs):
        with mpl.rc_context(settings):
            figure = figures.bars({"a": 0.7, "b": 0.3}, "share")
            written.append(figures.save(figure, tmp_path / f"{len(written)}.png").read_bytes())
    assert written[0] == written[1]


def test_a_drawing_has_the_names_as_they_are_and_is_the_same_again(tmp_path):
    name = "<film> & $x_1$ \x07"
    written = []
    for k in range(2):
        figure = figures.bars({name: 0.7, "b": 0.3}, "share")
        path = figures.save(figure, tmp_path / f"{k}.png")
        written.append(path.with_suffix(".svg").read_bytes())
    texts = ["".join(element.itertext()) for element in ElementTree.fromstring(written[0]).iter()]
    assert "<film> & $x_1$ \ufffd" in texts
    assert written[0] == written[1]


def test_examples_of_figures_draw(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = [*examples("fibsem.analysis.figures")]
    assert len(shown) == len(figures.__all__)
    for code, module in shown:
        run(code, module)
    assert {path.name for path in tmp_path.iterdir()} == {"importance.png", "importance.svg"}
