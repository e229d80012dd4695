import numpy as np
import pytest

from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.analysis.structure.surface import (
    Surface,
    directions_of,
    porosity_per_px_of_slices,
    weights_of,
)
from fibsem.analysis.structure.walk import walk
from tests.analysis.structure.shapes import SPACINGS, ball, boolean, laminate


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


@pytest.mark.parametrize("spacing", SPACINGS)
def test_slices_tell_the_surface_of_what_looks_into_all_directions_alike(spacing):
    phases, _ = boolean((160, 160, 160), 16, 0.4, spacing)
    images = [*phases[::4], np.full_like(phases[0], NEITHER)]
    found = porosity_per_px_of_slices(images, spacing)
    assert found == pytest.approx(surface(phases, spacing) * min(spacing), rel=0.12)
    assert np.isnan(porosity_per_px_of_slices([], spacing))


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
