import numpy as np
import pytest

from fibsem.analysis.structure.chords import ChordLengths
from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.analysis.structure.walk import walk
from tests.analysis.structure.shapes import SPACINGS, boolean, laminate


def chords(phases, spacing=(1.0, 1.0, 1.0)):
    film = Film.of(np.asarray(phases, np.uint8), spacing)
    lengths = ChordLengths(film)
    walk(film, [lengths], slab=3)
    return lengths


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_chords_across_layers_are_as_long_as_the_layers(axis):
    result = chords(laminate((200, 100, 100), 20, axis, SPACINGS[1]), SPACINGS[1]).result
    across = result["zyx"[axis]]
    assert (across.mean, across.quantile(0.5), across.beyond) == (20.0, 20.0, 0.0)
    assert np.flatnonzero(across.ended).tolist() == [20 // SPACINGS[1][axis]]
    along = result["zyx"[axis - 1]]
    assert along.count == 0  # they begin nowhere
    assert np.isnan(along.mean)


def test_every_kind_of_chord_by_hand():
    line = [0, 0, 1, 0, 0, 0, 1, 0, NEITHER, 0, 1, 0, 0]
    for axis in range(3):
        phases = np.moveaxis(np.array(line).reshape(1, 1, -1), 2, axis)
        found = chords(phases)
        one = found.result["zyx"[axis]]
        # begun at the border or at what is unknown: none; ended: 3; cut: 1 and 2
        assert np.flatnonzero(one.ended).tolist() == [3]
        assert np.flatnonzero(one.cut).tolist() == [1, 2]
        assert found.longest[axis] == 3


def test_chords_that_a_small_film_cuts_off_do_not_shorten_the_mean():
    """Voxels at random have chords of geometric length, mean 1 / (1 - 0.9)."""
    phases = np.random.default_rng(0).random((60, 300, 12)) > 0.9
    result = chords(phases).result
    assert result["y"].mean == pytest.approx(10, rel=0.03)
    short = result["x"]  # the film is hardly longer than a chord
    ended = (short.ended * np.arange(13)).sum() / short.ended.sum()
    assert ended < 4
    # longer ones are cut: of them the share is known
    assert short.beyond == pytest.approx(0.9**10, abs=0.02)
    assert short.quantile(0.5) == 7
    assert np.isnan(short.quantile(0.9))


def test_chords_of_a_boolean_model_are_exponential():
    phases, intensity = boolean((200, 200, 200), 20, 0.4, SPACINGS[0], seed=2)
    mean = 1 / (intensity * np.pi * 20**2)
    for one in chords(phases).result.values():
        assert one.mean == pytest.approx(mean, rel=0.08)
        assert one.quantile(0.5) == pytest.approx(mean * np.log(2), rel=0.1)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("line", "longest"),
    [
        ([1, 0, 0, 0, 1, 0, 1], 3),
        ([0, 0, 0, 1, 0, 0, 0, 1], 5),  # mirrored at the border: 3, of which one is on it, and 2
        ([1, 0, 0, 0, 1, 0, 0, NEITHER, 0], 7),
        ([0, 0, 0], np.inf),
        ([1, 1], 0),
    ],
)
def test_rows_that_the_border_cuts_off_do_not_bound_what_fits_there(axis, line, longest):
    phases = np.moveaxis(np.array(line).reshape(1, 1, -1), 2, axis)
    assert chords(phases).longest[axis] == longest
    assert chords(phases, (2.0, 2.0, 2.0)).widest == 2 * (longest + 1)
