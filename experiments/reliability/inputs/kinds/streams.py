"""Standard streams that are closed when a command begins."""

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

from films import place

#: Code that starts like a command, then writes a file while libraries print.
BEGIN = """
import os, sys
from fibsem.system.secrets import guard_output
try:
    from fibsem.system.streams import open_closed
    open_closed()
except ImportError:
    pass
guard_output()
with open(sys.argv[1], "w") as file:
    print("said")
    print("said", file=sys.stderr)
    sys.stdout.flush()
    for number in (1, 2):
        try:
            os.write(number, b"by a library")
        except OSError:
            pass
    file.write("kept")
"""


def kept(closed):
    def close():
        for number in closed:
            os.close(number)

    def right():
        line = [sys.executable, "-c", BEGIN, file := str(place())]
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        done = subprocess.run(line, preexec_fn=close, check=False, cwd=Path(file).parent, **nowhere)
        return done.returncode == 0 and Path(file).read_text() == "kept"

    return right


def inputs():
    for count in (0, 1, 2, 3):
        for closed in combinations((0, 1, 2), count):
            yield f"closed: {closed or 'none'}", kept(closed)
