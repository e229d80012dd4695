"""Regions read together are those read alone; a slice that is packed is decoded once for all."""

import numpy as np
import pytest
import tifffile

from fibsem.data import together as together_
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.samples import Region
from fibsem.data.material import find_extent
from fibsem.data.pieces import cut_regions
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume, open_volume
from fibsem.data.volumes.tiff.pages import Page
from fibsem.data.windows import read_windows
from fibsem.geometry import Box
from tests.data.material.films import SHAPE, drifted, film

GREY = film()[0]
HALO = (1, 16, 16)


def parts(slices):
    """Quarters of some slices that are labelled throughout."""
    labels = np.zeros(SHAPE[1:], np.uint8)
    regions = [
        Region("film", f"{z}", Box((z, 0, 0), (z + 1, *SHAPE[1:])), "train", labels.copy)
        for z in slices
    ]
    return cut_regions(regions, 100).regions


def corrected(volume, extent=None):
    return {
        "film": CorrectedVolume(volume, fit_correction(volume, Recipe(), extent=extent), extent)
    }


@pytest.mark.parametrize("most", [2**28, 1, 3 * SHAPE[1] * SHAPE[2]])
@pytest.mark.parametrize("spoil", [None, drifted])
def test_together_they_are_what_they_are_alone(monkeypatch, spoil, most):
    """At borders of the film and of its material, too."""
    monkeypatch.setattr(together_, "MOST_BYTES", most)
    volume = ArrayVolume(spoil(GREY) if spoil else GREY)
    volumes = corrected(volume, find_extent(volume) if spoil else None)
    regions = parts([0, 1, 2, 7, 23])
    windows = read_windows(regions, volumes, HALO)
    assert len(windows) == 5 * 4
    for region, window in zip(regions, windows, strict=True):
        assert window.region is region
        alone = volumes["film"].read(region.box.grow(HALO))
        np.testing.assert_array_equal(window.image, np.moveaxis(alone, 0, -1))


def test_a_packed_slice_is_decoded_once_for_all_parts_of_it(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "film.tif", GREY, compression="zlib", photometric="minisblack")
    volumes, decoded, whole = corrected(open_volume(tmp_path / "film.tif")), [], Page._decode
    monkeypatch.setattr(Page, "_decode", lambda page: decoded.append(page) or whole(page))
    read_windows(parts([3, 4, 12]), volumes, HALO)
    assert len(decoded) == len(set(decoded)) == 4 + 3
