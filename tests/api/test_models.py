"""Models that are asked for in Python, and on the command line by ``weights=``."""

import shutil

import numpy as np
import pytest
import tifffile

from fibsem import api, models, segment
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import compose
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.models.spec import resolve
from fibsem.tracking.bundle import Bundle


@pytest.fixture
def bundles(tmp_path):
    """Two unlike models, and a copy of the first under another name."""
    spec = resolve("2dcnn", Nbhd.parse("11x11x3"), "valid", {"blocks": 1, "filters": 2})
    for name in ("first", "second"):
        segmenter = Segmenter.of(spec, models.build(spec), Recipe(), PostProcessing())
        Bundle(segmenter, (50.0, 10.0, 10.0)).save(tmp_path / name)
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    return tmp_path


@pytest.mark.parametrize("other", ["first", "copy"])
@pytest.mark.parametrize("estimate", [True, False])
def test_one_model_twice_is_no_ensemble(bundles, other, estimate):
    """Its spread was that of a model with itself: none, and so narrower an interval."""
    film = bundles / "film.tif"
    tifffile.imwrite(film, np.zeros((3, 40, 50), np.uint8), photometric="minisblack")
    weights = f"weights=[{bundles / 'first'},{bundles / 'second'},{bundles / other}]"
    line = [f"volume={film}", weights, f"output={bundles / 'labels'}", f"estimate={estimate}"]
    with pytest.raises(UserError, match=rf"first and .*{other} are the same; the choices are"):
        segment.main(compose("segment", line))
    assert not list(bundles.glob("labels/*"))


def test_one_model_twice_is_none_in_python(bundles):
    stack = np.random.default_rng(0).integers(0, 255, (3, 40, 50), dtype=np.uint8)
    first, second = (api.load(bundles / name) for name in ("first", "second"))
    assert api.segment(stack, [first, second]).labels.shape == stack.shape
    with pytest.raises(UserError, match="`model` must name different models"):
        api.segment(stack, [first, second, first])
