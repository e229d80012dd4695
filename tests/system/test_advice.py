"""A message names the keys of the command that was typed."""

import pytest

from fibsem.config.keys import own_keys
from fibsem.data.manifest import SAMPLE_KEYS, TOP_KEYS
from fibsem.errors import OutageError, UserError
from fibsem.system.advice import OF_FILM, as_called, called, in_manifest, under

NAMES = under("segmentation", ["missing", "valid"]) | in_manifest(["range", "valid"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so; missing=skip leaves it out.", "so; segmentation.missing=skip leaves it out."),
        ("`missing` must be stop", "`segmentation.missing` must be stop"),
        ("(valid=all)", "(segmentation.valid=all)"),
        ("declare range=[low,high]", "declare the manifest's range=[low,high]"),
        ("`range` must be two numbers", "`range` must be two numbers"),
        ("2 slices are missing", "2 slices are missing"),
        ("films/valid=1/missing=2.tif is not there", "films/valid=1/missing=2.tif is not there"),
        ("segmentation.missing=skip", "segmentation.missing=skip"),
    ],
)
def test_keys_are_named_as_they_are_called(text, expected):
    assert as_called(text, NAMES) == expected
    assert as_called(text, {}) == text


def test_an_error_keeps_its_kind_and_its_cause():
    cause = ValueError("why")
    with pytest.raises(OutageError) as caught, called(NAMES):
        raise OutageError("missing=skip") from cause
    assert str(caught.value) == "segmentation.missing=skip"
    assert caught.value.__cause__ is cause
    with pytest.raises(KeyError, match="missing=skip"), called(NAMES):
        raise KeyError("missing=skip")
    with pytest.raises(UserError, match=r"^valid=all$"), called({}):
        raise UserError("valid=all")


def test_keys_of_a_film_are_those_of_segment_and_of_a_manifest():
    assert {*OF_FILM} <= {*own_keys("segment")} & {*SAMPLE_KEYS, *TOP_KEYS}
