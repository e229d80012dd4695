"""Vacuum beside a film is said after it was labelled; a film alone is not."""

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.analysis.structure.film import NEITHER, PORE, SOLID
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.before.bands import one_class_bands
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from tests.data.material.films import film
from tests.inference.volume.segmented import segment_volume

GREY, PORES = film()
PHASES = np.where(PORES, PORE, SOLID).astype(np.uint8)
SIDES = {"upper": np.s_[:, :40], "lower": np.s_[:, -40:], "left": np.s_[..., :40],
         "right": np.s_[..., -40:]}  # fmt: skip


@pytest.mark.parametrize(("phase", "name"), [(PORE, "pore"), (SOLID, "solid")])
@pytest.mark.parametrize(("side", "where"), SIDES.items())
def test_a_side_of_one_class_is_said(side, where, phase, name):
    labels = PHASES.copy()
    labels[where] = phase
    (line,) = one_class_bands(labels)
    assert line.startswith(f"the {side} 4")
    assert f"pixels are {name} alone in 100 % of the slices looked at" in line


@pytest.mark.parametrize("porosity", [0.05, 0.3, 0.7, 0.95])
def test_a_film_is_not(porosity):
    pores = film(porosity)[1]
    assert list(one_class_bands(np.where(pores, PORE, SOLID).astype(np.uint8))) == []


def test_nor_is_what_was_left_out():
    labels = PHASES.copy()
    labels[:, :40] = NEITHER
    assert list(one_class_bands(labels)) == []
    assert list(one_class_bands(np.full_like(PHASES, NEITHER))) == []


@pytest.mark.parametrize(("phase", "name"), [(PORE, "pore"), (SOLID, "solid")])
def test_a_film_of_one_class_is_said(phase, name):
    labels = np.full_like(PHASES, phase)
    labels[:, :40] = NEITHER
    (line,) = one_class_bands(labels)
    assert line.startswith(f"the slices looked at are {name} alone: a film of one class may look")


@pytest.mark.parametrize("vacuum", [False, True])
def test_a_segmentation_tells_of_vacuum(tmp_path, vacuum):
    spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
    segmenter = Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "otsu")
    grey, lines = GREY.copy(), []
    if vacuum:
        noise = np.random.default_rng(0).normal(60, 12, grey[:, :40].shape)
        grey[:, :40] = np.clip(noise, 1, 254)
    record = segment_volume(
        ArrayVolume(grey), segmenter, tmp_path / "out", Options(previews=0), say=lines.append
    )
    said = [line for line in record["warnings"] if "vacuum, a trench or a cap" in line]
    assert len(said) == vacuum
    assert [f"warning: {line}" for line in said] == [line for line in lines if "trench" in line]
