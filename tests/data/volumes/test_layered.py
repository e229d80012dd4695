"""Chunks of many slices are decoded once where slices are read in turn."""

import numpy as np
import pytest
import zarr

from fibsem.data.volumes import open_volume
from fibsem.geometry import Box
from tests.data.volumes.written import SHAPE, foreign_zarr, voxels


@pytest.mark.parametrize("gaps", [False, True])
def test_a_chunk_of_many_slices_is_decoded_once(tmp_path, monkeypatch, gaps):
    path = foreign_zarr(tmp_path, "zarr-0.4", array := voxels("uint8"))
    read = []
    get = zarr.storage.LocalStore.get

    async def counted(self, key, *arguments, **options):
        read.append(key)
        return await get(self, key, *arguments, **options)

    monkeypatch.setattr(zarr.storage.LocalStore, "get", counted)
    volume = open_volume(path, gaps=gaps)
    layers = [volume.read(Box((z, 0, 0), (z + 1, *SHAPE[1:]))) for z in range(SHAPE[0])]
    np.testing.assert_array_equal(np.concatenate(layers), array)
    chunks = [key for key in read if key.rpartition("/")[2][0].isdigit()]
    assert len(chunks) == len(set(chunks)) == 3 * 2 * 3  # of 2 x 7 x 8 voxels
    assert volume.kept_bytes == 2 * 13 * 17


def test_layers_that_are_too_large_are_not_kept(tmp_path, monkeypatch):
    path = foreign_zarr(tmp_path, "zarr-5d", array := voxels("uint16"))
    monkeypatch.setattr("fibsem.data.volumes.layered.MOST_BYTES", 100)
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.read(Box.whole(SHAPE)), array)
    assert volume.kept_bytes == 0
