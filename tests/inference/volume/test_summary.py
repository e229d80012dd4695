"""Figures of a whole film, of slices that show unlike amounts of it."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from fibsem.data.material import Extent
from fibsem.data.material.parts import Rect
from fibsem.data.volumes import create_volume, open_volume
from fibsem.inference.volume.ledger.entries import SliceRecord
from fibsem.inference.volume.summary import mean_spread, porosity_of
from tests.inference.volume.conftest import SHAPE, plain
from tests.inference.volume.segmented import segment_volume


def test_the_interval_over_slices_holds_the_porosity_that_it_is_of():
    """Ten slices drifted nearly out of sight, into pores: they say little, and widen little."""
    pixels = [1000] * 40 + [50] * 10
    pores: list[int | None] = [300 + k % 3 for k in range(40)] + [45] * 10
    found = porosity_of(Path("film"), pores, pixels)
    low, high = found.interval
    assert found.porosity == pytest.approx(sum(map(int, pores)) / sum(pixels))
    assert (low + high) / 2 == pytest.approx(found.porosity)
    assert low > 0.29
    assert high < 0.32


def test_uncertainty_is_that_of_the_material():
    extent = Extent((3, 10, 10), {0: (), 1: (Rect("rim", 0, 0, 9, 10),), 2: ()})
    slices = [SliceRecord(10, False, 0.1), SliceRecord(5, False, 0.4), SliceRecord(None, False)]
    assert mean_spread(slices, extent) == pytest.approx((100 * 0.1 + 10 * 0.4) / 110)
    assert mean_spread([SliceRecord(10, False)] * 3, extent) is None
    assert np.isfinite(mean_spread(slices[:1], extent))


def test_what_a_film_and_its_labels_are_called_follows_from_what_was_read(
    volume, segmenter, tmp_path
):
    """Two films of the same names, sizes and times were one to a report."""
    films = {"one": volume.whole(), "other": 65535 - volume.whole()}
    for name, voxels in films.items():
        with create_volume(tmp_path / name, SHAPE, np.uint16, format="tiff") as writer:
            writer.write(0, voxels)
        for file in (tmp_path / name).iterdir():
            os.utime(file, (1e9, 1e9))
    opened = {name: open_volume(tmp_path / name) for name in films}
    assert opened["one"].signature() == opened["other"].signature()
    found = {
        name: segment_volume(film, segmenter, tmp_path / f"labels-{name}", plain())
        for name, film in opened.items()
    }
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    copy, film = tmp_path / "labels-copy", open_volume(tmp_path / "copy")
    found["copy"] = segment_volume(film, segmenter, copy, plain(slab=2))
    for key in ("grey_hash", "labelling"):
        assert found["one"][key] == found["copy"][key] != found["other"][key]
    mirrored = segment_volume(film, segmenter, tmp_path / "views", plain(symmetry=2))
    assert mirrored["grey_hash"] == found["copy"]["grey_hash"]
    assert mirrored["labelling"] != found["copy"]["labelling"]
