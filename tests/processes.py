"""Commands as processes that begin at once: forked from one that has imported and read all.

An interpreter of its own would spend seconds on TensorFlow before it does anything.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

from fibsem.search.workers.executors import LAZY

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload([
    "fibsem.search.workers.executors", *LAZY, "fibsem.train", "fibsem.sweep", "fibsem.segment",
    "fibsem.config.commands", "fibsem.search.studies.optuna_study", "fibsem.search.report",
    "IPython", "tests.before_fork",
])  # fmt: skip


class Command:
    """A command at work, with the methods of ``subprocess.Popen`` that tests need."""

    def __init__(self, line, folder, log, errors=None, environment=None):
        self.log = log
        how = (line, folder, log, errors or log, environment or {})
        self.process = FORKED.Process(target=_run, args=how)
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


def completed(line, folder, timeout=300, **environment):
    """What ``subprocess.run`` gives of a command that has ended."""
    with tempfile.TemporaryDirectory() as said:
        out, errors = Path(said) / "out", Path(said) / "errors"
        command = Command([str(word) for word in line], folder, out, errors, environment)
        try:
            code = command.wait(timeout)
        finally:
            command.kill()
        return subprocess.CompletedProcess(line, code, out.read_text(), errors.read_text())


def _run(line, folder, log, errors, environment):
    """Be ``python -m line[0] line[1:]`` in a folder, which tells files all it says."""
    os.chdir(folder)
    os.environ.update(environment)
    for stream, path in ((1, log), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    sys.argv[1:] = line[1:]
    sys.modules.pop(line[0], None)  # else runpy warns that it was loaded before
    runpy.run_module(line[0], run_name="__main__", alter_sys=True)
