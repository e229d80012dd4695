import numpy as np
import pytest

from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.analysis.structure.surface import (
    Surface,
    directions_of,
    porosity_per_px_of_slices,
    weights_in_slices,
    weights_of,
)
from fibsem.analysis.structure.walk import walk
from tests.analysis.structure.shapes import SPACINGS, ball, boolean, centres, laminate


def surface(phases, spacing):
    film = Film.of(phases, spacing)
    found = Surface(film)
    walk(film, [found])
    return found.per_volume


@pytest.mark.parametrize(("spacing", "radius"), [(SPACINGS[0], 40), (SPACINGS[1], 50)])
def test_a_ball_has_the_surface_of_a_ball(spacing, radius):
    """Within 3 %, where counting the faces of its voxels finds half as much again."""
    size = ((5 if spacing[0] == 1 else 6) * radius,) * 3
    found = surface(ball(size, radius, spacing), spacing) * np.prod(size)
    assert found == pytest.approx(4 * np.pi * radius**2, rel=0.03)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_layers_have_their_surface_as_far_as_13_directions_tell(spacing, axis):
    """One direction of all lines cuts layers most: 13 of them find 7 % too little at most."""
    found = surface(laminate((240, 240, 240), 20, axis, spacing), spacing)
    assert found == pytest.approx(11 / 240, rel=0.07)


def test_a_boolean_model_has_the_surface_of_its_formula():
    """S = 4 pi r^2 n phi; the same balls, which overlap, meet in edges that voxels round off."""
    phases, intensity = boolean((200, 200, 200), 20, 0.4, SPACINGS[0])
    porosity = (phases == 0).mean()
    found = surface(phases, SPACINGS[0])
    assert found == pytest.approx(intensity * 4 * np.pi * 20**2 * porosity, rel=0.06)


@pytest.mark.parametrize("spacing", [*SPACINGS, (0.5, 1.0, 1.0)])
def test_outlines_one_pixel_off_change_porosity_as_they_do_when_they_are_drawn_so(spacing):
    """A ball, redrawn in every slice with discs half a pixel wider and narrower."""
    size, radius = (100.0, 120.0, 120.0), 40
    phases = ball(size, radius, spacing)
    z, y, x = centres(phases.shape, spacing)
    disc = np.sqrt(np.maximum(0, radius**2 - (z - size[0] / 2) ** 2))
    away = np.hypot(y - size[1] / 2, x - size[2] / 2)
    wide, narrow = (((away < disc + by) & (disc > 0)).mean() for by in (0.5, -0.5))
    found = porosity_per_px_of_slices([*phases, np.full_like(phases[0], NEITHER)], spacing)
    assert found == pytest.approx(wide - narrow, rel=0.04)
    assert found == pytest.approx(np.pi**2 * radius**2 / np.prod(size), rel=0.04)
    assert np.isnan(porosity_per_px_of_slices([], spacing))


@pytest.mark.parametrize("spacing", [*SPACINGS, (50.0, 10.0, 12.0), (5.0, 10.0, 10.0)])
def test_the_parts_of_the_circle_are_all_of_it(spacing):
    weights = weights_in_slices(spacing)
    assert weights.sum() == pytest.approx(1)
    assert np.count_nonzero(weights) == 4


def test_what_is_not_known_has_no_surface_and_no_volume():
    phases = laminate((60, 60, 60), 10, 2, SPACINGS[0])
    wide = np.full((60, 90, 60), NEITHER, np.uint8)
    wide[:, :60] = phases
    assert surface(wide, SPACINGS[0]) == pytest.approx(surface(phases, SPACINGS[0]))


@pytest.mark.parametrize("spacing", [*SPACINGS, (25.0, 10.0, 12.0)])
def test_the_parts_of_the_sphere_are_all_of_it(spacing):
    assert len(set(directions_of(spacing))) == 13
    assert weights_of(spacing).sum() == pytest.approx(1)
    assert weights_of(spacing).min() > 0.02
