"""The cache of a user whose home is missing, foreign or read-only."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fibsem.errors import UserError
from fibsem.system import cache
from fibsem.system.cache import cached_json, user_cache
from fibsem.system.files import write_json

WHERE = """
import sys
from fibsem.errors import UserError
from fibsem.system.cache import cached_json, user_cache
from fibsem.system.files import write_json
from fibsem.system.home import home_path
place = user_cache() / "digests" / "a.json"
print(user_cache(), cached_json(place))
write_json(place, {"a": 1})
print(cached_json(place))
try:
    print(home_path("~/x"))
except UserError as error:
    print(error)
"""


def as_another(*options, **variables):
    """Run as a number without an account, the way containers do."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to be another")
    another = ["setpriv", "--reuid=4242", "--clear-groups", sys.executable, "-B"]
    if subprocess.run([*another, "-c", ""], capture_output=True, cwd="/").returncode != 0:
        pytest.skip("another user may not read the libraries of this interpreter")
    kept = {
        key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME")
    }
    done = subprocess.run(
        [*another, "-c", WHERE], env=kept | variables, capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def scratch():
    """A folder for temporary files that everybody may use: those of tests are the user's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_without_a_home_what_is_kept_lies_among_temporary_files(scratch):
    where, again, home = as_another(TMPDIR=str(scratch))
    assert where == f"{scratch}/fibsem-4242 None"
    assert again == "{'a': 1}"
    assert home.startswith("`~/` must mean a home folder, but this account has none, got ~/x")


def test_nor_does_the_home_of_another_stop_anything(scratch):
    home = scratch / "root"
    (home / ".cache" / "fibsem").mkdir(parents=True)
    home.chmod(0o700)
    where, again, _ = as_another(TMPDIR=str(scratch), HOME=str(home))
    assert (where, again) == (f"{scratch}/fibsem-4242 None", "{'a': 1}")


def test_a_home_that_can_be_written_to_has_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert user_cache() == tmp_path / "cache" / "fibsem"
    assert list(tmp_path.iterdir()) == []
    write_json(user_cache() / "a.json", [1])
    assert cached_json(user_cache() / "a.json") == [1]
    assert cached_json(user_cache()) is None  # a folder is no file, which is the system's to say


#: Is killed while a temporary file is written.
STAY = """
import time
from fibsem.system.cache import scratch
with scratch("labels") as place:
    (place / "labels").mkdir()
    print("in", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_among_temporary_files_is_removed(tmp_path, monkeypatch):
    """Each left the labels of a whole stack."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", STAY], env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "in\n"
    place = tmp_path / f"fibsem-{os.getuid()}"
    (left,) = place.iterdir()
    with cache.scratch("labels"):
        assert left.exists()  # that process is at work
    process.kill()
    process.communicate()
    with cache.scratch("labels") as here:
        assert list(place.iterdir()) == [here]
    assert list(place.iterdir()) == []


def test_temporary_files_lie_in_no_folder_of_somebody_else(scratch, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    (place := scratch / f"fibsem-{os.getuid()}").mkdir()
    os.chown(place, 4242, 4242)
    with pytest.raises(UserError, match="belongs to another user"), cache.scratch("labels"):
        pass
