"""Slices whose numbers are not even stand in the order of these, or nobody says in which."""

import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem.data.volumes.series.numbering import numbered
from fibsem.errors import UserError

MORNING = ["2024-01-15_11-05-59 AM", "2024-01-15_01-05-59 PM", "2024-01-15_02-05-59 PM"]
FORMS = ["{:g}", "{:.3f}", "{}", "{:.1e}"]
#: Thousandths in order, some below 0, as no series that anybody would number evenly.
VALUES = st.lists(st.integers(-5_000, 90_000), min_size=3, max_size=9, unique=True).map(sorted)


def order(names, pattern=None):
    """In which order the files of a folder come, whatever order they are listed in."""
    listed = random.Random(1).sample(names, len(names))
    return [*numbered(listed, "film", pattern).order]


def files(before, numbers, behind=""):
    return [f"{before}{number}{behind}.tif" for number in numbers]


@settings(max_examples=200, deadline=None)
@given(VALUES, st.sampled_from(["z_", "z=", "z"]), st.sampled_from(["{:g}", "{:.3f}", "{}"]))
def test_a_number_by_itself_counts_with_its_decimals_and_its_sign(values, before, form):
    """A minus right behind a letter shows beside numbers without one: alone it is a hyphen."""
    numbers = [form.format(value / 1000) for value in values]
    names = files(before, numbers, "um")
    if before == "z" and all(value < 0 for value in values):
        with suppress(UserError):
            assert order(names, "z@um.tif") == names[::-1]
    else:
        assert order(names, f"{before}@um.tif") == names


@settings(max_examples=200, deadline=None)
@given(
    VALUES, st.sampled_from(["{:g}", "{:.3f}", "{}", "{:.1e}"]), st.sampled_from([None, "@.tif"])
)
def test_among_other_text_it_counts_as_that_or_is_refused(values, form, pattern):
    """Also where nobody says what runs: lost slices are no reason to take 25 for more than 9."""
    numbers = list(dict.fromkeys(form.format(value / 1000) for value in values))
    names = files("z_", numbers, "um")
    with suppress(UserError):
        found = [name for name in order(names, pattern) if name is not None]
        assert found in (names, names[::-1] if all(value < 0 for value in values) else names)


@settings(max_examples=50, deadline=None)
@given(VALUES.filter(lambda values: values[0] >= 0))
def test_decimals_of_one_length_count_among_other_text(values):
    names = files("z_", [f"{value / 1000:.3f}" for value in values], "um")
    assert order(names, "@.tif") == names


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (files("z_", ["0.1", "0.25", "0.5", "0.9"], "um"), "z_@um.tif"),
        (files("z_", ["0,1", "0,25", "0,5", "0,9"], "um"), "z_@um.tif"),
        (files("z", [-30, -20, -7, 0, 5, 12]), "z@.tif"),
        (files("z", [-30, -20, -7, 0, 5, 12]), "@.tif"),
        (files("z_", [-30, -20, -7, 0, 5, 12]), "@.tif"),
        (files("img-", [1, 2, 5, 12]), "img@.tif"),
        (files("z_", ["1e-05", "2e-05", "1e-04", "2.5e-04"]), "z_@.tif"),
        (files("s", ["1.9", "1.10", "1.11", "2.1"]), "s@.@.tif"),
        (files("s", ["1.9", "1.10", "1.11"]), None),
        (files("", MORNING), "@.tif"),
        (files("", MORNING), "2024*_@.tif"),
        (files("im_", MORNING), "im_@.tif"),
        (files("v1.2.", [1, 4, 10]), "v@.tif"),
        (["a001_5.tif", "a003_2.tif", "a007_9.tif"], "a@_*.tif"),
        (files("s_", ["08", "09", "0a", "0f", "10"]), "s_@.tif"),
        (files("s_", ["01a", "01b", "02a"]), "s_@.tif"),
        (files("", ["10-05-59", "11-00-00", "12-30-01"]), "@.tif"),
        (files("", ["2023-12-31", "2024-01-02"]), "@.tif"),
        (files("12-30 AM_", [1, 4]) + files("12-31 PM_", [9]), "*_@.tif"),
        (files("z_", ["1,000", "1,250", "1,500"]), "z_@.tif"),
    ],
)  # fmt: skip
def test_what_stands_at_the_mark_sorts(names, pattern):
    assert order(names, pattern) == names


@pytest.mark.parametrize(
    ("names", "pattern", "message"),
    [
        (files("z_", ["0.1", "0.25", "0.5", "0.9"]), "@.tif",
         r"may mean z_0.1.tif, z_0.5.tif, .* or z_0.1.tif, z_0.25.tif, .* an @ for the whole of"),
        (files("z_", ["0.1", "0.25", "0.5", "0.9"]), "z_0.@.tif", "an @ for the whole of a number"),
        (files("z_", ["0.1", "0.25", "0.5", "0.9"]), None, r"even steps.*pattern='z_@.tif'"),
        (files("s", ["1.9", "1.10", "1.11", "2.1"]), "s@.tif", "@.@ as two numbers"),
        (files("z_", ["1e-05", "2e-05", "1e-04"]), "@.tif", "an @ for the whole of a number"),
        (files("s1.", [*range(1, 10), 11, 12]), "s@.tif", "@.@ as two numbers"),
        (files("z_", ["1e5", "2e5", "1e6"]), "z_@.tif", "an @ for the whole of a number"),
        (files("z_", ["900", "1,000", "1,100"]), "z_@.tif", "marks between thousands, as"),
        (files("z_", [".25", ".5", ".75", ".9"]), "z_@.tif", "points before decimals, as in"),
        (files("z_", ["5nm", "1um"]), "z_@.tif", "of one unit, but film has nm and um; rename"),
        (files("z_", ["900", "1'000", "1'100"]), "z_@.tif", "marks between thousands, as"),
        (files("", ["23-59-59", "00-00-01", "00-10-00"]), "@.tif", "may go over midnight"),
        (files("", ["31-12-2023", "15-02-2024"]), "@.tif", "dates that begin with the year"),
        (files("", ["31.Dec.2023", "15.Feb.2024"]), "@.tif", "dates that begin with the year"),
        (files("s_", ["Mar", "Apr", "May"]), "s_@.tif", "by numbers, or by letters and numbers of"),
        (files("s_", ["a", "b", "aa"]), "s_@.tif", "by numbers, or by letters and numbers of one"),
        (files("s_", ["i", "ii", "iv", "ix"]), "s_@.tif", "by numbers, or by letters"),
        (files("s_", ["8", "a", "10"]), "s_@.tif", "by numbers, or by letters and numbers of one"),
        (files("s_", ["m20", "n3", "minus3"]), "s_@.tif", "by numbers, or by letters"),
        (files("im_", [time.partition("_")[2] for time in MORNING]), "@.tif", "twelve hours"),
    ],
)  # fmt: skip
def test_what_sorts_in_several_ways_is_refused(names, pattern, message):
    with pytest.raises(UserError, match=message) as said:
        order(names, pattern)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("numbers", "lost"),
    [([*range(1, 10), 11, 12], "s1.10.tif"), ([8, 9, 11, 12], "s1.10.tif"), ([8, 9, 11], None)],
)  # fmt: skip
def test_of_chapters_one_may_be_lost(numbers, lost):
    """They run by themselves, which decimals do not."""
    slots = numbered(files("s1.", numbers), "film")
    assert slots.names == tuple(files("s1.", range(numbers[0], numbers[-1] + 1)))
    assert {slots.names[k] for k in slots.lost} == {lost or "s1.10.tif"}


@pytest.mark.timeout(10)
def test_a_date_behind_a_letter_is_no_power_of_ten():
    names = files("s2e-20240115_", [1, 2, 4])
    assert order(names, "s@.tif") == names


@pytest.mark.parametrize("name", ["slice {} (of 13).tif", "{}sur13.tif", "{} di 13.tif"])
def test_a_film_that_names_call_longer_is_not_whole(name):
    with pytest.raises(UserError, match="film has 12 of 13"):
        order([name.format(k) for k in range(1, 13)])


def test_a_pattern_counts_or_sorts():
    """Of both only the sorting was done, and lost slices were not noticed."""
    names = ["s_1_z0.10um.tif", "s_2_z0.23um.tif", "s_4_z0.41um.tif", "s_5_z0.55um.tif"]
    with pytest.raises(UserError, match=r"must hold # or @, but s_#_z@um.tif holds both"):
        numbered(names, "film", "s_#_z@um.tif")
    assert numbered(names, "film", "s_#_z*um.tif").lost == {2}
