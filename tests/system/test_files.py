import json
import math
import os
import resource
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem.errors import UserError
from fibsem.system.files import (
    beside,
    known_json,
    read_json,
    remove_leftovers,
    remove_own,
    replace_file,
    write_json,
)
from fibsem.system.records import typed

finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all values."""
    return tmp_path_factory.mktemp("json")


@given(values)
@settings(max_examples=50)
def test_what_is_written_is_read(folder, value):
    path = folder / "record.json"
    write_json(path, value)
    assert read_json(path) == value
    assert [file.name for file in path.parent.iterdir()] == ["record.json"]


def test_numbers_that_are_none_become_null(tmp_path):
    write_json(tmp_path / "a.json", {"x": math.nan, "y": [math.inf, np.float32(0.5), np.int64(3)]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": None, "y": [None, 0.5, 3]}


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "kept"
    replace_file(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "new \ud800")
    assert path.read_text() == "old"
    path.unlink()
    path.mkdir()
    (path / "inside").touch()
    with pytest.raises(OSError, match="kept"):
        replace_file(path, "new")
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]  # nothing is left beside


def test_a_file_that_may_not_be_so_large_is_the_users_to_mend(tmp_path):
    path = tmp_path / "kept"
    replace_file(path, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # as a quota would
    try:
        with pytest.raises(UserError, match=r"room for .*kept, but it is full \(File too large\)"):
            replace_file(path, 5000 * "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]


@dataclass
class Record:
    """What a record must be."""

    a: int


@pytest.mark.parametrize(
    "content", [b"", b'{"a": 1', b"\0\0\0\0", b"\xff\xfe", b"[1]", b'{"b": 1}', b'{"a": "1"}']
)
def test_a_damaged_record_is_one_line_or_made_again(tmp_path, capsys, content):
    path, of = tmp_path / "record.json", partial(typed, Record)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"record\.json is damaged \(.*\); do this\.$") as caught:
        read_json(path, of, remedy="do this")
    assert "\n" not in str(caught.value)
    assert known_json(path, of) is None
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.timeout(10)
def test_a_pipe_is_no_record(tmp_path, capsys):
    """It would never answer."""
    os.mkfifo(path := tmp_path / "record.json")
    with pytest.raises(UserError, match=r"must be a file, but .*record\.json is a pipe"):
        read_json(path)
    assert known_json(path) is None
    assert "is a pipe" in capsys.readouterr().err


def test_a_record_that_is_not_there_is_nothing_to_speak_of(tmp_path, capsys):
    assert known_json(tmp_path / "none.json") is None
    assert capsys.readouterr().err == ""


def test_files_written_at_once_do_not_meet(tmp_path):
    with beside(tmp_path / "a.txt") as one, beside(tmp_path / "a.txt") as other:
        one.write_text("one")
        other.write_text("other")
        remove_leftovers(tmp_path)
        assert {one.suffix, other.suffix} == {".txt"}
        assert len(list(tmp_path.iterdir())) == 2
    assert (tmp_path / "a.txt").read_text() == "one"  # whose block ends last
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_leftovers_are_ours_alone(tmp_path):
    mine = [".tmp-0123456789ab-a.txt", f"deep/0.{'0' * 32}.partial", ".tmp-0123456789ab-folder/a"]
    theirs = [".tmp-a.txt", "tmp-0123456789ab-a.txt", "half.partial", ".hidden"]
    for name in (*mine, *theirs):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(theirs)


def test_only_own_files_are_removed(tmp_path):
    for name in ("a/result.json", "b/result.json", "b/notes.txt", "result.json", "other.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    remove_own(tmp_path, ["result.json", "?/result.json", "?/"])
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"b", "b/notes.txt", "other.json"}


def test_a_record_that_says_the_same_keeps_its_time_where_that_is_asked(tmp_path):
    """Results are ordered by it: to look at one again does not make it the latest."""
    path = tmp_path / "summary.json"
    write_json(path, {"miou": 0.5})
    os.utime(path, (1, 1))
    write_json(path, {"miou": 0.5}, again=False)
    assert path.stat().st_mtime == 1
    write_json(path, {"miou": 0.6}, again=False)
    assert path.stat().st_mtime > 1
    assert read_json(path) == {"miou": 0.6}
    os.utime(path, (1, 1))
    write_json(path, {"miou": 0.6})
    assert path.stat().st_mtime > 1
