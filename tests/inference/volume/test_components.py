"""Small components in 3D: out of core equal to the whole volume at once."""

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.geometry import Box
from fibsem.inference.volume.components import Slabs, remove_small_3d

CLASSES = (0, 255)


def whole(labels, min_voxels):
    """The slow, obvious way: 0 pore, 1 solid, 2 unknown."""
    labels = labels.copy()
    for value in (1, 0):
        components = cc3d.connected_components((labels == value).astype(np.uint8), connectivity=6)
        for k in range(1, components.max() + 1):
            here = components == k
            beside = np.zeros_like(here)
            beside[1:] |= here[:-1]
            beside[:-1] |= here[1:]
            if here.sum() < min_voxels and not (beside & (labels == 2)).any():
                labels[here] = 1 - value
    return labels


def cleaned(labels, min_voxels, slab, folder):
    values = np.array([*CLASSES, 127], np.uint8)
    with create_volume(folder, labels.shape, np.uint8, format="ome-zarr") as writer:
        slabs = Slabs(ArrayVolume(values[labels]), CLASSES, slab)
        pores = remove_small_3d(slabs, writer, min_voxels)
    stack = open_volume(folder)
    return stack.read(Box.whole(stack.shape)), values, pores


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000), depth=st.integers(1, 7), slab=st.integers(1, 4),
    size=st.integers(0, 40), share=st.floats(0.2, 0.8),
)  # fmt: skip
def test_out_of_core_is_the_whole_volume_at_once(tmp_path_factory, seed, depth, slab, size, share):
    rng = np.random.default_rng(seed)
    labels = (rng.random((depth, 9, 11)) < share).astype(np.uint8)
    if depth > 3:
        labels[rng.integers(depth)] = 2
    found, values, pores = cleaned(labels, size, slab, tmp_path_factory.mktemp("c") / "out")
    expected = whole(labels, size)
    np.testing.assert_array_equal(found, values[expected])
    assert pores == [None if (image == 2).all() else int((image == 0).sum()) for image in expected]


def test_large_slices_are_looked_at_and_counted_in_parts(tmp_path, monkeypatch):
    labels = (np.random.default_rng(0).random((6, 9, 11)) < 0.5).astype(np.uint8)
    expected = whole(labels, 20)
    boxes = []

    class Watched(ArrayVolume):
        def read(self, box):
            boxes.append(box)
            return super().read(box)

    monkeypatch.setattr("fibsem.inference.volume.components.VOXELS", 2 * 9 * 11)
    monkeypatch.setattr("fibsem.inference.volume.components.COUNTED", 50)
    with create_volume(tmp_path / "out", labels.shape, np.uint8, format="ome-zarr") as writer:
        remove_small_3d(Slabs(Watched(255 * labels), CLASSES), writer, 20)
    found = open_volume(tmp_path / "out").read(Box.whole(labels.shape))
    np.testing.assert_array_equal(found, 255 * expected)
    assert {box.shape[0] for box in boxes} == {2}


@pytest.mark.parametrize("slab", [1, 2, 3])
def test_a_pore_that_goes_on_through_the_slices_stays(tmp_path, slab):
    labels = np.ones((6, 20, 20), np.uint8)
    labels[:, 5, 5] = 0  # one pixel wide, six deep
    labels[2, 12, 12] = 0
    found, _, pores = cleaned(labels, 6, slab, tmp_path / "out")
    assert (found[:, 5, 5] == 0).all()
    assert found[2, 12, 12] == 255
    assert pores == [1] * 6
