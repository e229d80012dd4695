"""Stored probabilities are those of the labels beside them, or nothing is told by them."""

import json
import shutil

import numpy as np
import pytest
import tifffile

from fibsem.errors import UserError
from tests.conftest import labels
from tests.quantification.conftest import run


@pytest.fixture(scope="module")
def probable(segment, film, tmp_path_factory):
    """The folder of a segmentation with its calibrated probabilities; not to be changed."""
    out = segment(tmp_path_factory.mktemp("probable"), film[:4], probabilities=True)
    record = json.loads((out / "summary.json").read_text())
    record |= {"calibration": {"solid_share": 0.5}, "probabilities": "probabilities.tif"}
    (out / "summary.json").write_text(json.dumps(record))
    _save(out, labels(out / "probabilities.ome.zarr"))
    return out


def _save(out, values):
    tifffile.imwrite(out / "probabilities.tif", values, photometric="minisblack")


@pytest.fixture
def changed(probable, tmp_path):
    """Function (change of the probabilities) -> a copy with these."""

    def make(change):
        out = shutil.copytree(probable, tmp_path / "out")
        _save(out, change(labels(out / "probabilities.ome.zarr")))
        return out

    return make


def test_those_of_the_labels_tell_a_porosity(probable, tmp_path):
    record = run(probable, tmp_path / "q", "blocks=0")
    assert record["porosity_assuming_label_shift"] == pytest.approx(record["porosity"], abs=0.05)
    assert not any("probabilities" in limit for limit in record["limits"])


@pytest.mark.parametrize("other", [lambda values: 255 - values, lambda values: 0 * values + 127])
def test_by_those_of_other_labels_nothing_is_told(changed, tmp_path, other):
    """A porosity, and how much the labels err, came from the probabilities of another film."""
    record = run(changed(other), tmp_path / "q", "blocks=1", "block_voxels=1000", "draws=2")
    assert record["porosity_assuming_label_shift"] is None
    assert any("probabilities are those of other labels" in limit for limit in record["limits"])
    assert "probabilities are those of other labels" in record["carried"]["why"]


def test_where_they_were_removed_all_else_is_measured(changed, tmp_path):
    out = changed(lambda values: values)
    (out / "probabilities.tif").unlink()
    record = run(out, tmp_path / "q", "blocks=0")
    assert record["porosity_assuming_label_shift"] is None
    assert any("the probabilities are gone" in limit for limit in record["limits"])


@pytest.mark.parametrize(
    "saved",
    [
        lambda values: (values / 255).astype(np.float32), lambda values: values.astype(np.uint16),
        lambda values: values[:2],
    ],
)  # fmt: skip
def test_in_another_form_they_are_refused_in_one_line(changed, tmp_path, saved):
    with pytest.raises(UserError, match=r"probabilities must be .* of 8 bits, .*\.tif") as caught:
        run(changed(saved), tmp_path / "q", "blocks=0")
    assert "\n" not in str(caught.value)
