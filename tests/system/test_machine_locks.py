"""One lock for all users of a machine."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fibsem.system.cache import user_cache
from fibsem.system.locking import machine_locks
from fibsem.system.locking.machine_locks import machine_lock
from fibsem.system.locks import alone


@pytest.fixture
def public(monkeypatch):
    """A folder where everybody may create files, as ``/run/lock``."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o1777)
        monkeypatch.setattr(machine_locks, "PUBLIC", ("/no/such/folder", folder))
        yield Path(folder)


def test_users_with_homes_of_their_own_have_one_lock(public, monkeypatch, tmp_path):
    found, umask = set(), os.umask(0o077)
    try:
        for name in "ab":
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
            found.add(machine_lock("0123"))
    finally:
        os.umask(umask)
    assert found == {public / "fibsem-0123.lock"}
    assert next(iter(found)).stat().st_mode & 0o777 == 0o666


def test_where_the_first_folder_takes_no_file_no_other_one_is_used(monkeypatch, tmp_path):
    """Another user, for whom it takes one, would have another lock."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        folder.chmod(0o1777)
    monkeypatch.setattr(machine_locks, "PUBLIC", tuple(map(str, folders)))
    (folders[0] / "fibsem-0123.lock").mkdir()
    assert machine_lock("0123") == user_cache() / "locks" / "0123"
    assert list(folders[1].iterdir()) == []


def test_what_is_not_for_everybody_is_not_used(public, tmp_path):
    own = user_cache() / "locks" / "0123"
    (tmp_path / "file").touch()
    (public / "fibsem-0123.lock").symlink_to(tmp_path / "file")
    assert machine_lock("0123") == own
    (public / "fibsem-0123.lock").unlink()
    public.chmod(0o777)  # whoever likes may remove the lock of another one
    assert machine_lock("0123") == own


#: Enters as another user, and says so.
ENTER = """
import os, sys
from pathlib import Path
from fibsem.system.locks import alone
os.setgroups([])
os.setgid(4242)
os.setuid(4242)
with alone(Path(sys.argv[1]), busy="waits"):
    print("entered", flush=True)
"""


def test_another_user_waits(public):
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    with alone(path := machine_lock("0123")):
        other = subprocess.Popen(
            [sys.executable, "-c", ENTER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert other.stdout.readline() == "waits\n"
    assert other.communicate()[0] == "entered\n"
    assert other.returncode == 0
