"""How far seeds are apart on a film is told with the squares of that film."""

from dataclasses import replace

import pytest

from fibsem.inference.volume.porosity.by_seed import porosity_by_seed
from fibsem.inference.volume.porosity.tested import FilmSquares
from tests.inference.volume.porosity.test_tested import film, squares_of


@pytest.fixture
def own():
    return squares_of(film(0))


def test_seeds_that_a_promotion_ranked_by_travel_with_the_squares(own):
    told = replace(own, seeds=(0.3, 0.32, 0.31))
    assert FilmSquares.from_json(told.to_json()) == told
    other = replace(own, sample="B")
    found = porosity_by_seed(told, [told, other])
    assert (found.seeds, found.why, found.others) == (3, None, {})
    assert found.sd == pytest.approx(0.01)
    for none in (other, None):
        found = porosity_by_seed(none, [told, other])
        assert found.sd is None
        assert found.each is None
        assert found.why == "on this film"
        assert found.others == {"A": pytest.approx(0.01)}
    assert porosity_by_seed(own, [own]).why == "promote rank.k=2 does"
