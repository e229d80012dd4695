"""The cache of a user whose home is missing, foreign or read-only."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

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
