import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.corrected import CorrectedVolume, reflected
from fibsem.data.preprocessing import (
    Recipe,
    evenly_spaced,
    fit_correction,
    mean_profile,
    read_material,
)
from fibsem.data.volumes import ArrayVolume
from fibsem.errors import UserError
from fibsem.geometry import Box

SHAPE = (5, 40, 60)


def tilted(slope, axis):
    """Noise with a straight line along an axis, float32 in [0, 1]."""
    rng = np.random.default_rng(1)
    position = np.arange(SHAPE[axis]) - (SHAPE[axis] - 1) / 2
    line = slope * (position[:, None] if axis == 1 else position)
    return (0.5 + line + 0.05 * rng.standard_normal(SHAPE)).astype(np.float32)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_the_line_is_found_and_removed_along_the_chosen_axis(axis):
    """Thesis 3.2: subtract the line, keep the mean."""
    array = tilted(0.003, 1 if axis == "y" else 2)
    volume = ArrayVolume(array)
    correction = fit_correction(volume, Recipe(axis, "none"))
    assert correction.slope == pytest.approx(0.003, rel=0.05)
    corrected = correction.apply(array, Box.whole(SHAPE))
    assert corrected.mean() == pytest.approx(array.mean(), abs=1e-5)
    assert mean_profile(
        read_material(ArrayVolume(np.clip(corrected, 0, 1))), axis
    ).slope == pytest.approx(0, abs=1e-5)


def test_the_other_axis_is_left_alone():
    correction = fit_correction(ArrayVolume(tilted(0.003, 1)), Recipe("x", "none"))
    assert abs(correction.slope) < 3e-4


def test_least_squares_is_numpys():
    array = tilted(0.002, 2)
    profile = array.mean(axis=(0, 1), dtype=np.float64)
    slope, _ = np.polyfit(np.arange(60), profile, 1)
    assert mean_profile(read_material(ArrayVolume(array)), "x").slope == pytest.approx(
        slope, rel=1e-6
    )


def test_scalings():
    array = tilted(0.001, 2)
    volume, whole = ArrayVolume(array), Box.whole(SHAPE)

    def scaled(how):
        return fit_correction(volume, Recipe("x", how)).apply(array, whole)

    assert scaled("standardise").mean() == pytest.approx(0, abs=1e-4)
    assert scaled("standardise").std() == pytest.approx(1, abs=1e-4)
    assert scaled("minmax").min() == pytest.approx(0, abs=1e-6)
    assert scaled("minmax").max() == pytest.approx(1, abs=1e-6)
    counts, edges = np.histogram(scaled("mode"), 60)
    assert edges[counts.argmax()] == pytest.approx(1, abs=0.1)
    np.testing.assert_array_equal(
        fit_correction(volume, Recipe("none", "none")).apply(array, whole), array
    )


@pytest.mark.parametrize("gradient", ["none", "x"])
@pytest.mark.parametrize("clipped", [0, 255])
def test_saturated_grey_values_are_no_mode(gradient, clipped):
    """Half of the film is black pores, or white: the mode is that of the rest."""
    rng = np.random.default_rng(3)
    grey = np.clip(rng.normal(150, 4, SHAPE), 1, 254).astype(np.uint8)
    pores = rng.random(SHAPE) < 0.6
    grey[pores] = clipped
    correction = fit_correction(ArrayVolume(grey), Recipe(gradient, "mode"))
    assert correction.scale == pytest.approx(150 / 255, rel=0.03)
    only = np.where(pores, np.uint8(0), np.uint8(255))
    with pytest.raises(UserError, match="is constant where it is not saturated"):
        fit_correction(ArrayVolume(only), Recipe("none", "mode"))


def test_a_constant_volume_cannot_be_standardised():
    flat = ArrayVolume(np.full(SHAPE, 7, np.uint8))
    with pytest.raises(
        UserError, match=r"constant .*; .* a model trained with preprocess\.scaling=none"
    ):
        fit_correction(flat, Recipe())


@pytest.mark.parametrize("bad", [{"gradient": "z"}, {"scaling": "per patch"}])
def test_unknown_recipes_are_refused(bad):
    with pytest.raises(UserError, match="must be one of"):
        Recipe(**bad)


@given(st.integers(1, 300), st.integers(1, 40))
def test_evenly_spaced_slices(depth, most):
    chosen = evenly_spaced(depth, most)
    assert len(chosen) == len(set(chosen)) <= most
    assert set(chosen) <= set(range(depth))
    if most > 1:
        assert {0, depth - 1} <= set(chosen)


@given(st.integers(1, 30), st.integers(0, 70))
def test_reflection_is_numpys(n, beyond):
    expected = np.pad(np.arange(n), beyond, mode="reflect" if n > 1 else "edge")
    np.testing.assert_array_equal(reflected(-beyond, n + beyond, n), expected)


@given(st.data())
def test_any_box_is_part_of_the_padded_correction(data):
    """A pixel has one value, whichever box it is read in."""
    rng = np.random.default_rng(0)
    array = rng.integers(0, 255, (3, 9, 11)).astype(np.uint8)
    volume = ArrayVolume(array)
    corrected = CorrectedVolume(volume, fit_correction(volume, Recipe("x", "standardise")))
    pad = 12
    whole = corrected.read(Box((-pad,) * 3, (3 + pad, 9 + pad, 11 + pad)))
    start = data.draw(st.tuples(*[st.integers(-pad, n) for n in array.shape]))
    extent = data.draw(st.tuples(*[st.integers(1, 8) for _ in array.shape]))
    stop = tuple(min(a + e, n + pad) for a, e, n in zip(start, extent, array.shape, strict=True))
    inner = tuple(slice(a + pad, b + pad) for a, b in zip(start, stop, strict=True))
    np.testing.assert_array_equal(corrected.read(Box(start, stop)), whole[inner])


@pytest.mark.parametrize("scaling", ["none", "standardise"])
@pytest.mark.parametrize("value_range", [(0, 1), (300, 400), None])
def test_a_film_that_shows_one_value_is_no_film(scaling, value_range):
    """All beyond the range is the white, or the black, of it: no figure follows from that."""
    grey = np.full((3, 8, 9), 7, np.uint8)
    grey[1:] += np.uint8(value_range is not None)
    volume = ArrayVolume(grey, value_range=value_range)
    with pytest.raises(UserError, match=r"vary.* is constant"):
        fit_correction(volume, Recipe(gradient="none", scaling=scaling))
