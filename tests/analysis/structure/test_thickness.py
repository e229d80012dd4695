import importlib.util

import numpy as np
import pytest
from scipy import ndimage

from fibsem.analysis.structure import distances, intrusion, thickness
from fibsem.analysis.structure.blocks import spread_blocks
from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.analysis.structure.thickness import (
    PoreSizes,
    diameters_up_to,
    local_thickness,
    radius_of,
    thickness_of_blocks,
)
from fibsem.geometry import Box
from tests.analysis.structure.shapes import SPACINGS, ball, boolean


def opened(pores, radius, spacing):
    """The obvious way: the ball as a structuring element; outside, nothing holds it back."""
    reach = [int(radius / step) for step in spacing]
    z, y, x = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    element = (z * spacing[0]) ** 2 + (y * spacing[1]) ** 2 + (x * spacing[2]) ** 2 < radius**2
    centres = ndimage.binary_erosion(pores, element, border_value=1)
    return ndimage.binary_dilation(centres, element)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_thickness_is_the_largest_ball_of_the_obvious_way(spacing):
    phases, _ = boolean((45, 40, 40), 7, 0.5, spacing)
    diameters = (3.0, 7.0, 11.0, 15.0)
    expected = np.zeros(phases.shape, np.uint8)
    for number, diameter in enumerate(diameters, start=1):
        expected[opened(phases == 0, radius_of(diameter, spacing), spacing)] = number
    expected[phases == 1] = 0
    assert (local_thickness(phases, diameters, spacing) == expected).all()
    assert expected.max() >= 3


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_channel_and_a_ball_have_their_own_size(spacing):
    diameters = diameters_up_to(61.0, spacing, count=16)
    channel = np.ones((20, 60, 60), np.uint8)
    channel[:, :, 20:41] = 0  # 21 pixels
    sizes = local_thickness(channel, diameters, spacing)
    assert np.unique(sizes[channel == 0]).tolist() == [1 + diameters.index(21.0)]
    phases = ball((80, 80, 80), 20.5, spacing)
    found = PoreSizes.of(local_thickness(phases, diameters, spacing), phases == 0, diameters)
    assert found.quantile(0.5) == pytest.approx(41, rel=0.12)


def test_blocks_with_their_halo_find_what_the_whole_film_finds():
    phases, _ = boolean((100, 80, 80), 7, 0.5, SPACINGS[1])
    phases[:, :9] = phases[7] = NEITHER
    film, diameters = Film.of(phases, SPACINGS[1]), (3.0, 7.0, 11.0, 15.0)
    whole = local_thickness(phases, diameters, film.spacing)
    assert whole.max() == 4
    sums = PoreSizes(diameters, (0,) * 5)
    blocks = list(Box.whole(film.shape).tiles((6, 30, 30)))
    for block, sizes, part in thickness_of_blocks(film, blocks, diameters):
        assert (sizes == whole[block.slices]).all()
        sums = sums + part
    assert sums == PoreSizes.of(whole, phases == 0, diameters)


def test_a_halo_of_one_radius_is_not_enough():
    """The test above would see it: a ball may reach from a centre outside of the block."""
    phases, _ = boolean((100, 80, 80), 7, 0.5, SPACINGS[1])
    whole = local_thickness(phases, (15.0,), SPACINGS[1])
    alone = local_thickness(phases[:, :38], (15.0,), SPACINGS[1])
    assert (alone[:, :30] != whole[:, :30]).any()


def test_quantiles_lie_between_the_diameters():
    sizes = PoreSizes((10.0, 20.0, 40.0), (0, 50, 25, 25))
    assert sizes.at_least == (1.0, 0.5, 0.25)
    assert sizes.quantile(0.5) == 20.0
    assert sizes.quantile(0.625) == 30.0
    assert np.isnan(PoreSizes((10.0,), (0, 0)).quantile(0.5))


def test_of_pores_that_no_ball_reaches_there_is_no_size():
    """Between nothing and the smallest ball there is nothing."""
    sizes = PoreSizes((10.0, 20.0, 40.0), (60, 20, 10, 10))
    assert np.isnan(sizes.quantile(0.1))
    assert np.isnan(sizes.quantile(0.5))
    assert sizes.quantile(0.8) == 20.0
    assert np.isnan(PoreSizes((10.0, 20.0), (9, 0, 0)).quantile(0.9))


def test_no_solid_is_no_end_of_room():
    assert (local_thickness(np.zeros((4, 5, 6), np.uint8), (3.0, 50.0), SPACINGS[0]) == 2).all()


@pytest.mark.skipif(importlib.util.find_spec("edt") is None, reason="edt is not installed")
@pytest.mark.parametrize("spacing", [*SPACINGS, (50.0, 10.0, 12.0)])
def test_both_distance_transforms_agree(spacing, monkeypatch):
    mask = np.random.default_rng(0).random((20, 30, 40)) > 0.99
    fast = distances.distance_to(mask, spacing)
    monkeypatch.setattr(distances, "find_spec", lambda name: None)
    assert fast == pytest.approx(distances.distance_to(mask, spacing), rel=1e-6)


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("pixel", [1.1, 4.7, 7.3, 9.9])
def test_what_fits_exactly_does_so_at_every_size_of_a_pixel(pixel, below, monkeypatch):
    """Also where distances come out a bit of float32 too small, as those of edt may."""
    phases, _ = boolean((100, 40, 40), 7, 0.5, SPACINGS[1])
    diameters, spacing = np.array([1.0, 3.0, 5.0, 7.0, 11.0]), tuple(pixel * np.array(SPACINGS[1]))
    expected = _both(phases, diameters, SPACINGS[1])
    if below:
        for module in (thickness, intrusion):
            monkeypatch.setattr(module, "distance_to", _a_bit_less)
    for found, one in zip(_both(phases, pixel * diameters, spacing), expected, strict=True):
        assert (found == one).all()


def _both(phases, diameters, spacing):
    sizes = local_thickness(phases, diameters, spacing)
    return sizes, intrusion.intruded(phases, diameters, spacing, "x0")


def _a_bit_less(mask, spacing):
    return np.nextafter(distances.distance_to(mask, spacing), np.float32(0))


@pytest.mark.parametrize("count", [1, 4, 8, 27])
def test_blocks_are_spread_and_do_not_overlap(count):
    film = Film.of(np.zeros((40, 300, 400), np.uint8), (50.0, 10.0, 10.0))
    blocks = spread_blocks(film, 20_000, count)
    assert count // 2 <= len(blocks) <= count
    assert all(block.inside(film.shape) and block.size <= 20_000 for block in blocks)
    assert not any(a.overlaps(b) for a in blocks for b in blocks if a is not b)
    sides = {tuple(n * s for n, s in zip(b.shape, film.spacing, strict=True)) for b in blocks}
    assert len(sides) == 1
    assert max(*sides) / min(*sides) < 1.2


def test_a_film_smaller_than_a_block_is_one():
    film = Film.of(np.zeros((4, 30, 40), np.uint8), (50.0, 10.0, 10.0))
    assert spread_blocks(film, 1_000_000, 8) == [Box.whole(film.shape)]


def test_sizes_in_thick_slices_are_as_sure_as_a_slice():
    """What docs/structure.md says of plates and of a ball in slices of five pixels."""
    spacing, diameters = (5.0, 1.0, 1.0), tuple(float(d) for d in range(1, 60, 2))

    def sizes_of(pores):
        phases = np.where(pores, 0, 1).astype(np.uint8)
        return PoreSizes.of(local_thickness(phases, diameters, spacing), pores, diameters)

    for slices, told in ((1, 9), (2, 9), (3, 19), (4, 19)):
        plate = np.zeros((12, 30, 30), bool)
        plate[4 : 4 + slices] = True
        sizes = sizes_of(plate[:, 12:18, 12:18])
        assert sizes.at_least[diameters.index(told)] == 1
        assert sizes.at_least[diameters.index(told) + 1] == 0
        assert abs(told - 5 * slices) <= 5
    z, y, x = (np.arange(n) - (n - 1) / 2 for n in (12, 60, 60))
    ball = (5 * z[:, None, None]) ** 2 + y[:, None] ** 2 + x**2 < 20**2
    assert sizes_of(ball).quantile(0.5) == pytest.approx(34, abs=1)
