"""Commands as processes that begin at once: forked from one that has imported all and used nothing.

An interpreter of its own would spend seconds on TensorFlow before it does anything.
"""

import multiprocessing
import os
import runpy
import sys

from fibsem.search.executors import LAZY

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(
    ["fibsem.search.executors", *LAZY, "fibsem.train", "fibsem.sweep", "fibsem.segment"]
)


class Command:
    """A command at work, with the methods of ``subprocess.Popen`` that tests need."""

    def __init__(self, line, folder, log):
        self.log = log
        self.process = FORKED.Process(target=_run, args=(line, folder, log))
        self.process.start()
        self.pid = self.process.pid

    def poll(self):
        """Exit code, as ``subprocess`` tells it; None while it works."""
        return self.process.exitcode

    def wait(self, timeout=None):
        """Exit code, when it has ended."""
        self.process.join(timeout)
        assert self.poll() is not None, f"it is at work after {timeout} s"
        return self.poll()

    def send_signal(self, sign):
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sign)

    def kill(self):
        """End it at once."""
        self.process.kill()


def _run(line, folder, log):
    """Be ``python -m line[0] line[1:]`` in a folder, which tells a file all it says."""
    os.chdir(folder)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(said, stream)
    sys.argv[1:] = line[1:]
    runpy.run_module(line[0], run_name="__main__", alter_sys=True)
