import numpy as np
import pytest

from fibsem.analysis.structure.blocks import spread_blocks
from fibsem.analysis.structure.cells import CellCounts
from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.analysis.structure.known import known_blocks
from fibsem.analysis.structure.walk import walk

SPACING = (50.0, 10.0, 10.0)


def counted(phases):
    film = Film.of(phases, SPACING)
    counts = CellCounts(film)
    walk(film, [counts])
    return film, counts


def placed(phases, voxels=20_000, count=8):
    film, counts = counted(phases)
    return film, known_blocks(film, counts.known_cells, counts.cell, voxels, count)


@pytest.mark.parametrize("shape", [(40, 151, 202), (3, 70, 80), (131, 70, 85)])
def test_where_everything_is_known_blocks_are_as_they_are_spread(shape):
    film, counts = counted(np.zeros(shape, np.uint8))
    for count in (1, 4, 9):
        blocks = known_blocks(film, counts.known_cells, counts.cell, 20_000, count)
        assert blocks == spread_blocks(film, 20_000, count)


def lost(phases):
    phases[[3, 19, 20]] = NEITHER


def rim(phases):
    phases[:, :2] = phases[:, :, -5:] = NEITHER


def drifting(phases):
    for z, image in enumerate(phases):
        image[:, : 2 * z] = NEITHER


def scattered(phases):
    """So many gaps that blocks have to be smaller."""
    phases.ravel()[np.random.default_rng(0).integers(0, phases.size, 600)] = NEITHER


@pytest.mark.parametrize(
    ("change", "most"), [(lost, 20_000), (rim, 20_000), (drifting, 20_000), (scattered, 10_000)]
)
def test_blocks_are_moved_to_where_every_voxel_is_known(change, most):
    phases = np.zeros((40, 150, 200), np.uint8)
    change(phases)
    film, blocks = placed(phases)
    assert len(blocks) == 8
    assert all(block.inside(film.shape) and most / 2 < block.size <= most for block in blocks)
    assert not any((film.read(block) == NEITHER).any() for block in blocks)
    assert not any(a.overlaps(b) for a in blocks for b in blocks if a is not b)


def test_a_block_as_deep_as_the_film_is_cut_to_the_longest_run():
    phases = np.zeros((24, 60, 60), np.uint8)
    phases[8] = NEITHER
    _, (block,) = placed(phases, 1_000_000, 1)
    assert (block.start, block.stop) == ((9, 0, 0), (24, 60, 60))


def test_where_nothing_is_known_as_a_whole_blocks_stay():
    phases = np.zeros((12, 60, 60), np.uint8)
    phases[:, ::5, ::5] = NEITHER
    film, blocks = placed(phases)
    assert blocks == spread_blocks(film, 20_000, 8)
