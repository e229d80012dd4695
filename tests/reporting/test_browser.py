"""Slices of films in a real browser: slider, keys, layers, zoom, and nothing from outside."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr

from fibsem.data.volumes import create_volume
from fibsem.reporting import browser as browsing
from fibsem.reporting.browser import Layers, browser
from fibsem.system.summaries import SegmentedFilm
from fibsem.system.summaries.porosity import Interval

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
NAME = "</script><b>HPC 30 & 'more'"
SHAPE = (9, 60, 80)


def write(path, values):
    with create_volume(path, values.shape, values.dtype, format="tiff") as writer:
        writer.write(0, values)


@pytest.fixture
def film(tmp_path):
    """A film of which the left half is pore, found a column too wide, with slice 4 missing."""
    truth = np.full(SHAPE, 255, np.uint8)
    truth[..., :40] = 0
    found = np.where(np.arange(80) < 44, 0, 255).astype(np.uint8) * np.ones(SHAPE, np.uint8)
    grey = (truth.astype(np.uint16) * 100 + np.arange(9)[:, None, None] * 50).astype(np.uint16)
    write(tmp_path / "HPC30" / "slices", grey)
    write(tmp_path / "HPC30" / "truth_slices", truth)
    write(tmp_path / "out" / "labels", found)
    write(tmp_path / "out" / "probabilities", found)
    segmented = SegmentedFilm(
        porosity=0.55, porosity_ci=(0.54, 0.56), porosity_corrected=0.5,
        porosity_interval=Interval((0.48, 0.52), squares=6),
        labels="labels", probabilities="probabilities", shape=SHAPE, missing=(4,),
        volume=str(tmp_path / "HPC30" / "slices"),
    )  # fmt: skip
    return Layers.of(NAME, tmp_path / "out", segmented, segmented)


def test_layers_are_those_that_are_there(film, tmp_path):
    assert set(film.volumes) == {"grey", "labels", "truth", "probability"}
    assert film.slices(5) == [0, 2, 6, 8]
    shutil.rmtree(tmp_path / "HPC30")
    alone = Layers.of("f", tmp_path / "out", film.film, film.porosity)
    assert set(alone.volumes) == {"labels", "probability"}


def test_probabilities_from_0_to_1_are_not_shown_as_black(film, tmp_path):
    shutil.rmtree(tmp_path / "out" / "probabilities")
    write(tmp_path / "out" / "probabilities", np.full(SHAPE, 0.9, np.float32))
    layers = Layers.of("f", tmp_path / "out", film.film, film.porosity)
    assert set(layers.volumes) == {"grey", "labels", "truth"}


def test_a_name_cannot_end_the_script(film):
    page = browser([film], NAME)
    assert page.count("</script>") == 1
    assert "<b>HPC" not in page


def test_porosity_is_what_the_report_tells(film):
    """What was measured since, too."""
    later = replace(film, porosity=replace(film.porosity, porosity_per_px_of_boundary=0.07))
    assert "41.00 to 59.00 % if every outline were drawn one pixel off" in browser([later], "t")


def test_a_film_whose_labels_cannot_be_read_is_named_and_the_others_are_shown(
    film, tmp_path, capsys
):
    """Nothing at all was shown, with the advice to give an option that a report has not."""
    folder = tmp_path / "damaged"
    with create_volume(folder / "labels.ome.zarr", SHAPE, np.uint8, format="ome-zarr") as writer:
        writer.write(0, np.full(SHAPE, 255, np.uint8))
    zarr.open_group(folder / "labels.ome.zarr", mode="r+")["0"][0] = 0  # no chunk is stored
    record = replace(film.film, labels="labels.ome.zarr", probabilities=None, volume=None)
    damaged = Layers.of("damaged", folder, record, film.porosity)
    page = browser([damaged, film], "t")
    assert page.count('"z":') == 8
    (line,) = capsys.readouterr().err.splitlines()
    assert "slice 0 lacks the" in line
    assert "sparse" not in line
    assert line.endswith("it is left out.")
    assert browser([damaged], "t") is None


def test_a_large_file_gets_fewer_slices(film, monkeypatch):
    whole = browser([film], "t")
    assert whole.count('"z":') == 8
    monkeypatch.setattr(browsing, "MOST_BYTES", 9000)
    assert 1 <= browser([film], "t").count('"z":') < 8


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian package chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()


def colour(view, x):
    """Of the canvas in its middle row."""
    canvas = "document.getElementById('canvas').getContext('2d')"
    return view.evaluate(f"x => [...{canvas}.getImageData(x, 30, 1, 1).data]", x)[:3]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("size", [(1280, 800), (390, 800)])
def test_slider_keys_layers_and_zoom_do_what_they_say(film, chromium, tmp_path, size):
    file = tmp_path / "slices.html"
    file.write_text(browser([film, film], f"Slices of {NAME}"), encoding="utf-8")
    view = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    said, asked = [], []
    view.on("console", lambda message: said.append(message.text))
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    view.goto(file.as_uri())

    def shown(what):
        view.wait_for_function(
            "what => document.getElementById('canvas').dataset.shown === what", arg=what,
            timeout=10_000,
        )  # fmt: skip

    shown("0 5 grey")
    assert NAME in view.inner_text("#film option:first-child")
    view.keyboard.press("ArrowRight")
    shown("0 6 grey")
    view.keyboard.press("ArrowLeft")
    shown("0 5 grey")
    view.fill("#slice", "0")
    shown("0 0 grey")
    view.click("button[value=labels]")
    shown("0 0 labels")
    assert (colour(view, 42), colour(view, 60)) == ([0, 0, 0], [255, 255, 255])
    view.focus("#frame canvas")
    view.keyboard.press("5")
    shown("0 0 overlay")
    # right pore, solid taken for pore, right solid
    assert colour(view, 10) == [0, 0, 0]
    assert colour(view, 42) == [255, 255, 255]
    assert colour(view, 60) == [0, 100, 0]
    assert "solid taken for pore" in view.inner_text("#legend")
    assert view.inner_text("#told") == (
        "slice 0; porosity of the film 50.00 % [48.00, 52.00], corrected by test squares of 6 "
        "places; "
        "map 55.00 % (were it true, its slices would say 54.00 to 56.00 %)"
    )
    view.keyboard.press("+")
    assert float(view.get_attribute("#canvas", "data-zoom")) == 1.5
    view.keyboard.press("0")
    assert float(view.get_attribute("#canvas", "data-zoom")) == 1
    view.select_option("#film", "1")
    shown("1 5 overlay")
    assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert said == []
    assert set(asked) <= {"file", "data"}


def test_the_template_lies_beside_the_module():
    assert "{{films}}" in Path(browsing.__file__).with_name("browser.html").read_text()
