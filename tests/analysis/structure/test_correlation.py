import numpy as np
import pytest

from fibsem.analysis.structure.correlation import PairCounts
from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.analysis.structure.walk import walk
from tests.analysis.structure.shapes import SPACINGS, boolean


def correlation(phases, spacing, reach):
    film = Film.of(phases, spacing)
    pairs = PairCounts(film, reach)
    walk(film, [pairs], slab=4)
    return pairs


def test_pairs_are_counted_as_by_hand():
    phases = np.random.default_rng(0).integers(0, 3, (9, 20, 30)).astype(np.uint8)
    result = correlation(phases, (5.0, 1.0, 1.0), 100).result
    for axis, name in enumerate("zyx"):
        spacing = (5, 1, 1)[axis]
        assert max(result[name].lags) == phases.shape[axis] // 2 * spacing
        for lag, share in zip(result[name].lags, result[name].both, strict=True):
            lines, k = np.moveaxis(phases, axis, 0), int(lag / spacing)
            one, other = lines[: len(lines) - k], lines[k:]
            known = (one != NEITHER) & (other != NEITHER)
            assert share == ((one == 0) & (other == 0)).sum() / known.sum()


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_boolean_model_has_the_correlation_of_its_formula(spacing):
    radius, porosity = 15, 0.4
    phases, intensity = boolean((200, 200, 200), radius, porosity, spacing)
    for one in correlation(phases, spacing, 50).result.values():
        h = np.minimum(one.lags, 2 * radius)
        both = 4 / 3 * np.pi * radius**3 * (1 - 3 * h / (4 * radius) + h**3 / (16 * radius**3))
        expected = porosity**2 * np.exp(intensity * both)
        # as far as a film of this size tells: its own porosity is 0.02 from that of the model
        assert one.both == pytest.approx(expected, abs=0.03)
