"""A box in memory: the same voxels, and the files are read once."""

import numpy as np
import pytest

from fibsem.data.volumes import ArrayVolume
from fibsem.data.volumes.held import HeldSource
from fibsem.data.volumes.source import Around
from fibsem.geometry import Box

VOXELS = np.random.default_rng(0).integers(0, 255, (5, 40, 30)).astype(np.uint8)
HELD = Box((1, 4, 0), (4, 30, 30))


class Counted(Around):
    """A source that remembers what was read of it."""

    def __init__(self, source):
        super().__init__(source)
        self.read_of = []

    def read(self, box):
        self.read_of.append(box)
        return self.source.read(box)


@pytest.mark.parametrize("inside", [True, False])
def test_a_part_is_read_from_memory_and_all_else_as_ever(inside):
    source = Counted(ArrayVolume(VOXELS).source)
    held = HeldSource(source, HELD)
    assert source.read_of == [HELD]
    box = Box((1, 5, 3), (4, 30, 20)) if inside else Box((0, 5, 3), (4, 30, 20))
    for _ in range(2):
        part = held.read(box)
        np.testing.assert_array_equal(part, VOXELS[box.slices])
        part[:] = 0  # a new array, whoever has it
    assert len(source.read_of) == (1 if inside else 3)
