"""Records of JSON as values of a type: what fits is read as written, what does not is named."""

import json
import math
import re
from dataclasses import asdict, dataclass
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.system.records import (
    Figure,
    Number,
    Stored,
    WrittenAs,
    as_record,
    fitting,
    refuse_unknown_keys,
    typed,
)


@dataclass(frozen=True)
class Inner:
    low: float
    name: str | None = None


@dataclass(frozen=True)
class Outer:
    count: int
    ends: tuple[float, float]
    parts: dict[str, Inner]
    sure: bool = False
    number: Number = 0.0
    figure: Figure = 0.0


FINITE = st.floats(allow_nan=False, allow_infinity=False)
INNER = st.builds(Inner, FINITE, st.none() | st.text())
OUTER = st.builds(
    Outer, st.integers(-(2**53), 2**53), st.tuples(FINITE, FINITE),
    st.dictionaries(st.text(), INNER), st.booleans(), FINITE, FINITE,
)  # fmt: skip
GOOD = {"count": 3, "ends": [0, 1.5], "parts": {"a": {"low": 0.1}}, "of a later version": 1}


@refuse_unknown_keys
@dataclass(frozen=True)
class Step:
    sigma: float = 1.0


def test_a_key_that_would_change_figures_is_not_left_out():
    assert typed(dict[str, Step], {"last": {"sigma": 2.0}}) == {"last": Step(2.0)}
    with pytest.raises(ValueError, match=r"^last: median is not known$"):
        typed(dict[str, Step], {"last": {"sigma": 2.0, "median": 3}})


@given(OUTER)
def test_what_was_written_is_read(value):
    assert typed(Outer, json.loads(json.dumps(asdict(value)))) == value


def test_null_is_a_number_that_is_none_or_a_figure_that_is_missing():
    read = typed(Outer, {**GOOD, "number": None, "figure": None})
    assert math.isnan(read.number)
    assert read.figure is None
    assert read.parts == {"a": Inner(0.1)}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"count": "3"}, 'count: must be a whole number, but got "3"'),
        ({"count": True}, "count: must be a whole number, but got true"),
        ({"count": 3.5}, "count: must be a whole number, but got 3.5"),
        ({"ends": [0]}, "ends: 1 is missing"),
        ({"ends": [0, None]}, "ends: 1 must be a number, but got null"),
        ({"ends": 3}, "ends: must be a list, but got 3"),
        ({"parts": {"a": 3}}, "parts: a must be a mapping, but got 3"),
        ({"parts": {"a": {}}}, "parts: a.low is missing"),
        ({"sure": 1}, "sure: must be true or false, but got 1"),
        ({"parts": {"a": {"low": 1, "name": 60 * "n"}}, "sure": 60 * "n"}, 'got "nnnnnnn'),
    ],
)
def test_what_does_not_fit_is_named_with_its_value(wrong, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        typed(Outer, {**GOOD, **wrong})
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("whole", [3, "x", None, [], True])
def test_what_is_no_record_at_all_is_said(whole):
    with pytest.raises(ValueError, match="it: must be a mapping, but got "):
        typed(Outer, whole)


def test_a_record_that_fits_is_left_as_it_is():
    assert fitting(Outer)(GOOD) is GOOD


@dataclass(frozen=True)
class Corners(Stored):
    """A record that is written otherwise than by its fields."""

    low: int
    high: int

    def to_json(self):
        return {"corners": [self.low, self.high]}

    @classmethod
    def from_json(cls, record):
        return cls(*record["corners"])


@dataclass(frozen=True)
class Film(Stored):
    boxes: tuple[Annotated[Corners, WrittenAs(dict, Corners.from_json)], ...]


def test_a_record_of_its_own_is_written_so_among_others():
    film = Film((Corners(1, 2), Corners(3, 5)))
    assert film.to_json() == {"boxes": [{"corners": [1, 2]}, {"corners": [3, 5]}]}
    assert as_record({"films": [film]}) == {"films": [film.to_json()]}
    assert Film.from_json(film.to_json()) == film
