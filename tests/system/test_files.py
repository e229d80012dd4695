import json
import math
import resource
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.errors import UserError
from fibsem.system.files import read_json, replace_file, write_json
from fibsem.system.locks import sole

finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_is_written_is_read(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "record.json"
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


def test_one_process_at_a_time(tmp_path):
    """Another one is refused, and let in as soon as the first one is gone, however it went."""
    refusal = UserError("taken")
    script = (
        "import sys, time; from pathlib import Path; from fibsem.system.locks import sole\n"
        "from fibsem.errors import UserError\n"
        "with sole(Path(sys.argv[1]), UserError('taken')): print('in', flush=True); time.sleep(60)"
    )
    lock = tmp_path / ".lock"
    command = [sys.executable, "-c", script, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "in\n"
        with pytest.raises(UserError, match="taken"), sole(lock, refusal):
            pass
        process.kill()
    with sole(lock, refusal):
        pass
