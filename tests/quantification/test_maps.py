"""Volumes that are looked at hold what was measured, whatever size it has."""

import numpy as np
import pytest

from fibsem.analysis.structure.film import PORE, SOLID, Film
from fibsem.quantification.maps import write_thickness
from tests.conftest import labels


@pytest.mark.parametrize("pixel", [0.1, 1.0, 30_000.0])
def test_the_thickness_of_a_channel_is_told_at_any_size(tmp_path, pixel):
    """As whole numbers of 16 bits it was 0 below half a nanometre, and wrapped above 65535."""
    film = np.full((8, 30, 30), SOLID, np.uint8)
    film[:, :, 10:15] = PORE
    diameters = (pixel, 3 * pixel, 5 * pixel, 7 * pixel)
    sized = Film.of(film, (pixel,) * 3)
    name = write_thickness(sized, tmp_path, diameters, (None,) * 3, lambda *_: None)
    thick = labels(tmp_path / name)
    assert thick[film == PORE] == pytest.approx(5 * pixel)
    assert (thick[film == SOLID] == 0).all()
