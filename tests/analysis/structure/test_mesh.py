import numpy as np
import pytest

from fibsem.analysis.structure import mesh
from fibsem.analysis.structure.film import NEITHER, PORE, SOLID, Film
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


@pytest.mark.parametrize("layers", [32, 3])
def test_there_is_no_surface_where_nothing_is_known(layers, monkeypatch):
    """Rims and lost slices in solid have none; beside them that of a ball is what it was."""
    monkeypatch.setattr(mesh, "LAYERS", layers)
    rimmed = np.full((12, 20, 20), SOLID, np.uint8)
    rimmed[5] = rimmed[:, :3] = rimmed[:, 12:15, 6:9] = rimmed[:, :, -2:] = NEITHER
    assert not list(surface_mesh(Film.of(rimmed), 1.0))
    whole = np.full((30, 20, 20), SOLID, np.uint8)
    whole[4:12, 5:12, 5:12] = PORE
    film = whole.copy()
    film[20] = film[:, -3:] = film[:, :, :2] = NEITHER
    found, expected = (
        {tuple(c) for corners, _ in surface_mesh(Film.of(one), 1.0) for c in corners.tolist()}
        for one in (film, whole)
    )
    assert found == expected


def test_a_cell_is_solid_as_far_as_it_is_known():
    """A lost slice in each cell changes nothing: pores and solid are columns."""
    whole = np.full((12, 16, 16), SOLID, np.uint8)
    whole[:, 4:8, 4:12] = PORE
    film = whole.copy()
    film[::4] = NEITHER
    lost, kept = (list(surface_mesh(Film.of(one), 4.0)) for one in (film, whole))
    assert area(lost) == area(kept) > 0


def test_a_pore_that_is_cut_by_what_is_not_known_is_left_open():
    cut = np.full((8, 8, 8), SOLID, np.uint8)
    cut[2:6, 2:6, 2:6] = PORE
    cut[:, :, 4:] = NEITHER
    (corners, _), = surface_mesh(Film.of(cut), 1.0)  # fmt: skip
    assert corners[:, 0].max() == 3.5  # x, of the middle of the last known cell
    assert set(corners[:, 0].round(3)) <= {2.0, 2.5, 3.5}
