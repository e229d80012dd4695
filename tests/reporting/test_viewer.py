"""What a window shows of volumes; windows themselves are opened in tests/test_view.py."""

import numpy as np
import pytest
import zarr

from fibsem.data.volumes import open_volume
from fibsem.reporting.viewer import levels


@pytest.mark.parametrize("picked", ["0", "1", "after"])
def test_grey_values_are_those_of_the_picture_that_was_segmented(tmp_path, picked):
    """Two films at the root of one Zarr, both in two resolutions."""
    path = tmp_path / "two.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2)
    grey = np.random.default_rng(0).integers(0, 255, (2, 4, 6, 8)).astype(np.uint8)
    for k, picture in enumerate(grey):
        group.create_array(f"full{k}", data=picture)
        group.create_array(f"half{k}", data=picture[:, ::2, ::2])
    group.attrs["multiscales"] = [
        {"name": name, "datasets": [{"path": f"{size}{k}"} for size in ("full", "half")]}
        for k, name in enumerate(("before", "after"))
    ]
    film = open_volume(path, series=picked).whole()
    full, half = levels(path, gaps=False, series=picked)
    np.testing.assert_array_equal(full[...], film)
    np.testing.assert_array_equal(half[...], film[:, ::2, ::2])
