"""Streams that are closed when a process begins."""

import os
import subprocess
import sys

import pytest

TRIED = """
import os, sys
from fibsem.system.secrets import guard_output
from fibsem.system.streams import open_closed
open_closed()
guard_output()
file = open(sys.argv[1], "w")
print("said"); print("said", file=sys.stderr); os.write(2, b"by a library"); os.write(1, b"too")
sys.stdout.flush(); sys.stderr.flush()
file.write("kept"); file.close()
assert os.path.samestat(os.fstat(int(sys.argv[2])), os.stat(os.devnull))
"""


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_what_is_said_to_a_closed_stream_is_written_into_no_file(tmp_path, closed):
    def close():
        for number in closed:
            os.close(number)

    file = tmp_path / "file"
    line = [sys.executable, "-c", TRIED, str(file), str(closed[-1])]
    assert subprocess.run(line, preexec_fn=close, check=False).returncode == 0
    assert file.read_text() == "kept"
