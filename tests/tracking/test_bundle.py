"""A bundle keeps the grey range of its training, and everything that uses it takes it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tifffile

import fibsem
from fibsem import api, segment
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import compose
from fibsem.data.dataset.scale import Scale
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.models import resolve, untrained
from fibsem.system.files import read_json, write_json
from fibsem.tracking.bundle import Bundle, load_bundle
from fibsem.tracking.serving import Segmentation
from tests.impossible import BUNDLES

TWELVE = Scale("uint16", (0.0, 4095.0))
GREY = np.random.default_rng(2).integers(0, 4096, (3, 40, 44)).astype(np.uint16)


@pytest.fixture(scope="module")
def folders(trained, tmp_path_factory):
    """Bundles of one network: without a range, and with one."""
    folder = tmp_path_factory.mktemp("bundles")
    spec, model = trained(11)
    recipe = Recipe(gradient="none", scaling="none")  # nothing makes up for a wrong range
    segmenter = Segmenter.of(spec, model, recipe, PostProcessing(0.5, 0.5))
    plain = Bundle(segmenter, (None,) * 3)
    plain.save(folder / "plain")
    replace(plain, scales=(TWELVE,)).save(folder / "twelve")
    tifffile.imwrite(folder / "film.tif", GREY, photometric="minisblack")
    tifffile.imwrite(folder / "eight.tif", GREY.astype(np.uint8), photometric="minisblack")
    return folder


#: What a server has of the package: no Hydra, and so no configuration.
SERVED = """import sys
from types import SimpleNamespace
sys.modules["hydra"] = sys.modules["omegaconf"] = None
import numpy
from fibsem.tracking.serving import Segmentation
model = Segmentation()
model.load_context(SimpleNamespace(artifacts={"bundle": "bundle"}))
numpy.save("labels.npy", model.predict(None, numpy.load("stack.npy")))
assert not any(name.startswith(("fibsem.config", "fibsem.api")) for name in sys.modules)
"""


def test_a_bundle_is_served_without_hydra_and_labels_as_from_python(tmp_path):
    spec = resolve("threshold", Nbhd.parse("1x1x1"), "valid")
    segmenter = Segmenter.of(spec, untrained(spec), Recipe(), PostProcessing(0.5, 0.5))
    Bundle(segmenter, (None,) * 3).save(tmp_path / "bundle")
    np.save(tmp_path / "stack.npy", GREY)
    done = subprocess.run(
        [sys.executable, "-c", SERVED], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(fibsem.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    labels = api.segment(GREY, tmp_path / "bundle", previews=0).labels
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), labels // 255)
    assert 0.1 < (labels > 0).mean() < 0.9


def test_the_range_travels_with_the_bundle_and_tells_it_apart(folders):
    plain, twelve = (load_bundle(folders / name) for name in ("plain", "twelve"))
    assert (plain.scales, twelve.scales) == ((), (TWELVE,))
    assert plain.segmenter.identity != twelve.segmenter.identity
    record = read_json(folders / "twelve" / "bundle.json")
    del record["scales"]  # as bundles were before there was one
    write_json(folders / "twelve" / "bundle.json", record)
    older = load_bundle(folders / "twelve")
    assert (older.scales, older.segmenter.identity) == ((), plain.segmenter.identity)
    twelve.save(folders / "twelve")


@pytest.mark.parametrize("name", BUNDLES)
def test_an_impossible_bundle_is_said_in_one_line(folders, tmp_path, name):
    shutil.copytree(folders / "plain", tmp_path / "bundle")
    record = read_json(folders / "plain" / "bundle.json")
    changed = {**record, **BUNDLES[name]}
    (tmp_path / "bundle" / "bundle.json").write_text(json.dumps(changed))
    with pytest.raises(UserError, match=r"`weights` must be a folder .* is not one: ") as caught:
        load_bundle(tmp_path / "bundle")
    assert "\n" not in str(caught.value)


@pytest.fixture
def segmented(folders, tmp_path):
    """Function (weights, *overrides) -> the summary of a film segmented by the command."""

    def run(weights, *overrides, film="film.tif"):
        output = tmp_path / f"{weights}-{len(overrides)}"
        lines = [f"volume={folders / film}", f"weights={folders / weights}", f"output={output}"]
        segment.main(compose("segment", [*lines, "previews=0", *overrides]))
        return read_json(output / "summary.json")

    return run


def test_segment_takes_the_range_of_the_model(segmented):
    learned, given = segmented("twelve"), segmented("plain", "range=[0,4095]")
    assert learned["range"] == given["range"] == [0, 4095]
    assert learned["porosity"] == given["porosity"]
    assert segmented("plain")["porosity"] != given["porosity"]
    assert segmented("twelve", "range=[0,65535]")["range"] == [0, 65535]


def test_a_film_of_another_dtype_needs_a_range(segmented):
    with pytest.raises(UserError, match=r"trained on uint16 of \[0.0, 4095.0\].*is uint8"):
        segmented("twelve", film="eight.tif")
    assert segmented("twelve", "range=[0,255]", film="eight.tif")["range"] == [0, 255]


def test_a_served_model_takes_its_range(folders):
    def predicted(name, **params):
        model = Segmentation()
        model.load_context(SimpleNamespace(artifacts={"bundle": str(folders / name)}))
        return model.predict(None, GREY, params)

    learned = predicted("twelve")
    np.testing.assert_array_equal(learned, predicted("plain", range=[0, 4095]))
    assert (learned != predicted("plain")).any()


@pytest.mark.parametrize("count", [1, 2])
def test_weights_of_another_model_are_refused(trained, tmp_path, count):
    """Folders are copied in parts: figures told of one model, labels were of another."""
    spec, model = trained(11)
    one = Segmenter.of(spec, model, Recipe(), PostProcessing())
    other = keras.models.clone_model(model)
    Bundle(Segmenter.ensemble([one] * count), (None,) * 3).save(tmp_path / "one")
    another = Segmenter.of(spec, other, Recipe(), PostProcessing())
    Bundle(Segmenter.ensemble([another] * count), (None,) * 3).save(tmp_path / "other")
    file = "model.keras" if count == 1 else "member-1/model.keras"
    shutil.copy(tmp_path / "other" / file, tmp_path / "one" / file)
    with pytest.raises(UserError, match=rf"{file} is not of the model that bundle.json tells of"):
        load_bundle(tmp_path / "one")
    record = read_json(tmp_path / "one" / "bundle.json")
    del record["weights"]  # versions before wrote none
    write_json(tmp_path / "one" / "bundle.json", record)
    assert load_bundle(tmp_path / "one").segmenter.members


def test_the_identity_of_a_model_is_what_it_was_before_its_weights_were_digested(folders):
    bundle = load_bundle(folders / "plain")
    record = read_json(folders / "plain" / "bundle.json")
    write_json(
        folders / "plain" / "bundle.json", {k: v for k, v in record.items() if k != "weights"}
    )
    assert load_bundle(folders / "plain").segmenter.identity == bundle.segmenter.identity
    write_json(folders / "plain" / "bundle.json", record)
