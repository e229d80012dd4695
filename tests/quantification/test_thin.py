"""Films of few slices: their border bounds no pore."""

import numpy as np
import pytest

from fibsem.analysis.structure.film import NEITHER
from fibsem.analysis.structure.thickness import PoreSizes, diameters_up_to, local_thickness
from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.quantification import quantify
from tests.quantification.conftest import SPACING, in_memory


def test_of_a_single_slice_nothing_is_told_of_ways_through_it(film, tmp_path):
    """All pores lie at both of its faces: it percolated, with tortuosity factors of exactly 1."""
    found = quantify(in_memory(film[:1], tmp_path), QuantifyConfig(blocks=1), tmp_path / "q")
    assert found.percolates["z"] is found.connected_share["z"] is None
    assert found.tortuosity_factor["z"] is found.geodesic_tortuosity["z"] is None
    assert found.parts_through["z"] == (0, 0)
    assert np.isnan(found.throat_size_nm.median)
    assert isinstance(found.percolates["y"], bool)
    assert found.parts_through["y"][1] == 1
    assert any(line.startswith("the film is a single voxel deep along z") for line in found.limits)
    how = QuantifyConfig(blocks=1, face="y0")
    throats = quantify(in_memory(film[:1], tmp_path), how, tmp_path / "y").throat_size_nm
    assert throats.median > 0


@pytest.mark.parametrize("slices", [1, 2])
def test_pores_of_a_thin_stack_are_as_wide_as_in_its_slices(film, tmp_path, slices):
    """No ball is held back by what is not there: they may be wider than the stack is thick."""
    thin = film[:slices]
    segmented = in_memory(thin, tmp_path)
    found = quantify(segmented, QuantifyConfig(blocks=1), tmp_path / "q").pore_size_nm
    diameters = diameters_up_to(1000.0, SPACING)
    sizes = PoreSizes.of(local_thickness(thin, diameters, SPACING), thin == 0, diameters)
    assert found.median == pytest.approx(sizes.quantile(0.5), rel=0.1)
    assert found.largest > 2 * 50 * slices
    assert np.isfinite(found.p90)


def test_balls_that_no_pore_could_hold_are_not_called_too_few(tmp_path):
    """Slits of 30 nm: no larger ball was tried, as no chord is longer, not as largest= says."""
    slits = np.ones((12, 40, 40), np.uint8)
    slits[:, :, 10:13] = slits[:, :, 25:28] = 0
    segmented = in_memory(slits, tmp_path)
    for largest, told in ((1000.0, False), (20.0, True)):
        how = QuantifyConfig(blocks=1, largest=largest)
        found = quantify(segmented, how, tmp_path / f"{largest}")
        assert any("largest ball that was tried" in line for line in found.limits) == told


@pytest.mark.parametrize("known", [[4], [0, 2, 4, 6, 8, 10]])
def test_of_slices_that_lie_alone_nothing_is_told_of_ways_through_them(film, tmp_path, known):
    """All others are black: parts are one slice, and each pore lies at both of their faces."""
    phases = np.full_like(film, NEITHER)
    phases[known] = film[known]
    found = quantify(in_memory(phases, tmp_path), QuantifyConfig(blocks=2), tmp_path / "q")
    assert found.percolates["z"] is found.connected_share["z"] is None
    assert found.tortuosity_factor["z"] is found.geodesic_tortuosity["z"] is None
    assert found.parts_through["z"] == (0, 0)
    assert found.parts_through["x"][1] > 0
    assert np.isnan(found.throat_size_nm.median)
    who = "the film" if len(known) == 1 else "every part"
    said = [line for line in found.limits if "is a single voxel deep along z" in line]
    assert [line.startswith(who) for line in said] == [True]


@pytest.mark.parametrize("connectivity", [6, 26])
def test_pores_that_meet_at_edges_alone_are_no_way_through(tmp_path, connectivity):
    """Their geodesic tortuosity was 1.41 along y and x beside 0 of 1 parts that let through."""
    stairs = np.ones((12, 40, 40), np.uint8)
    stairs[:, range(40), range(40)] = 0
    how = QuantifyConfig(blocks=1, connectivity=connectivity)
    found = quantify(in_memory(stairs, tmp_path), how, tmp_path / "q")
    assert found.parts_through == {"z": (1, 1), "y": (0, 1), "x": (0, 1)}
    assert found.tortuosity_factor == {"z": pytest.approx(1), "y": None, "x": None}
    assert found.geodesic_tortuosity == {"z": 1, "y": None, "x": None}
