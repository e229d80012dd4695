"""Names of slices that tell where each lies give the size of a voxel along z."""

import numpy as np
import pytest
import tifffile

from fibsem.data.volumes import open_volume

SLICE = np.arange(30, dtype=np.uint8).reshape(5, 6)


def film(folder, names, tags=None, **options):
    for name in names:
        tifffile.imwrite(folder / name, SLICE, photometric="minisblack", **(tags or {}))
    return open_volume(folder, **options)


NAMES = {
    "slice_{k:05d}_z={um:.4f}um.tif": 20.0,
    "slice_{k:05d}_z={um:.4f}µm.tif": 20.0,
    "s{k}_z{nm}nm.tif": 20.0,
    "s{k} z-pos {nm} nm.tif": 20.0,
    "z={nm}nm.tif": 20.0,
    "slice_{k:05d}_{nm}nm.tif": None,
    "slice_{k:05d}_z={nm}.tif": None,
    "slice_{k:05d}_dz={nm}nm.tif": None,
    "slice_{k:05d}_z=20nm.tif": None,
    "slice_{k:05d}.tif": None,
}


@pytest.mark.parametrize(("name", "z_nm"), NAMES.items())
def test_positions_in_names_are_distances(tmp_path, name, z_nm):
    names = [name.format(k=k, um=0.02 * k, nm=20 * k) for k in range(1, 12)]
    assert film(tmp_path, names).voxel_nm == (z_nm, None, None)


@pytest.mark.parametrize(("spacing", "z_nm"), [(20, 20.0), (20.5, 20.5), (40, None)])
def test_where_names_and_files_disagree_the_size_is_not_known(tmp_path, spacing, z_nm):
    notes = {"imagej": True, "metadata": {"spacing": spacing, "unit": "nm"}}
    names = [f"s{k} z{20 * k}nm.tif" for k in range(5)]
    assert film(tmp_path, names, notes).voxel_nm[0] == z_nm


def test_slices_that_are_lost_or_milled_unevenly_are_counted(tmp_path):
    um = [0.02 * k + 0.003 * (k % 3) for k in range(10)]
    names = [f"slice_{k:05d}_z={um[k]:.4f}um.tif" for k in range(10) if k != 4]
    volume = film(tmp_path, names, gaps=True)
    assert volume.whole().shape == (10, 5, 6)
    assert set(volume.missing) == {4}
    assert volume.voxel_nm[0] == pytest.approx(20.0)
