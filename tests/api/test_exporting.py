"""`segment export=onnx`: from a bundle's folder to a graph that gives what `segment` gives."""

import hashlib
import json

import numpy as np
import pytest
import tifffile
import yaml

from fibsem import api, models, segment
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import command_line, compose
from fibsem.data.dataset.scale import Scale
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.models.spec import resolve
from fibsem.tracking.bundle import Bundle

runtime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")


def test_a_bundle_becomes_a_graph_beside_its_summary(tmp_path, capsys):
    spec = resolve("2dcnn", Nbhd.parse("11x11x3"), "valid", {"blocks": 1, "filters": 2})
    segmenter = Segmenter.of(spec, models.build(spec), Recipe(), PostProcessing())
    scales = (Scale("uint16", (0.0, 4095.0)), Scale("uint8"))
    Bundle(segmenter, (50.0, 10.0, 10.0), scales=scales).save(tmp_path / "bundle")
    out = tmp_path / "network"
    words = ["export=onnx", f"weights={tmp_path / 'bundle'}", f"output={out}"]
    for _ in range(2):  # the second time over its own
        segment.main(compose("segment", words))
    assert str(out / "network.onnx") in capsys.readouterr().out
    block = np.random.default_rng(0).normal(size=(30, 25, 3)).astype("float32")
    session = runtime.InferenceSession(out / "network.onnx", providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"window": block[None]})
    np.testing.assert_allclose(scores[0, ..., 0], Scorer(segmenter)(block), atol=1e-5)
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["halo_zyx"]) == [1, 5, 5]
    assert json.loads(told["range"])["of"] == [
        {"dtype": "uint16", "range": [0, 4095]}, {"dtype": "uint8", "range": None},
    ]  # fmt: skip
    summary = json.loads((out / "summary.json").read_text())
    assert summary["metadata"] == told
    assert summary["bioimage"] == ["rdf.yaml", "test_window.npy", "test_probability.npy"]
    assert_described(out, session)
    loaded = api.export(api.load(tmp_path / "bundle"), output=tmp_path / "from python")
    assert loaded.path.read_bytes() == (out / "network.onnx").read_bytes()
    assert loaded.summary == summary
    assert str(loaded).endswith(f"geometry: {loaded.path}")


def test_the_mean_of_unlike_models_says_whose_settings_it_has(tmp_path, capsys):
    """As a segmentation does: thresholds and sizes were those of the first one without a word."""
    spec = resolve("2dcnn", Nbhd.parse("11x11x3"), "valid", {"blocks": 1, "filters": 2})
    for name, threshold, nm in (("a", 0.3, 10.0), ("b", 0.7, 5.0)):
        own = PostProcessing(threshold=threshold)
        segmenter = Segmenter.of(spec, models.build(spec), Recipe(), own)
        Bundle(segmenter, (50.0, nm, nm)).save(tmp_path / name)
    weights = f"weights=[{tmp_path / 'a'},{tmp_path / 'b'}]"
    segment.main(compose("segment", ["export=onnx", weights, f"output={tmp_path / 'mean'}"]))
    said = capsys.readouterr().out
    assert "different post-processing" in said
    assert "voxels of 50 x 10 x 10 and 50 x 5 x 5 nm" in said
    film = tmp_path / "film.tif"
    tifffile.imwrite(film, np.zeros((4, 40, 50), np.uint8), photometric="minisblack")
    line = [f"volume={film}", f"weights={tmp_path / 'a'}", "estimate=true"]
    segment.main(compose("segment", [*line, "voxel_nm=[50,20,20]"]))
    assert "warning: the voxels of the volume are 50 x 20 x 20 nm" in capsys.readouterr().err


def test_the_export_of_another_model_is_not_replaced(tmp_path):
    """It was, without a word, and a kill in between left the former summary beside it."""
    spec = resolve("2dcnn", Nbhd.parse("11x11x3"), "valid", {"blocks": 1, "filters": 2})
    for name in ("a", "b"):
        segmenter = Segmenter.of(spec, models.build(spec), Recipe(), PostProcessing())
        Bundle(segmenter, (50.0, 10.0, 10.0)).save(tmp_path / name)
    out = tmp_path / "network"
    former = api.export(tmp_path / "a", output=out).path.read_bytes()
    with pytest.raises(UserError, match=r"hold the same export, .* another models \(.*overwrite"):
        api.export(tmp_path / "b", output=out)
    (out / "identity.json").unlink()  # as an earlier version left it
    with pytest.raises(UserError, match=r"another models \("):
        api.export(tmp_path / "b", output=out)
    assert api.export(tmp_path / "a", output=out).path.read_bytes() == former
    anew = api.export(tmp_path / "b", output=out, overwrite=True)
    assert anew.path.read_bytes() != former
    assert anew.summary["weights"] == [str(tmp_path / "b")]
    (out / "identity.json").unlink()
    damaged = {**anew.summary, "metadata": {**anew.summary["metadata"], "identity": "{"}}
    (out / "summary.json").write_text(json.dumps(damaged))
    assert api.export(tmp_path / "b", output=out).summary == anew.summary  # made again


@pytest.mark.parametrize("typed", ["range=[0,4095]", "voxel_nm=[50,10,10]", "estimate=true"])
def test_what_is_of_a_volume_is_no_option_of_an_export(tmp_path, typed):
    """It was dropped without a word, and other programs were told the model's own."""
    line = ["export=onnx", typed, f"output={tmp_path / 'network'}"]
    tree = {**compose("segment", line), "command": command_line("segment", line)}
    with pytest.raises(UserError, match=f"`{typed.partition('=')[0]}` must be left out where"):
        segment.main(tree)
    assert not (tmp_path / "network").exists()


def assert_described(out, session):
    """Files are those that are named, sizes those of the arrays, and the example comes out."""
    described = yaml.safe_load((out / "rdf.yaml").read_text())
    (given,), (found,) = described["inputs"], described["outputs"]
    weights = described["weights"]["onnx"]
    for file in (weights, given["test_tensor"], found["test_tensor"]):
        assert hashlib.sha256((out / file["source"]).read_bytes()).hexdigest() == file["sha256"]
    window, expected = (np.load(out / part["test_tensor"]["source"]) for part in (given, found))
    (scores,) = session.run([found["id"]], {given["id"]: window})
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    _, y, x, channel = given["axes"]
    assert [axis["scale"] for axis in (y, x)] == [10.0, 10.0]
    assert channel["channel_names"] == ["slice-1", "slice", "slice+1"]
    assert window.shape[3] == 3
    for axis, before, after in zip((1, 2), window.shape[1:3], expected.shape[1:3], strict=True):
        size = given["axes"][axis]["size"]
        assert (before - size["min"]) % size["step"] == 0
        assert after == before + found["axes"][axis]["size"]["offset"]
    assert described["config"]["fibsem"]["halo_zyx"] == [1, 5, 5]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export=onnx", "volume=film"], "`volume` must be left out where `export` is given"),
        (["export=torch"], "`export` must be onnx, but got torch"),
        (["export=onnx", "symmetry=8"], "`symmetry` must be 1 where `export` .* but got 8"),
        (["export=onnx", "precision=bfloat16"], "`precision` must be float32 .* got bfloat16"),
    ],
)
def test_what_cannot_be_exported_is_said(words, said):
    with pytest.raises(UserError, match=said):
        segment.main(compose("segment", words))
