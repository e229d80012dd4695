"""One process at a time in a folder, also where the file system has no locks."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from fibsem.errors import UserError
from fibsem.system import locks
from fibsem.system.files import TEMPORARY
from fibsem.system.locking import lock_files
from fibsem.system.locking.lock_files import Hold
from fibsem.system.locks import alone, at_work
from tests import nfs

#: Stays in a folder until it is killed; with a fourth word half of a file is written.
SCRIPT = """
import fcntl, sys, time
from pathlib import Path
from fibsem.system.files import beside
from fibsem.system.locks import at_work
folder = Path(sys.argv[1])
if sys.argv[2] == "nfs":
    from tests import nfs
    fcntl.flock = nfs.flock
if sys.argv[2] == "none":
    import errno
    from fibsem.system.locking import lock_files
    lock_files.BEAT_S = 0.02
    def refuse(file, how):
        raise OSError(errno.ENOLCK, "No locks available")
    fcntl.flock = refuse
with at_work(folder, shared=sys.argv[3] == "shared"):
    if len(sys.argv) > 4:
        with beside(folder / "deep" / "result.json") as hidden:
            hidden.write_text("half")
            print("in", flush=True)
            time.sleep(60)
    print("in", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["local", "nfs"])
def kind(request, monkeypatch):
    """How files are locked: by Linux itself, and over NFS, where it locks bytes in their place."""
    if request.param == "nfs":
        monkeypatch.setattr("fcntl.flock", nfs.flock)
    return request.param


@contextmanager
def working(folder, *how):
    """Another process at work in a folder."""
    command = [sys.executable, "-c", SCRIPT, str(folder), *how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "in\n"
            yield process
        finally:
            process.kill()


def test_the_second_of_two_is_told_and_what_a_killed_one_was_writing_goes(tmp_path, kind):
    with working(tmp_path, kind, "alone", "writing") as process:
        hidden = [path.name for path in (tmp_path / "deep").iterdir()]
        assert [bool(TEMPORARY.fullmatch(name)) for name in hidden] == [True]
        with pytest.raises(UserError, match="another process is at work in"), at_work(tmp_path):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == hidden
    with at_work(tmp_path):
        assert list((tmp_path / "deep").iterdir()) == []


def test_those_who_share_join_and_do_not_remove_what_another_writes(tmp_path, kind):
    with working(tmp_path, kind, "shared", "writing"):
        with at_work(tmp_path, shared=True):
            assert len(list((tmp_path / "deep").iterdir())) == 1
        with pytest.raises(UserError, match="another process"), at_work(tmp_path):
            pass


@pytest.mark.parametrize("system", ["local", "nfs", "none"])
def test_what_is_written_in_a_folder_within_stays(tmp_path, system, request):
    """A chunk of a Zarr has no lock of its own while it is written."""
    if system == "nfs":
        request.getfixturevalue("monkeypatch").setattr("fcntl.flock", nfs.flock)
    if system == "none":
        request.getfixturevalue("no_locks")
    chunk = tmp_path / "films" / "one" / "labels.ome.zarr" / "0" / f"0.{'0' * 32}.partial"
    chunk.parent.mkdir(parents=True)
    with working(tmp_path / "films" / "one", system, "alone") as process:
        chunk.touch()
        if system == "none":  # there only its age says that a file was left
            os.utime(chunk, (1, 1))
        with at_work(tmp_path):
            assert chunk.exists()
        process.kill()
        process.wait()
    if system == "none":
        os.utime(tmp_path / "films" / "one" / ".lock.owner", (1, 1))
    with at_work(tmp_path):
        assert not chunk.exists()


@pytest.fixture
def no_locks(monkeypatch):
    """A file system without locks, where signs of life come quickly."""

    def refuse(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    monkeypatch.setattr(lock_files, "BEAT_S", 0.02)
    monkeypatch.setattr(lock_files, "SILENCE_S", 3.0)  # a busy machine is silent for a while, too
    monkeypatch.setattr(locks, "POLL_S", 0.01)


def silent(folder, *tokens):
    """The files of owners that were killed long ago, each of which took over from the last."""
    (folder / ".lock").touch()
    file = folder / ".lock.owner"
    for token in tokens or ["elsewhere 1 0123456789abcdef"]:
        file.write_text(token)
        os.utime(file, (1, 1))
        file = Hold(folder / ".lock", file, token or f"{file.name} 1000000000").next


def test_without_locks_the_second_is_told_as_well(no_locks, tmp_path):
    owner = tmp_path / ".lock.owner"
    with at_work(tmp_path):
        os.utime(owner, (1, 1))  # silent for longer than would have it given up
        for _ in range(1000):
            if owner.stat().st_mtime > 1:
                break  # it has given a sign of life
            time.sleep(0.01)
        with pytest.raises(UserError, match="another process is at work in"), at_work(tmp_path):
            pass
    with at_work(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {".lock"}


def test_without_locks_a_silent_owner_is_taken_over_by_one_alone(no_locks, tmp_path):
    inside, most, refused = [], [], []

    def enter():
        try:
            with at_work(tmp_path):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.2)
                inside.pop()
        except UserError:
            refused.append(1)

    silent(tmp_path)
    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) + len(refused) == 4


def test_without_locks_one_waits_for_the_other(no_locks, tmp_path):
    order = []

    def enter(name):
        with alone(Path(tmp_path) / "lock"):
            order.append(name)
            time.sleep(0.1)
            order.append(name)

    threads = [threading.Thread(target=enter, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order in (list("aabb"), list("bbaa"))


@pytest.mark.parametrize("tokens", [
    ["elsewhere 1 0123456789abcdef"], ["elsewhere 1 0123456789abcdef", "elsewhere 2 fedcba98"],
    [""], ["", ""],
], ids=["at work", "after it took over", "before it wrote", "before it wrote twice"])  # fmt: skip
def test_without_locks_an_owner_may_be_killed_at_any_point(no_locks, tmp_path, tokens):
    """One that was killed while it took a lock over left a file that nobody removed any more."""
    silent(tmp_path, *tokens)
    (tmp_path / ".lock.0123456789abcdef").touch()  # as former versions left it
    for _ in range(2):
        with at_work(tmp_path):
            assert len(list(tmp_path.glob(".lock.owner*"))) <= len(tokens) + 1
            with pytest.raises(UserError, match="another process is at work"), at_work(tmp_path):
                pass
        assert not list(tmp_path.glob(".lock.owner*"))


def test_without_locks_a_killed_process_is_taken_over_from(no_locks, tmp_path, monkeypatch):
    monkeypatch.setattr(lock_files, "SILENCE_S", 0.3)
    with working(tmp_path, "none", "alone") as process:
        with pytest.raises(UserError, match="another process is at work"), at_work(tmp_path):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with alone(tmp_path / ".lock"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {".lock"}


def test_without_locks_what_comes_after_an_owner_who_is_done_holds_nothing(no_locks, tmp_path):
    """A process looked at a silent owner, and took over from it when it was gone."""
    silent(tmp_path, "elsewhere 1 0123456789abcdef", "too late")
    (tmp_path / ".lock.owner").unlink()
    with at_work(tmp_path):
        assert (tmp_path / ".lock.owner").exists()
    assert not (tmp_path / ".lock.owner").exists()


@pytest.mark.parametrize("now", ["another one has it", None], ids=["at work", "done"])
def test_without_locks_one_that_was_stopped_for_too_long_is_interrupted(
    no_locks, tmp_path, capsys, monkeypatch, now
):
    interrupted = threading.Event()
    monkeypatch.setattr("_thread.interrupt_main", interrupted.set)
    owner = tmp_path / ".lock.owner"
    with at_work(tmp_path):
        new = tmp_path / "new"
        new.write_text(str(now))
        if now is None:
            owner.unlink()
        else:
            new.replace(owner)
        assert interrupted.wait(5)
    assert "another process has taken" in capsys.readouterr().err
    assert (owner.read_text() if owner.exists() else None) == now


def test_without_locks_those_who_share_and_one_alone_exclude_each_other(
    no_locks, tmp_path, monkeypatch
):
    """What a sweep at work had found was removed by ``overwrite=true``."""

    def refused(**how):
        with pytest.raises(UserError, match="another process is at work"), at_work(tmp_path, **how):
            pass

    with working(tmp_path, "none", "shared"):
        with at_work(tmp_path, shared=True):
            refused()
        refused()
    monkeypatch.setattr(lock_files, "SILENCE_S", 0.3)  # that process was killed
    with alone(tmp_path / ".lock"):
        refused(shared=True)
    assert not list(tmp_path.glob(".lock.owner*"))


@pytest.mark.parametrize("dead", [".lock.owner", ".lock.shared-0123456789abcdef"])
@pytest.mark.parametrize("shared", [False, True])
def test_without_locks_who_was_killed_keeps_nobody_out(no_locks, tmp_path, dead, shared):
    for name in (".lock", dead):
        (tmp_path / name).write_text("elsewhere 1 0123456789abcdef")
    os.utime(tmp_path / dead, (1, 1))
    for _ in range(2):
        with at_work(tmp_path, shared=shared):
            pass
    with at_work(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {".lock"}


@pytest.mark.parametrize("shared", [False, True])
def test_without_locks_who_was_stopped_while_others_came_is_interrupted(
    no_locks, tmp_path, capsys, monkeypatch, shared
):
    """One who shares and one alone, each when the other kind came in the meantime."""
    interrupted = threading.Event()
    monkeypatch.setattr("_thread.interrupt_main", interrupted.set)
    with at_work(tmp_path, shared=shared):
        if shared:
            next(tmp_path.glob(".lock.shared-*")).unlink()
        else:
            (tmp_path / ".lock.shared-0123456789abcdef").touch()
        assert interrupted.wait(5)
    assert "another process has taken" in capsys.readouterr().err
