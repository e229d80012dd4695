"""The picture of a training: the same part for all networks, small, and right to the pixel."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from fibsem.analysis.figures.style import PORE, SOLID
from fibsem.inference.model.predict import BlockScorer
from fibsem.models import untrained
from fibsem.training.scoring.picture import (
    FALSE,
    GAP,
    MISSED,
    RIGHT,
    SIDE,
    ZOOM,
    draw_square,
    panels,
    read_square,
    side_by_side,
)


def test_what_is_wrong_has_the_colour_of_its_kind():
    grey = np.linspace(0, 1, 6, dtype=np.float32).reshape(1, 6)
    labels = np.array([[0, 0, 1, 1, 255, 255]], np.uint8)
    solid = np.array([[0.2, 0.8, 0.9, 0.1, 0.9, 0.1]], np.float32)
    shown, drawn, probability, wrong = panels(grey, labels, solid)
    assert (shown[0, 0, 0], shown[0, -1, 0]) == (0, 255)
    assert drawn[0, :, 0].tolist() == [0, 0, 255, 255, 128, 128]
    assert probability[0, :, 1].tolist() == [51, 204, 230, 26, 230, 26]
    white = (255, 255, 255)
    assert [tuple(p) for p in wrong[0]] == [RIGHT, MISSED, RIGHT, FALSE, white, white]
    found_pore, found_solid = (to_hex(np.divide(colour, 255)).upper() for colour in (FALSE, MISSED))
    assert (found_pore, found_solid) == (PORE, SOLID)  # as the figures of a promotion have them


@pytest.fixture
def drawn(material, tmp_path):
    """Function (seconds per gigapixel, *overrides) -> the picture as an array; None of none."""

    def make(cost, *overrides):
        mine = material("model=threshold", *overrides)
        scorer = BlockScorer(mine.config.spec, untrained(mine.config.spec))
        path = draw_square(mine.fixed("val").windows, mine.volumes, scorer, cost, tmp_path)
        return None if path is None else np.asarray(Image.open(path))

    return make


@pytest.mark.parametrize("how", ["pieces", "lattice"])
def test_networks_of_any_neighbourhood_are_shown_on_one_part(drawn, how):
    small, large = (
        drawn(1, f"nbhd={nbhd}", f"train.validation={how}") for nbhd in ("11x11x1", "33x33x3")
    )
    height, width, _ = small.shape
    assert height <= SIDE * ZOOM
    assert width <= 4 * SIDE * ZOOM + 3 * GAP
    side = (width - 3 * GAP) // 4 + GAP
    np.testing.assert_array_equal(small[:, side : 2 * side], large[:, side : 2 * side])  # labels


def test_a_slow_model_is_shown_on_less_and_a_very_slow_one_not_at_all(drawn):
    assert drawn(0.5e9 / 16**2).shape[0] == 16 * ZOOM
    assert drawn(0.5e9 / 4**2) is None


def test_a_picture_is_taken_apart_as_it_was_put_together(tmp_path):
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 256, (9, 13, 3), np.uint8) for _ in range(4)]
    file = tmp_path / "square.png"
    Image.fromarray(side_by_side(parts)).save(file)
    np.testing.assert_array_equal(read_square(file), parts)
    Image.fromarray(side_by_side(parts[:3])).save(file)
    with pytest.raises(ValueError, match="does not have four panels"):
        read_square(file)
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(ValueError, match="is damaged"):
        read_square(file)
