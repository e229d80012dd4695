import numpy as np
import pytest

from fibsem.analysis.structure.intrusion import FACES, intruded
from fibsem.analysis.structure.thickness import local_thickness
from tests.analysis.structure.shapes import SPACINGS, boolean


def bottle(spacing):
    """A wide chamber behind a narrow throat that opens to the first column."""
    phases = np.ones((round(60 / spacing[0]), 60, 80), np.uint8)
    phases[:, 28:33, :30] = 0  # a slit of 5 pixels
    phases[:, 15:46, 30:70] = 0  # a chamber of 31
    return phases


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_chamber_behind_a_throat_is_as_wide_as_the_throat(spacing):
    phases, diameters = bottle(spacing), (3.0, 5.0, 9.0, 31.0)
    chamber = phases.shape[0] // 2, 30, 50
    assert local_thickness(phases, diameters, spacing)[chamber] == 4
    from_throat = intruded(phases, diameters, spacing, "x0")
    assert from_throat[chamber] == 2
    assert from_throat[phases == 0].min() >= 1
    assert (intruded(phases, diameters, spacing, "x1") == 0).all()  # closed on that side
    assert (intruded(phases[:, :, ::-1], diameters, spacing, "x1")[:, :, ::-1] == from_throat).all()


def test_nothing_comes_further_than_it_has_room():
    phases, _ = boolean((60, 60, 60), 6, 0.5, SPACINGS[1])
    diameters = (1.0, 5.0, 9.0, 13.0)
    room = local_thickness(phases, diameters, SPACINGS[1])
    for face in FACES:
        assert (intruded(phases, diameters, SPACINGS[1], face) <= room).all()
