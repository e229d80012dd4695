"""Grey values that map to 0 and 1."""

import numpy as np
import pytest

from fibsem.data.volumes import ArrayVolume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from tests.data.volumes.written import DTYPES, refusal, series, voxels


def test_a_volume_in_memory_is_seen_in_other_ways_too():
    array = np.array([0, 10, 20, 30, 40], np.uint8).reshape(1, 1, 5)
    volume, whole = ArrayVolume(array, value_range=(10, 30)), Box.whole(array.shape)
    for other in (volume.mended(), volume.with_source(volume.source)):
        assert (other.value_range, other.path) == ((10, 30), volume.path)
        np.testing.assert_array_equal(other.read(whole), array)
    assert volume.with_range((0, 40)).read_unit(whole).ravel()[1] == 0.25
    assert volume.with_range(None).value_range == (0, 255)


def test_what_is_masked_is_refused_and_not_taken_for_grey_values():
    array = np.ma.masked_less(np.array([0, 10, 20], np.uint8).reshape(1, 1, 3), 5)
    with pytest.raises(UserError, match=r"no masked voxels.*valid=PATH"):
        ArrayVolume(array)
    whole = ArrayVolume(np.ma.masked_less(array.data, 0)).whole()
    assert type(whole) is np.ndarray
    assert whole.ravel().tolist() == [0, 10, 20]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path, bad):
    array = voxels("float32", (3, 4, 6))
    array[1, 2, 3] = bad
    series(tmp_path, ["s0.tif", "s1.tif", "s2.tif"], array)
    message = refusal(tmp_path, value_range=(0, 1))
    assert "must be finite" in message
    assert f"slice 1 ({tmp_path / 's1.tif'}) holds {bad}" in message
    with pytest.raises(UserError, match=r"s1\.tif"):
        open_volume(tmp_path).read(Box.whole((3, 4, 6)))
    readable = [*open_volume(tmp_path).readable(range(3))]
    np.testing.assert_array_equal(readable, array[[0, 2]])

    volume = open_volume(tmp_path, gaps=True)
    np.testing.assert_array_equal(volume.read(Box.whole((3, 4, 6))), array[[0, 0, 2]])
    assert volume.missing == {1}


@pytest.mark.parametrize("beyond", [-0.25, 814.0])
def test_float_beyond_one_asks_for_a_range(tmp_path, beyond):
    array = voxels("float32", (2, 4, 6))
    array[1, 0, 0] = beyond
    series(tmp_path, ["s0.tif", "s1.tif"], array)
    message = refusal(tmp_path)
    assert "declare range=[low,high]" in message
    assert "s1.tif" in message
    assert str(beyond) in message
    np.testing.assert_array_equal(open_volume(tmp_path).read(Box.whole((2, 4, 6))), array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_declared_range_maps_to_unit_and_clips(dtype):
    array = np.array([0, 10, 20, 30, 40], dtype).reshape(1, 1, 5)
    volume = ArrayVolume(array, value_range=(10, 30))
    unit = volume.read_unit(Box.whole(array.shape))
    assert unit.dtype == np.float32
    assert unit.ravel().tolist() == [0, 0, 0.5, 1, 1]
    assert volume.value_range == (10.0, 30.0)


@pytest.mark.parametrize("bad", [(1, 1), (3, 2), (0, np.nan), (0, np.inf), (1, 2, 3)])
def test_ranges_that_are_none(tmp_path, bad):
    series(tmp_path, ["s0.tif"])
    message = refusal(tmp_path, value_range=bad)
    assert "`range` must be two finite numbers" in message
    assert str(bad[1]) in message


@pytest.mark.parametrize("bad", [5, "0-255", [], ["a", "b"], {"low": 0, "high": 1}])
def test_ranges_that_are_not_even_two_numbers(tmp_path, bad):
    series(tmp_path, ["s0.tif"])
    assert refusal(tmp_path, value_range=bad) == (
        f"`range` must be two finite numbers, low < high, but got {bad}."
    )


@pytest.mark.parametrize(
    ("dtype", "declared", "may_clip"),
    [("uint8", None, False), ("uint8", (0, 255), False), ("uint8", (0, 254), True),
     ("uint16", (1, 65535), True), ("float32", None, True)],
)  # fmt: skip
def test_values_that_a_dtype_cannot_have_do_not_clip(dtype, declared, may_clip):
    assert ArrayVolume(voxels(dtype, (1, 4, 6)), value_range=declared).may_clip is may_clip
