"""How processes end."""

import subprocess
import sys

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
