from statistics import NormalDist

import numpy as np
import pytest
from scipy import ndimage

from fibsem.analysis.structure import cells as cells_module
from fibsem.analysis.structure.cells import CellCounts, Cells
from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.analysis.structure.integral_range import _covariance, integral_range
from fibsem.analysis.structure.representative import side_for, spread_by_size
from fibsem.analysis.structure.walk import walk
from fibsem.data.phantom import PhantomRecipe
from fibsem.data.phantom.structure import Structure, band_sigmas_nm
from tests.analysis.structure.shapes import SPACINGS, boolean


def cells(phases, spacing=(1.0, 1.0, 1.0)):
    film = Film.of(phases, spacing)
    counts = CellCounts(film)
    walk(film, [counts])
    return counts.cells


def expected(radius, porosity, intensity):
    """Integral of the covariance of a Boolean model over its variance."""
    h = np.linspace(0, 2 * radius, 2001)
    both = 4 / 3 * np.pi * radius**3 * (1 - 3 * h / (4 * radius) + h**3 / (16 * radius**3))
    covariance = porosity**2 * np.expm1(intensity * both)
    return np.trapezoid(4 * np.pi * h**2 * covariance, h) / (porosity * (1 - porosity))


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_integral_range_of_a_boolean_model_is_that_of_its_formula(spacing, monkeypatch):
    """Of one film a third off at most, of four a sixth: the sum has an error of its own."""
    monkeypatch.setattr(cells_module, "MOST_CELLS", 2**16)  # of half a radius
    found, sds, porosities = [], [], []
    for seed in range(4):
        phases, intensity = boolean((160, 160, 160), 8, 0.4, spacing, seed)
        one = integral_range(cells(phases, spacing))
        found.append(one.volume)
        sds.append(one.sd)
        porosities.append((phases == 0).mean())
    exact = expected(8, 0.4, intensity)
    assert found == pytest.approx([exact] * 4, rel=0.34)
    assert np.mean(found) == pytest.approx(exact, rel=0.17)
    assert np.mean(sds) == pytest.approx(np.sqrt(0.24 * exact / 160**3), rel=0.1)


def test_the_porosity_of_films_varies_as_their_integral_range_says(monkeypatch):
    monkeypatch.setattr(cells_module, "MOST_CELLS", 2**13)  # of two voxels, half a radius
    films = [boolean((40, 40, 40), 4, 0.5, SPACINGS[0], seed)[0] for seed in range(40)]
    spread = np.std([(film == 0).mean() for film in films], ddof=1)
    said = np.sqrt(np.mean([integral_range(cells(film)).sd ** 2 for film in films]))
    assert said == pytest.approx(spread, rel=0.3)  # forty films know their spread to 11 %


def discs(side, radius, seed):
    """A single picture of discs of pores with random centres, two fifths of it."""
    rng, wide = np.random.default_rng(seed), side + 2 * radius
    count = rng.poisson(-np.log(0.6) / (np.pi * radius**2) * wide**2)
    empty = np.ones((wide, wide), bool)
    empty[tuple(rng.integers(0, wide, (2, count)))] = False
    solid = ndimage.distance_transform_edt(empty) > radius
    return solid[radius:-radius, radius:-radius][None].astype(np.uint8)


def test_the_porosity_of_single_pictures_varies_as_their_integral_range_says(monkeypatch):
    """The sum goes as far in a disc as it may in a ball: pores are wider than the film is deep."""
    monkeypatch.setattr(cells_module, "MOST_CELLS", 2**14)  # of three pixels, an eighth of a radius
    films = [discs(384, 24, seed) for seed in range(24)]
    found = [integral_range(cells(film)) for film in films]
    spread = np.std([(film == 0).mean() for film in films], ddof=1)
    assert np.sqrt(np.mean([one.sd**2 for one in found])) == pytest.approx(spread, rel=0.35)


@pytest.mark.parametrize("shape", [(1, 40, 60), (2, 37, 53), (40, 1, 30)])
def test_the_volume_of_a_film_with_large_cells_is_its_own(shape, monkeypatch):
    monkeypatch.setattr(cells_module, "MOST_CELLS", 100)
    found = cells(np.random.default_rng(0).integers(0, 2, shape).astype(np.uint8), (3.0, 1.0, 1.0))
    volume = np.prod(found.size) * found.known_voxels.sum() / found.known_voxels.max()
    assert volume == pytest.approx(3 * np.prod(shape), rel=1e-12)


def test_a_rim_without_material_changes_nothing(monkeypatch):
    monkeypatch.setattr(cells_module, "MOST_CELLS", 2**16)  # of two voxels in both, as the rim is
    phases, _ = boolean((60, 60, 60), 4, 0.4, SPACINGS[0])
    wide = np.full((60, 80, 70), NEITHER, np.uint8)
    wide[:, 10:70, 10:70] = phases
    plain, rimmed = integral_range(cells(phases)), integral_range(cells(wide))
    assert rimmed.volume == pytest.approx(plain.volume, rel=0.05)
    assert rimmed.sd == pytest.approx(plain.sd, rel=0.03)


def test_the_covariance_of_a_lag_is_that_of_all_its_pairs_of_cells():
    """Also of the longest, which a single pair of corners has; where there is none it is 0."""
    rng = np.random.default_rng(0)
    known = np.array(rng.integers(3, 5, (2, 3, 4)), float)
    few = Cells(rng.binomial(known.astype(int), 0.4), known, (1.0, 1.0, 1.0))
    covariance, pairs = _covariance(few)
    away, weight = (few.pores - known * few.porosity) / known.max(), known / known.max()
    for lag in np.ndindex(known.shape):
        here = tuple(slice(0, n - k) for n, k in zip(known.shape, lag, strict=True))
        there = tuple(slice(k, n) for n, k in zip(known.shape, lag, strict=True))
        among = (weight[here] * weight[there]).sum()
        assert pairs[lag] == pytest.approx(among)
        assert covariance[lag] == pytest.approx((away[here] * away[there]).sum() / among)
    assert pairs[0, 0, 4] == covariance[0, 0, 4] == 0


def test_a_film_whose_covariance_cancels_is_not_sure_of_its_material():
    """Its sum is not above zero: that the porosity of such films never varies is not said."""
    board = np.uint8(np.indices((32, 32, 32)).sum(axis=0) % 2)
    told = integral_range(cells(board), cutoff=1.0)
    assert np.isnan([told.sd, told.volume]).all()


def level_cut(recipe, porosity, lags):
    """Covariance of pores of the phantom, whose field has a known correlation, at some lengths."""
    narrow, wide = (s**2 for s in band_sigmas_nm(recipe.feature_nm, recipe.band_ratio))
    parts = [(2 * narrow, 1), (narrow + wide, -2), (2 * wide, 1)]
    whole = sum(k * v**-1.5 for v, k in parts)
    rho = sum(k * v**-1.5 * np.exp(-(lags**2) / (2 * v)) for v, k in parts) / whole
    level = NormalDist().inv_cdf(porosity)
    r = np.linspace(-0.99, 1 - 1e-9, 100_001)
    density = np.exp(-(level**2) / (1 + r)) / (2 * np.pi * np.sqrt(1 - r**2))
    both = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(r))])
    covariance = np.interp(rho, r, both - np.interp(0, r, both))
    return np.where(lags == 0, porosity * (1 - porosity), covariance)


def exact_sd(recipe, porosity):
    """Of the porosity of the phantom's films, from all pairs of voxels."""
    lags = [np.arange(1 - n, n) for n in recipe.shape]
    shares = np.ix_(*(1 - np.abs(k) / n for k, n in zip(lags, recipe.shape, strict=True)))
    z, y, x = np.ix_(*(k * nm for k, nm in zip(lags, recipe.voxel_nm, strict=True)))
    covariance = level_cut(recipe, porosity, np.sqrt(z**2 + y**2 + x**2))
    return np.sqrt((covariance * shares[0] * shares[1] * shares[2]).sum() / np.prod(recipe.shape))


def test_films_of_pores_at_a_usual_distance_say_what_they_vary_by(monkeypatch):
    """Where covariance falls below zero it takes back most of the sum: it must not be cut there."""
    monkeypatch.setattr(cells_module, "MOST_CELLS", 2**14)  # of two voxels, a quarter of a distance
    recipe = PhantomRecipe(
        shape=(48, 48, 48), voxel_nm=(10, 10, 10), feature_nm=80, subplanes=1, squares=3,
        square_px=16, seed=3,
    )  # fmt: skip
    said, porosities = [], []
    for name in map(str, range(12)):
        structure = Structure(recipe, name, 0.3, recipe.shape[1:])
        film = np.stack([~structure.pore(z)[:48, :48] for z in range(48)]).astype(np.uint8)
        said.append(integral_range(cells(film, recipe.voxel_nm)).sd)
        porosities.append((film == 0).mean())
    exact = exact_sd(recipe, 0.3)
    assert np.std(porosities, ddof=1) == pytest.approx(exact, rel=0.45)  # twelve know it to 21 %
    assert np.sqrt(np.nanmean(np.square(said))) == pytest.approx(exact, rel=0.25)


def test_one_class_alone_tells_nothing():
    assert np.isnan(integral_range(cells(np.zeros((20, 20, 20), np.uint8))).volume)


def test_parts_differ_the_less_the_larger_they_are():
    phases, intensity = boolean((160, 160, 160), 5, 0.4, SPACINGS[0])
    spreads = {round(part.side): part for part in spread_by_size(cells(phases))}
    assert spreads[32].parts == 125
    exact = np.sqrt(0.24 * expected(5, 0.4, intensity) / 32**3)
    assert spreads[32].sd == pytest.approx(exact, rel=0.2)
    parts = (phases == 0).reshape(5, 32, 5, 32, 5, 32).mean((1, 3, 5))
    assert spreads[32].sd == pytest.approx(parts.std(ddof=1))


def test_the_volume_that_represents_the_material():
    # 1.96 sd / phi = 0.05
    side = side_for(0.05, 0.3, 500.0)
    assert 1.96 * np.sqrt(0.3 * 0.7 * 500 / side**3) / 0.3 == pytest.approx(0.05)
