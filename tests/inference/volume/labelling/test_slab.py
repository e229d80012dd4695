"""Slices are read once; a slab counts as done only where every slice of it was written."""

import time

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import choose_tiling
from fibsem.inference.volume.labelling.slab import SlabWorker
from fibsem.inference.volume.ledger.outputs import Outputs

SHAPE = (6, 37, 53)


class Full(Outputs):
    """A disk that is full for one slice, and has room again for the next, which waits by then."""

    def write(self, z, *slices):
        if z == 2:
            time.sleep(0.3)
            raise OSError("no space left on device")
        super().write(z, *slices)


def test_a_slice_that_cannot_be_written_leaves_its_slab_undone(trained, tmp_path):
    rng = np.random.default_rng(9)
    volume = ArrayVolume(rng.integers(0, 65535, SHAPE).astype(np.uint16))
    segmenter = Segmenter.of(*trained(11), Recipe(), PostProcessing())
    scorer = Scorer(segmenter)
    tiling = choose_tiling(scorer, SHAPE[1:], 4.0)
    correction = fit_correction(volume, segmenter.recipe)
    worker = SlabWorker(volume, correction, segmenter, scorer, tiling)
    done = []
    outputs = Full(tmp_path, SHAPE, (None, None, None), Options(), (0, 255))
    with outputs.opened(), pytest.raises(OSError, match="no space left"):
        worker.run([(0, 2), (2, 4), (4, 6)], outputs, lambda start, slices: done.append(start))
    assert done == [0]


def test_every_slice_is_read_once(trained, tmp_path, monkeypatch):
    """Also those that several neighbourhoods share, across slabs and at the mirrored ends."""
    rng = np.random.default_rng(9)
    volume = ArrayVolume(rng.integers(0, 65535, SHAPE).astype(np.uint16))
    segmenter = Segmenter.of(*trained(11, nz=5), Recipe(), PostProcessing())
    scorer = Scorer(segmenter)
    tiling = choose_tiling(scorer, SHAPE[1:], 4.0)
    correction = fit_correction(volume, segmenter.recipe)
    reads, read = [], ArrayVolume.read

    def counted(self, box):
        reads.extend(range(box.start[0], box.stop[0]))
        return read(self, box)

    monkeypatch.setattr(ArrayVolume, "read", counted)
    worker = SlabWorker(volume, correction, segmenter, scorer, tiling)
    with Outputs(tmp_path, SHAPE, (None, None, None), Options(), (0, 255)).opened() as outputs:
        worker.run([(0, 2), (2, 4), (4, 6)], outputs, lambda *_: None)
    assert sorted(reads) == list(range(SHAPE[0]))
