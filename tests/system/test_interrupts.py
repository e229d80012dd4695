"""Interrupts wait until an exchange with a database is over."""

import os
import pty
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from fibsem.errors import LostError
from fibsem.system.interrupts import (
    end_cleanly,
    every_call,
    forget,
    interruption_point,
    raise_soon,
    uninterrupted,
)
from fibsem.system.threads import STOPS


@pytest.fixture(autouse=True)
def _as_commands_do():
    before = {number: signal.getsignal(number) for number in STOPS}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests may be begun with nohup
    end_cleanly(*STOPS)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOPS)
def test_it_interrupts_at_once_outside_a_block(number):
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", STOPS)
def test_it_waits_for_the_outermost_block(number):
    steps = []

    def work():
        with uninterrupted():
            with uninterrupted():
                signal.raise_signal(number)
                steps.append("inner")
            steps.append("outer")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["inner", "outer"]


def test_a_second_one_does_not_wait_and_nothing_is_left_of_either():
    steps = []

    @uninterrupted()
    def work():
        signal.raise_signal(signal.SIGINT)
        steps.append("after the first")
        signal.raise_signal(signal.SIGINT)
        steps.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["after the first"]
    with uninterrupted():
        pass


def test_where_only_the_first_counts_a_second_one_cuts_nothing_off(monkeypatch):
    """Neither an end that has begun nor a block; what is held for long is raised all the same."""
    end_cleanly(*STOPS, once=True)
    steps = []

    def work():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            steps.append("block")

    with pytest.raises(KeyboardInterrupt):
        work()
    signal.raise_signal(signal.SIGTERM)
    assert steps == ["block"]
    monkeypatch.setattr("fibsem.system.interrupts.HELD_S", 0.1)
    end_cleanly(*STOPS, once=True)

    @uninterrupted()
    def hangs():
        signal.raise_signal(signal.SIGINT)
        time.sleep(10)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        hangs()
    assert time.monotonic() - started < 5


def test_an_error_of_the_block_is_kept_as_the_interrupts_context():
    @uninterrupted()
    def work():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("its own")

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert isinstance(caught.value.__context__, ValueError)


def test_blocks_of_other_threads_hold_nothing_back():
    inside, leave = threading.Event(), threading.Event()

    def work():
        with uninterrupted():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(10)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        leave.set()
        thread.join()


def test_it_is_not_lost_in_a_finaliser():
    class Interrupted:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def work():
        Interrupted()
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        work()


def test_what_is_held_back_for_long_is_raised_all_the_same(monkeypatch):
    """A server that does not answer keeps nobody waiting."""
    monkeypatch.setattr("fibsem.system.interrupts.HELD_S", 0.1)

    @uninterrupted()
    def work():
        signal.raise_signal(signal.SIGINT)
        time.sleep(10)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        work()
    assert time.monotonic() - started < 5
    with uninterrupted():  # and it is not raised once more
        time.sleep(0.2)


def test_a_process_that_handles_its_signals_otherwise_by_now_is_left_alone(monkeypatch):
    """As one of tests, which goes on behind a command that it had run."""
    monkeypatch.setattr("fibsem.system.interrupts.HELD_S", 0.05)
    got = []

    @uninterrupted()
    def work():
        signal.raise_signal(signal.SIGINT)
        signal.signal(signal.SIGINT, lambda *_: got.append("somebody else's"))
        time.sleep(0.3)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert got == []


def test_an_error_of_another_thread_is_raised_where_the_main_thread_may_be_interrupted():
    lost, steps = LostError(), []

    @uninterrupted()
    def work():
        thread = threading.Thread(target=raise_soon, args=(lost,))
        thread.start()
        thread.join()
        steps.append("told")
        interruption_point()
        steps.append("never")

    with pytest.raises(LostError) as caught:
        work()
    assert caught.value is lost
    assert steps == ["told"]
    raise_soon(lost)
    forget(lost)
    interruption_point()
    raise_soon(lost)
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)  # Ctrl-C goes before


#: A process whose main thread waits for itself in native code, where no handler of Python's runs.
HUNG = """
import ctypes, signal
from fibsem.system.again import begin_with
from fibsem.system.interrupts import end_cleanly
from fibsem.system.threads import STOPS
signal.signal(signal.SIGHUP, signal.SIG_DFL)
end_cleanly(*STOPS, at_most_s=0.3)
begin_with(["overwrite=true"])
c, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
print("ready", flush=True)
c.pthread_mutex_lock(mutex)
c.pthread_mutex_lock(mutex)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", STOPS)
def test_a_process_that_hangs_in_native_code_ends_soon(number):
    process = subprocess.Popen(
        [sys.executable, "-c", HUNG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    while psutil.Process(process.pid).status() != psutil.STATUS_SLEEPING:
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(number)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130, said
    assert said == "stopped; the same command without overwrite=true goes on from here\n"


def test_a_terminal_is_closed_once_whoever_says_so_again():
    """A shell tells its jobs before it ends, and the system tells them when it has."""
    steps = []

    @uninterrupted()
    def work():
        signal.raise_signal(signal.SIGHUP)
        steps.append("told")
        signal.raise_signal(signal.SIGHUP)
        steps.append("told again")

    with pytest.raises(KeyboardInterrupt):
        work()
    signal.raise_signal(signal.SIGHUP)
    assert steps == ["told", "told again"]


#: A process at a terminal of its own, with much to say when it is asked to end.
AT_TERMINAL = """
import fcntl, select, signal, sys, termios, time
from pathlib import Path
from fibsem.system.interrupts import end_cleanly
from fibsem.system.threads import STOPS
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1]))
end_cleanly(*STOPS, at_most_s=20)
closed = select.poll()
closed.register(0, 0)  # tells of a terminal that is gone, and of nothing else
try:
    print("ready", flush=True)
    closed.poll(20_000)
    time.sleep(0.3)
    Path("ended").write_text("by itself")
except KeyboardInterrupt:
    print("stopped", flush=True)
    print("stopped", file=sys.stderr, flush=True)
    Path("ended").write_text("cleanly")
    sys.exit(130)
"""


@pytest.mark.parametrize(
    ("begun", "ended", "code"), [("SIG_DFL", "cleanly", 130), ("SIG_IGN", "by itself", 0)]
)
def test_who_loses_its_terminal_ends_cleanly_unless_by_nohup(begun, ended, code, tmp_path):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", AT_TERMINAL, begun], cwd=tmp_path, start_new_session=True,
        stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:  # the whole line: half of one is an error
        assert terminal.readline().strip() == b"ready"
    assert process.wait(30) == code
    assert (tmp_path / "ended").read_text() == ended


def test_public_methods_of_a_class_are_whole_and_keep_their_names():
    @every_call(lambda _: uninterrupted())
    class Log:
        def __init__(self):
            self.lines = []

        def write(self, line):
            """Add a line."""
            signal.raise_signal(signal.SIGINT)
            self.lines.append(line)

        def each(self):
            yield from self.lines

        def _inner(self):
            signal.raise_signal(signal.SIGINT)
            self.lines.append("never")

    log = Log()
    with pytest.raises(KeyboardInterrupt):
        log.write("whole")
    with pytest.raises(KeyboardInterrupt):
        log._inner()
    assert log.lines == list(log.each()) == ["whole"]
    assert (Log.write.__name__, Log.write.__doc__) == ("write", "Add a line.")


#: A transaction of MLflow's store and one of Optuna's, interrupted before a statement of theirs.
INTERRUPTED = """
import signal, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from fibsem.system.interrupts import end_cleanly
from fibsem.config import TrackingConfig
from fibsem.tracking.runs import Tracking

end_cleanly(signal.SIGINT)
tracking = Tracking.open(TrackingConfig(uri="sqlite:///ml.db", artifacts="artifacts"), "any")
left = 0

@event.listens_for(Engine, "before_cursor_execute")
def interrupt(connection, cursor, statement, *others):
    global left
    left -= 1
    if left == 0:
        signal.raise_signal(signal.SIGINT)

for statement in map(int, sys.argv[1:]):
    run = tracking.start("one", tags={})
    left = statement
    try:
        tracking.log_metrics(run, {"loss": 1.0})
    except KeyboardInterrupt:
        print("interrupted", end=" ")
    tracking.end(run, "KILLED")
    found = tracking.client.get_run(run)
    print(found.info.status, found.data.metrics)
"""


@pytest.mark.slow
def test_what_a_store_is_told_is_told_whole_and_the_run_can_be_ended(new_store, tmp_path):
    new_store(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "1", "3"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    said = ["interrupted KILLED {'loss': 1.0}"] * 2
    assert done.stdout.split("\n")[:2] == said, done.stderr[-2000:]
