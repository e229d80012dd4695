"""Films that were put together wrongly are said to be, whatever else is right with them."""

import numpy as np
import pytest
from scipy import ndimage

from fibsem.data.material import odd_in
from fibsem.data.volumes import ArrayVolume


def porous(seed=0, correlated=2.0):
    """A film of blobs in noise, (32, 96, 112) uint8."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(32, 96, 112)), (correlated, 4, 4))
    grey = np.where(smooth > np.quantile(smooth, 0.3), 150, 90) + rng.normal(0, 8, smooth.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


FILM, OTHER = porous(), porous(1)
HALF, DARKER, INVERTED = FILM[:16], FILM[:16] // 2 + 20, 240 - FILM[:16] // 2


def in_turn(*stacks):
    return np.stack(stacks, 1).reshape(-1, *FILM.shape[1:])


def every_fourth():
    film = FILM.copy()
    film[::4] = film[::4] // 2 + 20
    return film


PUT_TOGETHER = {
    "two detectors": (in_turn(HALF, DARKER), "slices are of 2 kinds in turn, every second alike"),
    "one inverted": (in_turn(HALF, INVERTED), "slices are of 2 kinds in turn"),
    "one mirrored": (in_turn(HALF, HALF[:, ::-1]), "slices are of 2 kinds in turn"),
    "three": (in_turn(HALF, DARKER, INVERTED), "slices are of 3 kinds in turn, every third"),
    "every fourth": (every_fourth(), "slices are of 4 kinds in turn, every fourth alike"),
    "every slice twice": (np.repeat(HALF, 2, 0), "16 of 32 slices are the same as the one before"),
    "twice": (
        np.concatenate([HALF, HALF]),
        "slices 16, 17, 18, 19, 20, 21, 22, 23 and 8 more are the same as earlier ones, such as 16 "
        "as 0",
    ),
    "one again": (
        np.insert(FILM, 22, FILM[20], 0),
        "slice 22 is the same as earlier ones, such as 22 as 20",
    ),
    "two films": (
        np.concatenate([HALF, OTHER[16:]]),
        "the film jumps between slices 15 and 16, which have less in common",
    ),
    "a part back to front": (
        np.concatenate([FILM[:10], FILM[10:20][::-1], FILM[20:]]),
        "the film jumps between slices 9 and 10, 19 and 20, which",
    ),
}


@pytest.mark.parametrize(("film", "said"), PUT_TOGETHER.values(), ids=PUT_TOGETHER)
def test_films_that_were_put_together_wrongly_are_said_to_be(film, said):
    (line,) = odd_in(ArrayVolume(film))
    assert line.startswith(said)


@pytest.mark.parametrize("correlated", [0.0, 0.7, 2.0])
def test_nothing_is_said_of_steps_that_a_film_may_have(correlated):
    """Brightness that steps up is another thing; slices that were left out are no jump."""
    film = porous(2, correlated)
    brighter = film + np.uint8(20) * (np.arange(32) >= 17)[:, None, None].astype(np.uint8)
    assert all("kinds" not in line for line in odd_in(ArrayVolume(brighter)))
    film[12:20] = 0
    assert list(odd_in(ArrayVolume(film))) == []
