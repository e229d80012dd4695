"""Porosity of a film by each member of an ensemble alone."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tifffile

from fibsem.analysis.postprocessing import PostProcessing, segment_slice
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.material import Extent
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume, open_volume
from fibsem.geometry import Box
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.volume.porosity import members
from fibsem.system.summaries.porosity import Members
from tests.inference.volume.conftest import plain
from tests.inference.volume.segmented import segment_volume

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


@pytest.mark.parametrize(
    ("mapped", "each", "said"),
    [
        (0.35, (0.34, 0.37), 0),
        (0.33, (0.34, 0.37), 0),  # what a mean smooths away
        (0.009, (0.010, 0.012), 0),
        (0.0, (0.0, 0.0), 0),
        (0.0001, (0.3774, 0.5540), 1),
        (0.99, (0.50, 0.60), 1),
        (0.002, (0.010, 0.012), 1),
    ],
)
def test_a_mean_far_from_all_that_it_is_of_is_said(mapped, each, said):
    lines = list(members.contradicting(mapped, Members(each)))
    assert len(lines) == said
    assert list(members.contradicting(mapped, None)) == []


def test_models_of_opposite_contrast_contradict_each_other(volume, trained, tmp_path):
    """Their mean is one half everywhere: all was solid, with exit 0, where each finds pores."""
    spec, model = trained(11, filters=4)
    middle = float(np.median(scores(_alone(spec, model, PostProcessing()), volume, [0])))
    how = PostProcessing(0.0, 0.499, 1, 0)
    first = _with_last(model, lambda kernel, bias: (kernel, bias - np.log(middle / (1 - middle))))
    second = _with_last(first, lambda kernel, bias: (-kernel, -bias))
    both = Segmenter.ensemble([_alone(spec, one, how) for one in (first, second)])
    said = []
    record = segment_volume(volume, both, tmp_path, plain(), say=said.append)
    assert record["porosity"] == 0
    assert min(record["porosity_by_member"]["each"]) > 0.2
    (line,) = (one for one in record["warnings"] if "they contradict each other" in one)
    assert f"warning: {line}" in said


def _with_last(model, change):
    """A copy of a network with other weights in its last layer."""
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    last = [layer for layer in other.layers if layer.weights][-1]
    last.set_weights(change(*last.get_weights()))
    return other


def _alone(spec, model, how):
    return Segmenter.of(spec, model, Recipe(), how, f"weights-{id(model)}")


def test_it_is_asked_once(volume, ensemble, tmp_path, monkeypatch):
    before = segment_volume(volume, ensemble, tmp_path, plain())
    monkeypatch.setattr(members, "_asked", lambda *_: pytest.fail("asked again"))
    assert segment_volume(volume, ensemble, tmp_path, plain()) == before


def test_a_start_that_goes_on_knows_the_slices_that_were_missing(ensemble, tmp_path, monkeypatch):
    """Its first and last slice are looked at: of a film whose last is damaged, one alone."""
    images = np.random.default_rng(7).integers(0, 65535, SHAPE).astype(np.uint16)
    (folder := tmp_path / "series").mkdir()
    for z, image in enumerate(images):
        tifffile.imwrite(folder / f"s{z}.tif", image, compression="zlib")
    damage(folder / f"s{SHAPE[0] - 1}.tif")
    how = plain(missing="skip", slab=1)

    def segmented(name):
        volume = open_volume(folder, gaps=True)  # of a process of its own
        return segment_volume(volume, ensemble, tmp_path / name, how)["porosity_by_member"]

    at_once = segmented("at once")
    with monkeypatch.context() as patch:
        patch.setattr(members, "_asked", stopped)
        with pytest.raises(KeyboardInterrupt):
            segmented("stopped")
    assert segmented("stopped") == at_once
    assert at_once["pixels"] == SHAPE[1] * SHAPE[2]


def stopped(*_):
    raise KeyboardInterrupt


def damage(path):
    """The pixels of a compressed picture are zeros; its header is whole."""
    with tifffile.TiffFile(path) as tiff:
        (at,), (count,) = tiff.pages.first.dataoffsets, tiff.pages.first.databytecounts
    content = bytearray(path.read_bytes())
    content[at : at + count] = bytes(count)
    path.write_bytes(content)


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
