"""How processes end."""

import os
import subprocess
import sys

import psutil
import pytest

TRIED = """
import atexit, sys, threading, time
from fibsem.system.processes import ending_at_once

class Late:
    def __del__(self):
        print("taken apart")

late = Late()

def thread():
    time.sleep(0.2)
    print("thread")

with ending_at_once():
    atexit.register(print, "registered")
    threading.Thread(target=thread).start()
    sys.stderr.write("last")
    {how}
"""


@pytest.mark.parametrize(
    ("how", "code", "last"),
    [
        ("pass", 0, []),
        ("raise ValueError('why')", 1, ["taken apart"]),
        ("sys.exit(2)", 2, ["taken apart"]),
    ],
)
def test_only_what_is_done_is_not_taken_apart(how, code, last):
    line = [sys.executable, "-c", TRIED.format(how=how)]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert ended.stdout.split("\n")[:-1] == ["thread", "registered", *last]
    assert ended.stderr.startswith("last")


BEGINS = """
import os, time
from fibsem.system.processes import die_with_parent, forking

def live():
    die_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(100)

if __name__ == "__main__":
    forking().Process(target=live).start()
    time.sleep(100)
"""


@pytest.mark.slow
def test_who_is_killed_leaves_no_orphans(tmp_path):
    """Nor the server that forked them, whose children are not those of the command."""
    (tmp_path / "begins.py").write_text(BEGINS)
    line = [sys.executable, tmp_path / "begins.py"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        below = psutil.Process(parent.pid).children(recursive=True)
        assert child in below
        assert child.ppid() != parent.pid
        parent.kill()
    _, alive = psutil.wait_procs(below, timeout=10)
    assert alive == []


HEARS = """
import multiprocessing.forkserver, os, signal, time
from fibsem.system.processes import forking

def live():
    time.sleep(0.2)
    os._exit(3)

if __name__ == "__main__":
    process = forking().Process(target=live)
    process.start()
    os.kill(multiprocessing.forkserver._forkserver._forkserver_pid, signal.SIGHUP)
    process.join()
    print(process.exitcode, signal.SIGHUP in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""


def test_a_closed_terminal_does_not_end_the_server_of_processes(tmp_path):
    """Else nobody knew how its children ended."""
    (tmp_path / "hears.py").write_text(HEARS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, tmp_path / "hears.py"]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout == "3 False\n", done.stderr


FORKED = """
import tempfile, time
from fibsem.system import processes
{before}
process = processes.forking().Process(target=time.sleep, args=(0,))
process.start()
process.join()
print(process.exitcode, tempfile.gettempdir())
"""


def forked(folder, before=""):
    return subprocess.run(
        [sys.executable, "-c", FORKED.format(before=before)],
        env=os.environ | {"TMPDIR": str(folder)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_processes_start_where_temporary_files_have_a_long_path(tmp_path):
    """A socket has 107 bytes for its name; what schedulers call a job's folder may be longer."""
    long = tmp_path / ("job.12345." * 9)
    long.mkdir()
    done = forked(long)
    assert (done.returncode, done.stdout) == (0, f"0 {long}\n"), done.stderr
    assert list(long.iterdir()) == []
    done = forked(long, "processes.SHORT_TEMPORARY = ()")
    assert "`TMPDIR` must have at most 75 bytes where processes are started, but" in done.stderr


def test_the_longest_folder_for_a_socket_is_the_longest(tmp_path):
    fill = 75 - len(str(tmp_path)) - 1
    if fill < 1:
        pytest.skip("the folder of the tests is a long one itself")
    folder = tmp_path / ("x" * fill)
    folder.mkdir()
    done = forked(folder, "processes.SHORT_TEMPORARY = ()")
    assert done.stdout == f"0 {folder}\n", done.stderr


BEGAN = """
import sys, time
from importlib.util import find_spec
sys.modules["__main__"].__spec__ = find_spec({name!r})
time.sleep(0.5)
from fibsem.system.processes import command_began
print(time.perf_counter() - command_began(), time.perf_counter() - command_began())
"""


@pytest.mark.parametrize(
    ("name", "least_s", "most_s"), [("fibsem.train", 0.5, 60), ("json", -0.1, 0.3)]
)
def test_a_command_begins_with_its_process_and_a_notebook_does_not(name, least_s, most_s):
    """Loading libraries is time of a budget; hours in a notebook, or in jobs before, are not."""
    done = subprocess.run(
        [sys.executable, "-c", BEGAN.format(name=name)], capture_output=True, text=True, timeout=120
    )
    first, second = map(float, done.stdout.split())
    assert least_s <= first <= most_s, done.stderr
    assert -0.1 <= second <= 0.3
