"""A worker of a sweep whose training comes to no end; with HANG it hangs. Run as a process."""

import ctypes
import os
import sys
import time
from pathlib import Path

from fibsem.config import Configuration, compose
from fibsem.search.studies import owner
from fibsem.system import pulse
from fibsem.training.beginning.start import pinned
from tests.search.sweeps import opened_of


def hang(job, on_epoch):
    """Make two steps, and nothing more."""
    pulse.step()
    pulse.step()
    ctypes.CDLL(None).sleep(1000)  # where nothing can be raised


def go_on(job, on_epoch):
    """Make short steps; after some of its beats there is a file."""
    begun = time.monotonic()
    while True:
        if time.monotonic() > begun + 1:
            Path("beats").touch()
        pulse.step()
        time.sleep(0.01)


if __name__ == "__main__":
    owner.LAST_S = 0.5
    given = pinned(Configuration(compose("sweep", sys.argv[1:])))
    sweep = opened_of(given, Path(given.tree["output"]))
    sweep.work(hang if "HANG" in os.environ else go_on, lambda *_: None)
