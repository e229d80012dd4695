"""Porosity corrected by a film's own test squares; squares of others do not count."""

from dataclasses import replace

import pytest

from fibsem.analysis.intervals import difference_estimate, labelled_over_mapped
from fibsem.analysis.labelled_squares import map_error
from fibsem.analysis.metrics import Confusion
from fibsem.inference.options import Options
from fibsem.inference.volume.porosity.interval import corrected_porosity
from fibsem.inference.volume.porosity.reading import Reading
from fibsem.inference.volume.porosity.tested import FilmSquares
from tests.inference.volume.porosity.test_tested import ROWS, film, is_of, squares_of


@pytest.fixture
def own():
    return squares_of(film(0))


def test_the_interval_is_that_of_the_films_own_squares(own):
    other = replace(own, sample="B", slices={0: "another"})
    told = corrected_porosity(own, 0.3, [other, own], Options())
    estimate = difference_estimate(0.3, own.squares)
    assert told.porosity == estimate.porosity
    interval = told.interval
    assert interval.volume == estimate.interval
    assert (interval.squares, interval.degrees, interval.why) == (7, 6, None)
    assert interval.post_stratified.volume[0] < interval.post_stratified.porosity
    assert set(interval.others) == {"B"}
    assert interval.labelled_over_mapped == labelled_over_mapped(own.squares)


def test_labels_in_bfloat16_widen_the_interval_by_the_share_that_is_changed(own):
    """Squares were scored in float32, and know nothing of the labels that rounding changes."""
    exact, rough = (
        corrected_porosity(own, 0.3, [own], Options(), 0.05, rounded=share)
        for share in (0.0, 0.002)
    )
    assert rough.porosity == exact.porosity
    exact, rough = exact.interval, rough.interval
    assert (exact.widened_by, rough.widened_by) == (0.0, 0.002)
    for one, other in ((exact, rough), (exact.post_stratified, rough.post_stratified)):
        assert other.volume[1] == pytest.approx(one.volume[1] + 0.002)
        assert other.volume[0] == pytest.approx(max(0, one.volume[0] - 0.002))
        assert other.one_pixel_off[1] == pytest.approx(one.one_pixel_off[1] + 0.002)
    none = corrected_porosity(None, 0.3, [own], Options())
    assert none.interval.widened_by is None


def test_outlines_one_pixel_off_stand_beside_the_interval(own):
    found = corrected_porosity(own, 0.3, [own], Options(), 0.05).interval
    low, high = found.volume
    assert low < 0.05  # and no porosity is below 0
    assert found.one_pixel_off == (0.0, pytest.approx(high + 0.05))
    beside = found.post_stratified
    assert beside.one_pixel_off[1] == pytest.approx(beside.volume[1] + 0.05)
    none = corrected_porosity(own, 0.3, [own], Options()).interval
    assert none.one_pixel_off is None
    assert corrected_porosity(None, 0.3, [own], Options(), 0.05).interval.one_pixel_off is None


@pytest.mark.parametrize("volume", [film(1), film(0, depth=5)])
def test_squares_of_another_film_tell_no_interval_and_are_shown(own, volume):
    assert not is_of(own, volume)
    told = corrected_porosity(None, 0.3, [own], Options())
    assert told.porosity is None
    assert told.interval.volume is None
    assert "not tested on squares of this film" in told.interval.why
    assert told.interval.others["A"].bias == pytest.approx(map_error(own.squares).bias)


def test_too_few_squares_tell_none(own):
    few = replace(own, squares=own.squares[:5])
    told = corrected_porosity(few, 0.3, [few], Options()).interval
    assert told.volume is None
    assert told.why == "the test squares lie in 5 places, 6 are needed"


def test_squares_above_each_other_are_too_few_by_their_places():
    """A hundred of them in five places: the reason named five squares, which nobody had drawn."""
    rows = [replace(row, at=(z, *row.at[1:])) for row in ROWS[:15:3] for z in range(20)]
    many = squares_of(film(0), rows)
    assert many.unfit(0.3) == "the test squares lie in 5 places, 6 are needed"
    none = replace(many, squares=())
    assert none.unfit(0.3) == "the film has no test squares, in 6 places they are needed"


def test_squares_on_which_the_map_errs_alike_tell_no_interval(own):
    """Six squares of solid that are mapped as solid: 0.40 % [0.40, 0.40] was told of the film."""
    solid = replace(own, squares=(Confusion(((0, 0), (0, 100))),) * 6)
    told = corrected_porosity(solid, 0.004, [solid], Options())
    assert told.porosity is None
    assert told.interval.why == (
        "the map errs alike on all test squares: they show no spread to tell one from"
    )
    one_pixel = replace(own, squares=(*solid.squares[1:], Confusion(((0, 1), (0, 99)))))
    low, high = one_pixel.interval(0.004).corrected.interval
    assert low < 0.004 < high


def test_squares_that_were_drawn_where_pores_are_correct_no_film(own):
    """About 55 % of them is mapped as pore, give or take 14 from place to place."""
    told = corrected_porosity(own, 0.01, [own], Options())
    assert told.porosity is None
    found = told.interval
    assert found.volume is None
    assert found.why == (
        "the map has 54.8 % pores on the test squares and 1.0 % in the film: they do not lie in it "
        "by chance"
    )
    assert own.interval(0.01) is None
    assert own.interval(0.3) is not None


def test_what_the_squares_do_not_know_is_not_told(own):
    told = corrected_porosity(own, 0.3, [own], Options(min_volume_nm3=1e6))
    assert told.porosity is None
    assert "min_volume_nm3" in told.interval.why
    told = corrected_porosity(own, 0.3, [own], Options(symmetry=2))
    assert told.porosity is None
    assert "scored in one view" in told.interval.why
    told = corrected_porosity(None, 0.3, [], Options(), models=2)
    assert "of one model, and not of the mean of 2" in told.interval.why
    told = corrected_porosity(None, 0.3, [], Options())
    assert "no test squares" in told.interval.why


@pytest.mark.parametrize(
    ("mine", "theirs", "why"),
    [
        (("auto", 0, (0, 255)), ("auto", 0, (0, 255)), None),
        (("auto", 0, (0, 255)), ("all", 0, (0, 255)), None),  # nothing was found
        (("auto", 9, (0, 255)), ("all", 0, (0, 255)), "valid=auto, and not with valid=all"),
        (("mask a", 9, (0, 255)), ("auto", 0, (0, 255)), "valid=PATH of a mask, and not with v"),
        (("mask a", 9, (0, 255)), ("mask b", 9, (0, 255)), "another mask"),
        (("all", 0, (0, 255)), ("all", 0, (0, 99.5)), r"range=[0,255], and not with range=[0,99.5"),
    ],
)
def test_squares_of_a_film_that_was_read_otherwise_are_of_another_map(own, mine, theirs, why):
    own = replace(own, reading=Reading(*mine))
    assert FilmSquares.from_json(own.to_json()) == own
    told = corrected_porosity(own, 0.3, [own], Options(), reading=Reading(*theirs))
    assert (told.porosity is None) == (why is not None)
    assert told.interval.why is None if why is None else why in told.interval.why


def test_squares_that_do_not_know_how_their_film_was_read_count(own):
    older = {key: value for key, value in own.to_json().items() if key != "reading"}
    old = FilmSquares.from_json(older)
    told = corrected_porosity(old, 0.3, [old], Options(), reading=Reading("all", 0, (0, 99)))
    assert told.porosity is not None
