"""Porosity of a film by each member of an ensemble alone."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing, segment_slice
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.material import Extent
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume
from fibsem.geometry import Box
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.volume import members
from fibsem.inference.volume.segmentation import segment_volume
from tests.inference.volume.conftest import plain

SHAPE = (5, 37, 53)


@pytest.fixture(scope="module")
def volume():
    return ArrayVolume(np.random.default_rng(7).integers(0, 65535, SHAPE).astype(np.uint16))


@pytest.fixture(scope="module")
def ensemble(trained):
    """Two networks of different fields that find different shares of pores."""
    how = PostProcessing(1.0, 0.5, 1, 5)
    few = ((n, trained(n, filters=4)) for n in (11, 33))
    parts = [Segmenter.of(*one, Recipe(), how, f"weights-{n}") for n, one in few]
    return Segmenter.ensemble(parts)


def scores(segmenter, volume, slices):
    corrected = CorrectedVolume(volume, fit_correction(volume, segmenter.recipe))
    scorer = Scorer(segmenter)
    boxes = (Box((z, 0, 0), (z + 1, *SHAPE[1:])).grow(segmenter.halo) for z in slices)
    return [scorer(np.moveaxis(corrected.read(box), 0, -1).copy()) for box in boxes]


def test_each_member_moves_the_porosity_by_what_it_finds_more(volume, ensemble, tmp_path):
    """The places of a film this small are its first and last slice as a whole."""
    ends = (0, SHAPE[0] - 1)
    together = scores(ensemble, volume, ends)
    middle = float(np.median(together))
    ensemble = replace(ensemble, postprocessing=PostProcessing(1.0, middle, 1, 5))
    record = segment_volume(volume, ensemble, tmp_path, plain())

    def pores(maps):
        return np.mean([segment_slice(one, ensemble.postprocessing) == 0 for one in maps])

    alone = [
        pores(scores(replace(ensemble, members=(one,)), volume, ends)) for one in ensemble.members
    ]
    expected = record["porosity"] + np.array(alone) - pores(together)
    told = record["porosity_by_member"]
    assert told["each"] == pytest.approx(np.clip(expected, 0, 1), abs=2e-3)
    assert told["sd"] == pytest.approx(np.std(told["each"], ddof=1))
    assert told["sd"] > 0.01
    assert told["pixels"] == 2 * SHAPE[1] * SHAPE[2]


def test_it_is_asked_once(volume, ensemble, tmp_path, monkeypatch):
    before = segment_volume(volume, ensemble, tmp_path, plain())
    monkeypatch.setattr(members, "_asked", lambda *_: pytest.fail("asked again"))
    assert segment_volume(volume, ensemble, tmp_path, plain()) == before


def test_a_single_model_has_no_spread(volume, ensemble, tmp_path):
    one = replace(ensemble, members=ensemble.members[:1])
    assert segment_volume(volume, one, tmp_path, plain())["porosity_by_member"] is None


def test_what_is_no_material_does_not_count(volume, ensemble, tmp_path, monkeypatch):
    """Where the left half is rim, half of the pixels are looked at."""
    inside = np.ones(SHAPE[1:], bool)
    inside[:, :20] = False
    monkeypatch.setattr(Extent, "inside", lambda self, z: inside)
    record = segment_volume(volume, ensemble, tmp_path, plain())
    assert record["porosity_by_member"]["pixels"] == 2 * np.count_nonzero(inside)
