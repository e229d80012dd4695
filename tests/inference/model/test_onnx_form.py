"""Networks in ONNX Runtime give what they give here."""

import json

import numpy as np
import pytest

from fibsem import models
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.onnx_form import write_onnx
from fibsem.inference.model.segmenter import Member, Scorer, Segmenter
from fibsem.models.hyperparameters import ACTIVATIONS as TRAINED
from fibsem.models.spec import resolve

runtime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
PIXEL = ("2dcnn", "mv2dcnn", "triplanar", "multichannel", "3dcnn")
SMALL = {"blocks": 1, "filters": 3, "dense_width": 4}


def member(name, nbhd, **hyperparameters):
    given = {"filters": 3} if name == "unet" else SMALL
    spec = resolve(name, Nbhd.parse(nbhd), "valid", {**given, **hyperparameters})
    model = models.build(spec)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        drawn = rng.normal(0, max(1, int(np.prod(weight.shape[:-1]))) ** -0.5, weight.shape)
        weight.assign(0.5 + np.abs(drawn) if "variance" in weight.path else drawn)
    return Member(spec, model)


def segmenter(*members):
    how = PostProcessing(sigma=1.5, threshold=0.4)
    return Segmenter(members, Recipe(), how, "abc", temperature=1.2, offset=-0.1)


def in_runtime(path, block):
    session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"window": block[None]})
    return scores[0, ..., 0]


def block_for(segmenter, height=24, width=19):
    z, y, x = segmenter.halo
    shape = (height + 2 * y, width + 2 * x, 2 * z + 1)
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def assert_equal_in_the_runtime(segmenter, path):
    """To 1e-5, as dense and patch: the same products, added in another order."""
    metadata = write_onnx(segmenter, (50.0, 10.0, None), path)
    block = block_for(segmenter)
    expected = Scorer(segmenter)(block)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(in_runtime(path, block), expected, atol=1e-5)
    return {key: json.loads(value) for key, value in metadata.items()}


@pytest.mark.parametrize("name", PIXEL)
def test_every_network_on_pixels_gives_the_same(tmp_path, name):
    assert_equal_in_the_runtime(segmenter(member(name, "11x11x3")), tmp_path / "network.onnx")


@pytest.mark.parametrize("activation", TRAINED)
def test_every_activation_gives_the_same(tmp_path, activation):
    one = member("2dcnn", "11x11x1", activation=activation)
    assert_equal_in_the_runtime(segmenter(one), tmp_path / "network.onnx")


def test_members_of_different_halo_are_averaged_and_the_rest_is_told(tmp_path):
    both = segmenter(member("2dcnn", "11x11x1"), member("2dcnn", "23x23x3", blocks=2))
    told = assert_equal_in_the_runtime(both, tmp_path / "network.onnx")
    assert told["halo_zyx"] == [1, 11, 11]
    assert told["nbhd"] == ["11x11x1", "23x23x3"]
    assert told["voxel_nm_zyx"] == [50.0, 10.0, None]
    assert told["postprocessing"]["threshold"] == 0.4
    assert told["preprocess"] == {"gradient": "x", "scaling": "standardise"}
    assert told["calibration"] == {"temperature": 1.2, "offset": -0.1, "smoothed_px": 0.0}


@pytest.mark.parametrize(
    ("nbhd", "given"),
    [("33x33x3", {}), ("33x33x3", {"stem": 1, "up": "nearest", "residual": False, "blocks": 2}),
     ("33x33x3", {"blocks": 1, "norm": "none"}), ("33x33x5", {"slices": "3d"}),
     ("33x33x7", {"slices": "3d", "stem": 1, "blocks": 1})],
)  # fmt: skip
def test_a_network_on_squares_gives_the_same_on_a_block_of_any_size(tmp_path, nbhd, given):
    """Its pools round up what is asked for, and what is over is dropped."""
    one = segmenter(member("unet", nbhd, **given))
    told = assert_equal_in_the_runtime(one, tmp_path / "network.onnx")
    assert told["alignment"] == [one.members[0].spec.alignment]


def test_networks_without_a_dense_form_are_refused_with_the_choices(tmp_path):
    spec = resolve("2dcnn", Nbhd.parse("11x11x1"), "same", SMALL)
    with pytest.raises(UserError, match="but got 2dcnn with padding=same; 2dcnn, mv2dcnn"):
        write_onnx(segmenter(Member(spec, models.build(spec))), (None,) * 3, tmp_path / "n.onnx")
    assert not list(tmp_path.iterdir())
