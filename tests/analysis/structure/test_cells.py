import numpy as np
import pytest

from fibsem.analysis.structure.cells import CellCounts
from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.analysis.structure.walk import walk


def counted(phases, spacing=(1.0, 1.0, 1.0)):
    film = Film.of(phases, spacing)
    counts = CellCounts(film)
    walk(film, [counts])
    return counts


def test_porosity_is_that_of_what_is_known_slice_by_slice_and_in_all():
    phases = np.ones((4, 10, 10), np.uint8)
    phases[0, :4] = 0
    phases[1, :, :5] = NEITHER
    phases[1, :, 5] = 0
    phases[2] = NEITHER
    counts = counted(phases)
    assert counts.profile == pytest.approx([0.4, 0.2, np.nan, 0.0], nan_ok=True)
    assert counts.porosity() == pytest.approx(50 / 250)
    assert counts.cells.porosity == counts.porosity()


def test_thick_slices_weigh_more():
    phases = np.ones((2, 5, 5), np.uint8)
    phases[0] = 0
    assert counted(phases).porosity([30.0, 90.0]) == 0.25


def test_cells_hold_every_voxel_once():
    phases = np.random.default_rng(0).integers(0, 3, (7, 300, 900)).astype(np.uint8)
    counts = counted(phases, (50.0, 10.0, 10.0))
    assert counts.cell == (1, 2, 2)
    block = phases[3, 8:10, 600:602]
    assert counts.cells.pores[3, 4, 300] == (block == 0).sum()
    assert counts.cells.known_voxels[3, 4, 300] == (block != NEITHER).sum()
    assert counts.cells.pores.sum() == (phases == 0).sum()


@pytest.mark.parametrize(
    ("unknown", "gaps"), [((), ()), ((0, 1, 5), ()), ((0, 2, 4), (2, 4)), (range(6), ())]
)
def test_gaps_are_slices_of_nothing_between_others(unknown, gaps):
    phases = np.ones((6, 5, 5), np.uint8)
    phases[list(unknown)] = NEITHER
    phases[3, :3] = NEITHER if 3 in unknown else 0  # some of a slice is no gap
    assert counted(phases).gaps == gaps
