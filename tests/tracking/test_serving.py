"""A registered model by MLflow's own means: on an array, in a fresh process, by a real server."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fibsem import api
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import TrackingConfig
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume, open_volume
from fibsem.geometry import Box, Nbhd
from fibsem.inference.model.segmenter import Member, Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.segmentation import segment_volume
from fibsem.models.forest import Forest, feature_count
from fibsem.models.spec import resolve
from fibsem.tracking import champions, registry
from fibsem.tracking.bundle import Bundle
from fibsem.tracking.packaging import EXAMPLE, example_of
from fibsem.tracking.runs import Tracking
from tests.data.material import films
from tests.servers import free_port, wait_until

SHAPE = (4, 60, 70)


@pytest.fixture(scope="module")
def stack():
    """Grey values with structure, uint16."""
    noise = np.random.default_rng(3).normal(size=SHAPE)
    grey = gaussian_filter(noise, (0.3, 0.4, 0.4))
    return (32768 + 30000 * grey / np.abs(grey).max()).astype(np.uint16)


@pytest.fixture(scope="module")
def forest():
    spec = resolve("forest", Nbhd(3, 11, 11), "valid", {"trees": 5, "sigmas": [1.0, 2.0]})
    side = 24 + 2 * spec.halo[1]
    block = np.random.default_rng(0).normal(size=(side, side, 3)).astype("float32")
    features = Forest(spec, None).features(block).reshape(-1, feature_count(spec))
    return Member(spec, Forest.fit(spec, features, (features[:, 0] > 0).astype(np.uint8), seed=0))


@pytest.fixture(scope="module")
def segmenters(trained, forest):
    """A network, an ensemble of two of different fields, a forest; no trivial labels."""
    network, other = Member(*trained(11, filters=4)), Member(*trained(13, filters=4))
    made = {"network": (network,), "ensemble": (network, other), "forest": (forest,)}

    def of(members):
        segmenter = Segmenter(members, Recipe(), PostProcessing(), "")
        z, y, x = segmenter.halo
        noise = np.random.default_rng(0).normal(size=(60 + 2 * y, 60 + 2 * x, 2 * z + 1))
        middle = float(np.median(Scorer(segmenter)(noise.astype(np.float32))))
        how = PostProcessing(0.5, middle, 1, 5)
        return replace(segmenter, postprocessing=how, temperature=1.7)

    return {name: of(members) for name, members in made.items()}


@pytest.fixture(scope="module")
def store(segmenters, stack, new_store, tmp_path_factory):
    """URI of a store, and the address of the registered model of each segmenter."""
    folder = tmp_path_factory.mktemp("serving")
    new_store(folder)
    config = TrackingConfig(
        uri=f"sqlite:///{folder / 'ml.db'}", artifacts=str(folder / "artifacts")
    )
    tracking = Tracking.open(config, "serving")
    addresses, path = {}, list(sys.path)
    for name, segmenter in segmenters.items():
        bundle = folder / name
        Bundle(segmenter, (50.0, 10.0, 10.0)).save(bundle)
        run_id = tracking.start(name, tags={})
        example = example_of(ArrayVolume(stack))
        version = registry.register(bundle, run_id, tracking.uri, {}, example=example)
        addresses[name] = f"models:/fibsem/{version}"
    champions.make_champion("1", tracking.uri, "the first")
    assert sys.path == path  # MLflow's trial leaves its own behind
    return tracking.uri, addresses


@pytest.fixture(autouse=True)
def _stored_code_stays_as_it_is(store, monkeypatch):
    """What is loaded from a folder is compiled into it, which is not what was stored."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


@pytest.fixture
def load(store):
    """Function (name) -> the model as MLflow loads it."""

    def loaded(name):
        uri, addresses = store
        mlflow.set_tracking_uri(uri)
        return mlflow.pyfunc.load_model(addresses[name])

    return loaded


def segmented(segmenter, volume, folder):
    """What `segment` gives: labels 0 and 1, and 255 times the probabilities."""
    segment_volume(volume, segmenter, folder, Options(probabilities=True, previews=0))
    stacks = [open_volume(folder / f"{name}.ome.zarr") for name in ("labels", "probabilities")]
    labels, probabilities = (s.read(Box.whole(s.shape)) for s in stacks)
    return labels // 255, probabilities


@pytest.mark.parametrize("name", ["network", "ensemble", "forest"])
def test_predict_gives_what_segment_gives(name, load, segmenters, stack, tmp_path):
    labels, probabilities = segmented(segmenters[name], ArrayVolume(stack), tmp_path / "whole")
    model = load(name)
    found = model.predict(stack)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, labels)
    assert 0.1 < found.mean() < 0.9
    scores = model.predict(stack, params={"output": "probabilities"})
    assert scores.dtype == np.float32
    np.testing.assert_allclose(255 * scores, probabilities, atol=0.51)  # rounded to whole ones


def test_predict_gives_what_the_python_interface_gives(store, load, stack):
    uri, addresses = store
    result = api.segment(
        stack, addresses["network"], probabilities=True, previews=0, tracking={"uri": uri}
    )
    model = load("network")
    np.testing.assert_array_equal(model.predict(stack), result.labels // 255)
    scores = model.predict(stack, params={"output": "probabilities"})
    np.testing.assert_allclose(scores, result.probabilities, atol=0.51 / 255)


def test_the_range_of_grey_values_is_that_of_segment(load, segmenters, stack, tmp_path):
    twelve = stack >> 4
    low = np.uint16(1500)  # and clips: a range that did nothing would not be noticed
    volume = ArrayVolume(twelve, value_range=(1500, 2500))
    labels, _ = segmented(segmenters["network"], volume, tmp_path / "whole")
    found = load("network").predict(twelve, params={"range": [1500.0, 2500.0]})
    np.testing.assert_array_equal(found, labels)
    assert (twelve < low).any()
    assert (found != load("network").predict(twelve)).any()


@pytest.fixture
def spoiled():
    """A film with a rim that drifts and a black slice, uint16."""
    grey, _ = films.film(shape=(12, 120, 130))
    spoiled = films.drifted(grey).astype(np.uint16) * 257
    spoiled[5] = 0
    return spoiled


def test_what_is_not_material_is_left_out_as_by_segment(load, segmenters, spoiled, tmp_path):
    segmenter = segmenters["network"]
    segment_volume(ArrayVolume(spoiled), segmenter, tmp_path, Options(previews=0))
    labels = open_volume(tmp_path / "labels.ome.zarr")
    expected = labels.read(Box.whole(labels.shape))
    model = load("network")
    found = model.predict(spoiled)
    np.testing.assert_array_equal(np.where(found == 1, 255, found), expected)
    assert (found[5] == 64).all()
    assert 0.05 < np.mean(found == 64) < 0.5
    scores = model.predict(spoiled, params={"output": "probabilities"})
    assert (scores[found == 64] == 0.5).all()
    assert set(np.unique(model.predict(spoiled, params={"valid": "all"}))) == {0, 1}


def test_the_signature_says_what_goes_in_and_what_comes_out(load):
    signature = load("network").metadata.signature
    assert [(spec.shape, spec.type) for spec in signature.inputs] == [((-1,) * 3, np.uint16)]
    assert [(spec.shape, spec.type) for spec in signature.outputs] == [((-1,) * 3, np.uint8)]
    assert {spec.name: spec.default for spec in signature.params} == {
        "output": "labels", "range": [], "valid": "auto",
    }  # fmt: skip


def test_the_example_is_a_piece_of_the_stack_and_can_be_labelled(load, stack):
    model = load("network")
    assert model.input_example.shape == EXAMPLE
    np.testing.assert_array_equal(model.input_example, stack[:3, 6:54, 11:59])
    assert model.predict(model.input_example.astype(np.uint16)).shape == EXAMPLE


def test_other_dtypes_are_refused_and_have_two_ways_in(load, stack):
    model, eight = load("network"), (stack >> 8).astype(np.uint8)
    with pytest.raises(mlflow.MlflowException, match="dtype of input uint8 does not match"):
        model.predict(eight)
    plain = model.unwrap_python_model()
    labels = plain.predict(None, eight)
    np.testing.assert_array_equal(model.predict(eight.astype(np.uint16) * 257), labels)
    np.testing.assert_array_equal(plain.predict(None, eight / np.float32(255)), labels)


def test_the_order_of_bytes_changes_nothing(load, stack):
    """A range that the model has learned was of the same type in the other order, and refused."""
    plain = load("network").unwrap_python_model()
    np.testing.assert_array_equal(
        plain.predict(None, stack.astype(">u2")), plain.predict(None, stack)
    )


def test_a_masked_array_is_refused_as_by_the_python_interface(load, stack):
    masked = np.ma.masked_array(stack, np.zeros(stack.shape, bool))
    masked[0, 0, 0] = np.ma.masked
    with pytest.raises(mlflow.MlflowException, match="an array must have no masked voxels"):
        load("network").unwrap_python_model().predict(None, masked)


@pytest.mark.parametrize(
    ("params", "constraint"),
    [({"output": "masks"}, "`output` must be one of labels, probabilities, but got masks"),
     ({"valid": "mask.tif"}, "`valid` must be one of auto, all, but got mask.tif"),
     ({"range": [5.0, 2.0]}, "`range` must be two finite numbers, low < high")],
)  # fmt: skip
def test_what_a_user_can_mend_is_said(load, stack, params, constraint):
    with pytest.raises(mlflow.MlflowException, match=constraint):
        load("network").predict(stack, params=params)


def test_no_pickle_and_no_more_code_than_is_needed(store):
    uri, addresses = store
    mlflow.set_tracking_uri(uri)
    for name, address in addresses.items():
        folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=address))
        files = [file for file in folder.rglob("*") if file.is_file()]
        assert not any(file.suffix in {".pkl", ".pickle", ".joblib", ".pyc"} for file in files)
        assert not any(file.read_bytes().startswith(b"\x80\x04") for file in files)
        code = [file for file in files if "code" in file.relative_to(folder).parts]
        assert {file.suffix for file in code} == {".py", ".pyi"}
        weights = {file.name for file in files if file.suffix in {".keras", ".skops"}}
        assert weights == ({"model.skops"} if name == "forest" else {"model.keras"})
        assert "fibsem" not in (folder / "requirements.txt").read_text()


def environment(uri, **more):
    """A shell whose PATH has the environment, and that does not know the checkout."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return {**kept, "PATH": path, "MLFLOW_TRACKING_URI": uri, **more}


@pytest.mark.slow
def test_a_fresh_process_needs_no_code_but_what_is_stored(store, stack, load, tmp_path):
    uri, addresses = store
    np.save(tmp_path / "stack.npy", stack)
    script = (
        "import mlflow, numpy, sys\n"
        f"model = mlflow.pyfunc.load_model({addresses['ensemble']!r})\n"
        "numpy.save('labels.npy', model.predict(numpy.load('stack.npy')))\n"
        "ours = [module for name, module in sys.modules.items() if name.startswith('fibsem')]\n"
        "print(*(module.__file__ for module in ours), sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(uri),
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    modules = [Path(line).parts for line in done.stdout.splitlines()]
    assert len(modules) > 20
    assert all(parts[parts.index("fibsem") - 1] == "code" for parts in modules)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), load("ensemble").predict(stack))


@contextlib.contextmanager
def serving(address, uri, folder):
    """A real `mlflow models serve` on loopback; yields where it listens and its process."""
    port = free_port()
    line = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", address,
            "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            line, cwd=folder, env=environment(uri), stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: answered(f"http://127.0.0.1:{port}/ping"), 240, process)
        yield f"http://127.0.0.1:{port}", process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(60)
        wait_until(lambda: not group(process.pid))


def answered(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status == 200
    return False


def ask(url, **request):
    """POST /invocations: status and decoded JSON."""
    data = json.dumps(request).encode()
    question = urllib.request.Request(
        f"{url}/invocations", data, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(question, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def group(number):
    """Processes of a process group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == number and fields[0] != "Z":
                found.append(folder.name)
    return found


@pytest.mark.slow
def test_a_real_server_gives_what_predict_gives(store, stack, load, tmp_path):
    uri, _ = store
    model = load("network")
    with serving("models:/fibsem@champion", uri, tmp_path) as (url, process):
        status, answer = ask(url, inputs=stack.tolist())
        assert status == 200
        np.testing.assert_array_equal(answer["predictions"], model.predict(stack))

        how = {"output": "probabilities"}
        status, answer = ask(url, inputs=stack.tolist(), params=how)
        assert status == 200
        expected = model.predict(stack, params=how)
        np.testing.assert_allclose(np.float32(answer["predictions"]), expected, atol=1e-6)

        status, answer = ask(url, inputs=stack.tolist(), params={"output": "masks"})
        assert status == 400
        assert "`output` must be one of labels, probabilities" in answer["message"]
        status, answer = ask(url, inputs=stack[0].tolist())  # a slice is no stack
        assert status == 400
        status, answer = ask(url, inputs=[[[70000, 0]]])  # no uint16
        assert status == 400
        assert len(group(process.pid)) >= 2  # mlflow, and the server that it started
    assert group(process.pid) == []


@pytest.mark.slow
def test_forests_are_served_too(store, stack, load, tmp_path):
    uri, addresses = store
    with serving(addresses["forest"], uri, tmp_path) as (url, _):
        status, answer = ask(url, inputs=stack.tolist())
    assert status == 200
    np.testing.assert_array_equal(answer["predictions"], load("forest").predict(stack))
