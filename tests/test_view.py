"""napari opens what a segmentation leaves, in a real window on a virtual screen."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from fibsem import quantify
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import compose
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import create_volume, open_volume
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.segmentation import segment_volume
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from fibsem.view import SCREENS

pytestmark = [pytest.mark.view, pytest.mark.slow]

ROOT = Path(__file__).parents[1]
SHAPE = (4, 700, 560)
LEVELS = [[4, 700, 560], [4, 350, 280]]
#: What a user types who knows nothing of this project.
PLAIN = """
import json, sys, napari
(layer,) = napari.Viewer().open(sys.argv[1])
print(json.dumps([list(level.shape) for level in layer.data]))
"""
#: Ends well where Qt can open a window.
WINDOW = "from qtpy.QtWidgets import QApplication; QApplication([])"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Function (*arguments) -> what a Python with a screen and a home of its own prints."""
    if find_spec("napari") is None:
        pytest.skip("napari is not installed (make install-view)")
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (Debian package xvfb)")
    end, number = os.pipe()
    home = tmp_path_factory.mktemp("home")
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(number), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"],
        pass_fds=[number],
        stderr=subprocess.DEVNULL,
    )
    os.close(number)
    try:
        with os.fdopen(end) as answer:
            display = f":{answer.readline().strip()}"
        environment = {
            **os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home), "PYTHONPATH": str(ROOT),
        }  # fmt: skip

        def run(*arguments):
            return subprocess.run(
                [sys.executable, *map(str, arguments)], env=environment, cwd=home,
                capture_output=True, text=True, timeout=240, check=False,
            )  # fmt: skip

        if (window := run("-c", WINDOW)).returncode:
            pytest.skip(f"Qt cannot open a window: {window.stderr.strip()[:300]}")
        yield run
    finally:
        screen.terminate()
        screen.wait()


def test_without_a_screen_there_is_one_line(segmented):
    """Where Qt would end the process by a signal."""
    if find_spec("napari") is None or sys.platform != "linux":
        pytest.skip("napari is not installed (make install-view), or windows need no such names")
    environment = {key: value for key, value in os.environ.items() if key not in SCREENS}
    done = subprocess.run(
        [sys.executable, "-m", "fibsem.view", segmented / "out"], env=environment, cwd=ROOT,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr[-3000:]
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: a window must have a screen, but none of DISPLAY, ")


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """Folder of a series of bright discs and their segmentation by Otsu's threshold."""
    folder = tmp_path_factory.mktemp("view")
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    disc = (x - 280) ** 2 + (y - 350) ** 2 < 200**2
    noise = np.random.default_rng(0).normal(size=SHAPE)
    grey = (20000 + 20000 * disc + 2000 * noise).astype(np.uint16)
    with create_volume(folder / "stack", SHAPE, np.uint16, format="tiff") as writer:
        writer.write(0, grey)
    spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
    segmenter = Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "otsu")
    volume = open_volume(folder / "stack")
    how = {"voxel_nm": (50.0, 10.0, 10.0)}
    segment_volume(
        volume, segmenter, folder / "out", Options(previews=0, probabilities=True), **how
    )
    return folder


def test_labels_open_as_they_are(python, segmented):
    done = python("-c", PLAIN, segmented / "out" / "labels.ome.zarr")
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == LEVELS


def test_every_layer_lies_over_the_others_in_nanometres(python, segmented, tmp_path):
    quantify.main(compose("quantify", [
        f"segmentation={segmented / 'out'}", f"output={tmp_path / 'q'}", "blocks=0", "maps=true",
        "largest=200",
    ]))  # fmt: skip
    picture = tmp_path / "napari.png"
    done = python(
        "-m", "fibsem.view", segmented / "out", f"quantified={tmp_path / 'q'}",
        f"screenshot={picture}", f"layers={tmp_path / 'layers.json'}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    layers = json.loads((tmp_path / "layers.json").read_text())
    names = ["grey values", "probability of solid", "thickness", "components", "pores"]
    assert [layer["name"] for layer in layers] == names
    for layer in layers:
        assert layer["levels"] == (LEVELS[:1] if layer["name"] == "grey values" else LEVELS)
        assert layer["scale"] == [50.0, 10.0, 10.0]
        assert layer["units"] == ["nanometer"] * 3
    red, green, blue = np.moveaxis(imread(picture)[..., :3].astype(int), -1, 0)
    orange = (red > 1.3 * blue) & (red > green) & (red > 60)
    assert orange.mean() > 0.1  # the pores around the disc
    bright = (red > 150) & (abs(red - green) < 8) & (abs(red - blue) < 8)
    assert bright.mean() > 0.03  # the disc itself
