import itertools

import numpy as np
import pytest
from scipy import ndimage

from fibsem.analysis.structure.components import PoreComponents
from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.analysis.structure.walk import walk


def connections(phases, connectivity=6, slab=2):
    film, components = Film.of(np.asarray(phases, np.uint8)), PoreComponents(connectivity)
    walk(film, [components], slab=slab)
    return components.result


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_along_an_axis_of_one_voxel_nothing_leads_and_nothing_is_reached(axis):
    """All of it lies at both faces there."""
    phases = np.ones((7, 7, 7), np.uint8)
    phases[3, 3, 3] = 0  # enclosed
    film = np.take(phases, [3], axis)
    found = connections(film)
    name = "zyx"[axis]
    assert not any(found.percolates.values())
    assert found.connected_share[name] == found.reachable_share == 0
    open_ = np.take(np.zeros_like(phases), [3], axis)
    assert connections(open_).reachable_share == 1
    assert connections(open_).percolates == {other: other != name for other in "zyx"}


@pytest.mark.parametrize("connectivity", [6, 26])
def test_components_are_those_of_another_implementation(connectivity):
    phases = (np.random.default_rng(1).random((20, 30, 40)) > 0.25).astype(np.uint8)
    structure = ndimage.generate_binary_structure(3, 1 if connectivity == 6 else 3)
    numbers, count = ndimage.label(phases == 0, structure)
    sizes = np.bincount(numbers.ravel())[1:]
    result = connections(phases, connectivity, slab=3)
    assert result.components == count
    assert result.largest_share == sizes.max() / sizes.sum()
    for axis, name in enumerate("zyx"):
        first, last = (set(np.take(numbers, end, axis).ravel()) - {0} for end in (0, -1))
        through = np.array(sorted(first & last), int)
        assert result.percolates[name] == bool(len(through))
        assert result.connected_share[name] == pytest.approx(sizes[through - 1].sum() / sizes.sum())


def test_a_channel_leads_through_along_its_axis_alone():
    phases = np.ones((6, 7, 8), np.uint8)
    phases[:, 3, 4] = 0
    phases[2, 1, 1] = 0
    result = connections(phases)
    assert result.percolates == {"z": True, "y": False, "x": False}
    assert result.connected_share == {"z": 6 / 7, "y": 0.0, "x": 0.0}
    assert (result.components, result.reachable_share) == (2, 6 / 7)


def test_a_corner_connects_by_26_neighbours_and_not_by_6():
    phases = np.ones((4, 4, 4), np.uint8)
    phases[range(4), range(4), range(4)] = 0
    assert connections(phases, 26, slab=1).percolates == {"z": True, "y": True, "x": True}
    assert connections(phases, 6, slab=1).components == 4


def test_a_rim_without_material_does_not_close_the_film():
    phases = np.full((8, 9, 10), NEITHER, np.uint8)
    inside = phases[1:7, 2:8, 3:9]
    inside[:] = 1
    inside[:, 2, 2] = inside[2, :, 2] = inside[2, 2, :] = 0
    inside[0, 0, :] = NEITHER  # a ragged rim
    assert connections(phases).percolates == {"z": True, "y": True, "x": True}
    inside[2, 2, 2] = 1
    assert not any(connections(phases).percolates.values())


def test_a_film_without_pores_has_no_component():
    result = connections(np.ones((3, 3, 3)))
    assert result.components == 0
    assert not any(result.percolates.values())
    assert np.isnan(result.largest_share)


def _closed_pores(shape=(24, 30, 32)):
    """Cubes of 3 voxels that touch each other nowhere, half of them at the border."""
    phases = np.ones(shape, np.uint8)
    for z, y, x in np.ndindex(*(n // 5 for n in shape)):
        phases[5 * z : 5 * z + 3, 5 * y : 5 * y + 3, 5 * x : 5 * x + 3] = 0
    return phases


def _drift(z):
    return np.s_[:, : z // 2]


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
def test_a_strip_that_a_drift_left_in_a_few_slices_is_no_way_through(axes):
    """Lines at its side are known over a voxel or two: what lies there is at both ends.

    As of slices that moved along y or x, and of first ones that were milled obliquely.
    """
    phases = _closed_pores()
    for z, image in enumerate(phases):
        image[_drift(z)] = NEITHER
    found = connections(np.ascontiguousarray(np.transpose(phases, axes)))
    assert not any(found.percolates.values())
    assert set(found.connected_share.values()) == {0.0}
    phases[:, 28, 29] = 0  # a channel where all slices are known
    found = connections(np.ascontiguousarray(np.transpose(phases, axes)))
    assert found.percolates == {name: k == 0 for name, k in zip("zyx", axes, strict=True)}


def test_a_corner_that_was_cut_is_no_way_through():
    """As of a film that was turned: lines along y and x are known over few voxels there."""
    phases = _closed_pores()
    y, x = np.ogrid[:30, :32]
    phases[:, x < y] = NEITHER
    assert not any(connections(phases).percolates.values())
    assert connections(phases).reachable_share > 0.5  # pores at the cut are open to it


def test_a_film_of_which_one_slice_is_known_is_as_flat_as_one_slice():
    phases = np.full((9, 12, 14), NEITHER, np.uint8)
    phases[4] = 1
    phases[4, 5, :] = 0
    phases[4, 8, 8] = 0  # enclosed
    found = connections(phases)
    assert (found.flat, connections(phases[4:5]).flat) == (("z",), ("z",))
    assert found.percolates == {"z": False, "y": False, "x": True}
    assert found.reachable_share == 14 / 15
