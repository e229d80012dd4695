import numpy as np
import pytest

from fibsem.analysis.structure import mesh
from fibsem.analysis.structure.film import Film
from fibsem.analysis.structure.mesh import surface_mesh
from tests.analysis.structure.shapes import SPACINGS, ball


def area(parts):
    found = 0.0
    for corners, triangles in parts:
        a, b, c = np.moveaxis(corners[triangles], 1, 0)
        found += np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    return found


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("cell", [1.0, 5.0])
def test_the_mesh_of_a_ball_lies_on_the_ball(spacing, cell):
    film = Film.of(ball((100.0, 100.0, 100.0), 40.0, spacing), spacing)
    parts = list(surface_mesh(film, cell))
    away = np.concatenate([np.linalg.norm(corners - 50, axis=1) for corners, _ in parts])
    assert away.mean() == pytest.approx(40, abs=0.6)
    assert np.abs(away - 40).max() < 3  # half a slice
    assert area(parts) == pytest.approx(4 * np.pi * 40**2, rel=0.1)


def test_a_coarser_mesh_has_fewer_triangles():
    film = Film.of(ball((100.0, 100.0, 100.0), 40.0, SPACINGS[0]), SPACINGS[0])
    fine, coarse = (sum(len(t) for _, t in surface_mesh(film, cell)) for cell in (1, 4))
    assert fine > 12 * coarse


def test_parts_are_one_mesh(monkeypatch):
    film = Film.of(ball((60.0, 60.0, 60.0), 20.0, SPACINGS[0]), SPACINGS[0])
    monkeypatch.setattr(mesh, "LAYERS", 60)
    (whole,) = surface_mesh(film, 1.0)
    monkeypatch.setattr(mesh, "LAYERS", 7)
    parts = list(surface_mesh(film, 1.0))
    assert len(parts) > 3
    assert area(parts) == pytest.approx(area([whole]), rel=1e-5)
    corners = {tuple(c) for part, _ in parts for c in part.round(3).tolist()}
    assert corners == {tuple(c) for c in whole[0].round(3).tolist()}
