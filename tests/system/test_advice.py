"""A message names the keys of the command that was typed."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from fibsem.api.options import one_line_errors
from fibsem.config.keys import own_keys
from fibsem.data.dataset.manifest import SAMPLE_KEYS, TOP_KEYS
from fibsem.errors import UserError
from fibsem.system.advice import (
    MISSING,
    OF_FILM,
    OVERWRITE,
    RANGE,
    VALID,
    Key,
    as_here,
    called,
    in_manifest,
    key_names,
    under,
)

NAMES = under("segmentation", ["missing", "valid"]), in_manifest(["range", "valid"])


@pytest.mark.parametrize(
    ("key", "value", "quoted", "given"),
    [
        ("missing", "skip", "segmentation.missing", "segmentation.missing=skip"),
        ("valid", "all", "segmentation.valid", "segmentation.valid=all"),
        ("range", "[low,high]", "range", "the manifest's range=[low,high]"),
        ("overwrite", "true", "overwrite", "overwrite=true"),
    ],
)
def test_keys_are_named_as_they_are_called(key, value, quoted, given):
    with called(*NAMES):
        assert (str(Key(key)), Key(key).at(value)) == (quoted, given)
    assert (str(Key(key)), Key(key).at(value)) == (key, f"{key}={value}")


def test_other_words_of_a_message_are_left_alone():
    """Keys of another command are its own ones; they were renamed by their letters."""
    with called(*NAMES):
        said = f"quantify valid=all; films/valid=1; {MISSING.at('skip')}"
    assert said == "quantify valid=all; films/valid=1; segmentation.missing=skip"


def test_what_runs_inside_is_called_as_around_it_where_nothing_else_is_said():
    with called(in_manifest(["range", "valid"])), called(under("segmentation", ["valid"])):
        assert RANGE.at("[0,1]") == "the manifest's range=[0,1]"
        assert VALID.at("all") == "segmentation.valid=all"


def test_threads_and_processes_name_keys_as_who_began_them():
    with called(*NAMES), ThreadPoolExecutor(1) as pool:
        assert pool.submit(as_here(lambda: f"{MISSING}")).result() == "segmentation.missing"
        sent = pickle.loads(pickle.dumps(key_names()))
    with called(sent):
        assert f"{MISSING}" == "segmentation.missing"


def test_a_caller_in_python_is_told_arguments():
    @one_line_errors
    def segment():
        raise UserError(f"{MISSING.at('skip')}, {VALID.at('MASK')}, {OVERWRITE.at('true')}")

    @one_line_errors
    def train():
        raise UserError(RANGE.at("[low,high]"))

    with pytest.raises(UserError, match=r'^missing="skip", valid=MASK, overwrite=True$'):
        segment()
    with pytest.raises(UserError, match=r"^the manifest's range=\[low,high\]$"):
        train()


def test_keys_of_a_film_are_those_of_segment_and_of_a_manifest():
    assert {*OF_FILM} <= {*own_keys("segment")} & {*SAMPLE_KEYS, *TOP_KEYS}
