"""What a segmentation will take, before it is begun."""

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume
from fibsem.geometry import Nbhd
from fibsem.inference import estimate
from fibsem.inference.estimate import RUNTIME_GIB, estimate_segmentation
from fibsem.inference.options import Options
from fibsem.inference.segmenter import Segmenter
from fibsem.models import build
from fibsem.models.spec import resolve


@pytest.mark.parametrize("name", ["2dcnn", "1dcnn"])
def test_patches_take_the_memory_of_a_batch(name, monkeypatch):
    monkeypatch.setattr(estimate, "pixels_per_second", lambda scorer, side: 1.0)
    spec = resolve(name, Nbhd(5, 81, 81), "same")
    segmenter = Segmenter.of(spec, build(spec), Recipe(), PostProcessing())
    volume = ArrayVolume(np.zeros((2, 300, 300), np.uint8))
    memory_gib = estimate_segmentation(volume, segmenter, Options()).memory_gib
    assert RUNTIME_GIB < memory_gib < 4
