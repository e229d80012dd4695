"""A stack that is labelled in memory has the labels and probabilities of a volume on disk."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import fibsem
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume import in_memory
from fibsem.inference.volume.in_memory import segment_stack
from fibsem.inference.volume.segmentation import segment_volume
from fibsem.models import resolve, untrained
from tests.data.material import films


@pytest.fixture(scope="module")
def otsu():
    spec = resolve("threshold", Nbhd.parse("1x1x1"), "valid")
    steps = PostProcessing(0.5, 0.5)
    return Segmenter.of(spec, untrained(spec), Recipe(), steps, temperature=1.7)


@pytest.fixture
def labelled(otsu):
    """Function (volume, output, **options) -> the stack that it gives."""

    def run(volume, output="labels", **options):
        return segment_stack(volume, otsu, Scorer(otsu), Options(**options), output)

    return run


@pytest.mark.parametrize("valid", ["auto", "all"])
def test_a_stack_has_the_labels_and_probabilities_of_a_volume(otsu, labelled, tmp_path, valid):
    grey, _ = films.film(shape=(8, 120, 130))
    spoiled = films.drifted(grey).astype(np.uint16) * 257
    spoiled[5] = 0
    volume = ArrayVolume(spoiled)
    options = Options(valid=valid, probabilities=True, previews=0)
    segment_volume(volume, otsu, tmp_path, options)
    labels, probabilities = (
        open_volume(tmp_path / f"{name}.ome.zarr").whole() for name in ("labels", "probabilities")
    )
    found = labelled(volume, valid=valid)
    np.testing.assert_array_equal(np.where(found == 1, 255, found), labels)
    scores = labelled(volume, "probabilities", valid=valid)
    np.testing.assert_allclose(255 * scores, probabilities, atol=0.51)  # rounded to whole ones
    assert (found[5] == 64).all() == (valid == "auto")


def test_whoever_labels_does_so_by_a_plan():
    """Command, Python, processes that help and served models: what one passes on, all pass on."""
    package = Path(fibsem.__file__).parent
    files = {file for file in package.rglob("*.py") if "SlabWorker" in file.read_text("utf-8")}
    callers = {file.stem for file in files if "SlabWorker.of_plan(" in file.read_text("utf-8")}
    assert callers == {"slab", "labelling", "remote", "in_memory"}
    own = {file.stem for file in files if "= SlabWorker(" in file.read_text("utf-8")}
    assert own == {"slab"}  # its example


def test_a_stack_that_shows_nothing_is_refused(labelled):
    with pytest.raises(UserError, match="a stack must show material, but this one shows none"):
        labelled(ArrayVolume(np.zeros((4, 60, 70), np.uint8)))


def test_a_slice_is_let_go_when_its_labels_are_there(labelled, monkeypatch):
    """What is held grows by the labels alone; scores and grey values would be eight bytes more."""
    monkeypatch.setattr(in_memory, "find_extent", lambda volume, asked: asked)  # has its own needs

    def held(depth):
        noise = np.random.default_rng(0).integers(1, 255, (depth, 128, 128))
        volume = ArrayVolume(noise.astype(np.uint8))
        tracemalloc.start()
        labelled(volume, valid="all")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    held(20)
    assert (held(60) - held(20)) / (40 * 128 * 128) == pytest.approx(1, abs=0.5)  # bytes a voxel
