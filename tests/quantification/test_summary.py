"""Figures of a film in words: what cannot be told is said, and not taken for a figure."""

from dataclasses import replace

import pytest

from fibsem.quantification.passages import tortuosity_text
from fibsem.quantification.summary import in_words
from fibsem.reporting.structure import connected_text
from fibsem.system.records import typed
from fibsem.system.summaries import QuantificationSummary
from fibsem.system.summaries.quantification import SizeFigures
from tests.reporting.records import measured


@pytest.fixture
def film():
    return typed(QuantificationSummary, measured(percolates_z=None))


def test_a_tortuosity_says_of_how_many_parts_it_is(film):
    """A median over the parts that let through is no figure of a film with closed ones."""
    factors, parts = {"z": 4.2, "y": 2.0, "x": None}, {"z": (1, 4), "y": (4, 4), "x": (0, 4)}
    some = replace(film, tortuosity_factor=factors, parts_through=parts)
    told = [tortuosity_text(some, axis) for axis in "zyx"]
    assert told == ["4.20 (through in 1 of 4 parts)", "2.00", "none"]
    none = replace(film, parts_through={"z": (0, 0)})
    assert tortuosity_text(none, "z") == "not measured"
    assert tortuosity_text(film, "z") == "2.50"  # a version before counted no parts


def test_where_pores_lead_and_how_wide_they_are(film):
    assert connected_text(film) == (
        "pores lead through along z ?, y yes, x no (6 neighbours); pore size 168 nm (80 %: 105 to "
        "260)"
    )
    none = replace(film, pore_size_nm=SizeFigures(None, None, None))
    assert connected_text(none).endswith("x no (6 neighbours)")


def test_the_first_lines_of_a_quantification(film):
    sizes = replace(film.pore_size_nm, largest=900.0, median_between=(160.0, 180.0))
    throats = replace(film.throat_size_nm, largest=500.0, none_fits_share=0.2, face="z")
    some = replace(
        film, pore_size_nm=sizes, throat_size_nm=throats, blocks=(((0, 0, 0), (3, 10, 10)),)
    )
    assert in_words(some).splitlines()[1:] == [
        "pores lead through (6 neighbours): z cannot be told, y yes, x no; 7 components",
        "pore size 168 nm (80 % of their volume: 105 to 260; balls of 160 and 180 nm were tried "
        "around it, the largest 900), by intrusion from z 168 nm, which does not reach 20 % of it",
        "tortuosity factor z 2.50, y 2.00, x none",
        "the labels were not drawn again: there are no parts (blocks=0)",
    ]
