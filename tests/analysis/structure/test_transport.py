import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.sparse import lil_array
from scipy.sparse.linalg import spsolve

from fibsem.analysis.structure import transport
from fibsem.analysis.structure.geodesic import geodesic_tortuosity
from fibsem.analysis.structure.transport import diffuse
from tests.analysis.structure.shapes import SPACINGS, boolean


def slowly(phases, spacing, axis):
    """The same balance written down voxel by voxel, and solved directly."""
    pores = [tuple(place) for place in np.argwhere(phases == 0)]
    number = {place: k for k, place in enumerate(pores)}
    matrix, right = lil_array((len(pores), len(pores))), np.zeros(len(pores))
    flows = []
    for place, k in number.items():
        for along in range(3):
            for step in (-1, 1):
                other = tuple(n + step * (a == along) for a, n in enumerate(place))
                g = np.prod(spacing) / spacing[along] ** 2
                if other in number:
                    matrix[k, k] += g
                    matrix[k, number[other]] -= g
                elif along == axis and not 0 <= other[axis] < phases.shape[axis]:
                    matrix[k, k] += 2 * g
                    if step < 0:
                        right[k] += 2 * g
                        flows.append((k, 2 * g))
        matrix[k, k] += 1e-12  # pores that lead nowhere hold what they like
    found = spsolve(matrix.tocsc(), right)
    length = phases.shape[axis] * spacing[axis]
    area = phases.size * np.prod(spacing) / length
    return sum(g * (1 - found[k]) for k, g in flows) * length / area


@pytest.mark.parametrize("spacing", [*SPACINGS, (5.0, 1.0, 2.0)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_diffusion_is_that_of_the_slow_and_obvious_way(spacing, axis):
    phases = (np.random.default_rng(axis).random((6, 7, 8)) > 0.7).astype(np.uint8)
    found = diffuse(phases, spacing, axis)
    assert found.relative == pytest.approx(slowly(phases, spacing, axis), rel=1e-5)
    assert found.tortuosity_factor > 1


@pytest.mark.parametrize("most", [2, 20])
def test_what_boxes_hand_on_changes_no_result(most, monkeypatch):
    """As few as two, which hardly help, and all that there are."""
    phases = (np.random.default_rng(5).random((6, 20, 20)) > 0.6).astype(np.uint8)
    found = diffuse(phases, (5.0, 1.0, 1.0), 2)
    monkeypatch.setattr(transport, "MOST_BOXES", most)
    assert diffuse(phases, (5.0, 1.0, 1.0), 2).relative == pytest.approx(found.relative, rel=1e-5)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("axis", [0, 2])
def test_long_ways_take_few_steps(spacing, axis, monkeypatch):
    """From neighbour to neighbour it takes hundreds."""
    monkeypatch.setattr(transport, "MOST_STEPS", 60)
    phases = boolean((500.0, 500.0, 500.0), 90.0, 0.5, tuple(10 * s for s in spacing), seed=1)[0]
    assert diffuse(phases, spacing, axis).tortuosity_factor > 1


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_straight_channels_are_no_detour_and_walls_have_no_way_through(spacing, axis):
    phases = np.ones((8, 9, 10), np.uint8)
    along = np.moveaxis(phases, axis, 0)
    along[:, 2:4, 3:8] = along[:, 6, 1] = 0
    found = diffuse(phases, spacing, axis)
    assert found.tortuosity_factor == pytest.approx(1, abs=1e-6)
    assert geodesic_tortuosity(phases, spacing, axis) == 1
    assert diffuse(phases, spacing, (axis + 1) % 3).tortuosity_factor == np.inf
    assert np.isnan(geodesic_tortuosity(phases, spacing, (axis + 1) % 3))


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_shortest_way_around_a_wall(spacing):
    """A wall with a slit at its edge: straight down along it, through, and back is not needed."""
    phases = np.zeros((1, 21, 21), np.uint8)
    phases[0, 10, 1:] = 1  # a wall across y, open at x = 0
    found = geodesic_tortuosity(phases, spacing, 1)
    straight, aside = 20.0, np.arange(21)
    # to the slit and on: steps aside are diagonal steps; x = 0 to x = j on the far side
    lengths = np.where(aside <= 10, (straight - aside) + np.sqrt(2) * aside,
                       10 + np.sqrt(2) * 10 + (aside - 10))  # fmt: skip
    assert found == pytest.approx(lengths.mean() / 20)


def test_ways_are_measured_in_the_lengths_of_voxels():
    """A stair of voxels that are five parts high: up each, and aslant to the next one."""
    phases = np.ones((5, 1, 5), np.uint8)
    phases[range(5), 0, range(5)] = 0
    up = geodesic_tortuosity(phases, (5.0, 1.0, 1.0), 0)
    assert up == pytest.approx((5 * 4 + 4 * np.sqrt(2)) / 24)
    aside = geodesic_tortuosity(phases, (5.0, 1.0, 1.0), 2)  # from the nearest part of the first
    assert aside == pytest.approx((3 * 4 + 2 + 4 * np.sqrt(2)) / 4)
    assert geodesic_tortuosity(phases, (1.0, 1.0, 1.0), 0) == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize("axis", [0, 2])
def test_the_same_pores_have_the_same_ways_in_thick_slices(axis):
    """Of pores some slices wide; in steps from slice to slice a detour along x was 1.6 times it."""
    field = gaussian_filter(np.random.default_rng(0).standard_normal((60, 60, 60)), 4)
    phases = (field > np.quantile(field, 0.45)).astype(np.uint8)
    cubes = geodesic_tortuosity(phases, (1.0, 1.0, 1.0), axis)
    thick = geodesic_tortuosity(phases[2::5], (5.0, 1.0, 1.0), axis)
    assert thick - 1 == pytest.approx(cubes - 1, rel=0.15)
