"""What a window shows of volumes; windows themselves are opened in tests/test_view.py."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr
from PIL import Image

from fibsem.data.volumes import open_volume
from fibsem.reporting.viewer import levels, save


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


@pytest.mark.parametrize("suffix", [".png", ".gif", ".bmp", ".tif"])
def test_two_screenshots_at_once_are_one_of_them_whenever_somebody_looks(tmp_path, suffix):
    """Commands share no lock for it: a file of the user's lies in a folder of the user's."""
    path = tmp_path / f"film{suffix}"
    rng = np.random.default_rng(0)
    pictures = [rng.integers(low, low + 100, (60, 80, 3), np.uint8) for low in (0, 150)]
    (tmp_path / f".tmp-0123456789ab-film{suffix}").touch()  # of a command that was killed
    save(pictures[0], path)
    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(lambda p: [save(p, path) for _ in range(20)], p) for p in pictures]
        while not all(one.done() for one in writing):
            with Image.open(path) as seen:
                assert seen.size == (80, 60)
                mean = np.asarray(seen.convert("RGB")).mean()
            assert min(abs(mean - picture.mean()) for picture in pictures) < 5
    assert [one.result() for one in writing]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
