"""A volume of noise, a trained network, and the labels that the slow way gives it."""

import shutil

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing, segment_slice
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume
from fibsem.geometry import Box
from fibsem.inference.model.predict import compiled, sliding_window
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from tests.conftest import labels
from tests.inference.volume.segmented import segment_volume

SHAPE = (5, 37, 53)


def plain(**how):
    """Options of a segmentation without pictures, which cost more than so few labels."""
    return Options(**{"previews": 0, **how})


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(5)
    return ArrayVolume(rng.integers(0, 65535, SHAPE).astype(np.uint16))


@pytest.fixture(scope="module")
def segmenter(trained):
    spec, model = trained(11)
    return Segmenter.of(spec, model, Recipe(), PostProcessing(1.0, 0.5, 1, 5), "weights-1")


@pytest.fixture(scope="module")
def whole(volume, segmenter, tmp_path_factory):
    """Folder and record of a plain segmentation; not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, segment_volume(volume, segmenter, folder, plain())


@pytest.fixture
def begun(whole, tmp_path):
    """A copy of that folder, which may be gone on with, and its record."""
    return shutil.copytree(whole[0], tmp_path / "begun"), whole[1]


@pytest.fixture(scope="module")
def slow(volume, segmenter):
    """Patch by patch over the whole corrected volume, mirrored at its borders."""
    corrected = CorrectedVolume(volume, fit_correction(volume, segmenter.recipe))
    forward = compiled(segmenter.members[0].model)
    slices = []
    for z in range(SHAPE[0]):
        box = Box((z, 0, 0), (z + 1, *SHAPE[1:])).grow(segmenter.members[0].spec.halo)
        block = np.moveaxis(corrected.read(box), 0, -1)
        scores = sliding_window(forward, np.ascontiguousarray(block), segmenter.members[0].spec)
        slices.append(segment_slice(scores, segmenter.postprocessing))
    return np.stack(slices)


def labels_in(folder, name="labels.ome.zarr"):
    return labels(folder / name)


def noise_block(segmenter):
    z, y, x = segmenter.halo
    shape = (40 + 2 * y, 40 + 2 * x, 2 * z + 1)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)
