"""Who runs an attempt: known by what no clock moves; given up for silence, or for no progress."""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fibsem.errors import LostError
from fibsem.search.studies.owner import Beat, Heart, Observer, Owner, Watch
from fibsem.system import pulse
from fibsem.system.interrupts import interruption_point


@pytest.fixture
def process():
    """A process that does nothing."""
    running = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    yield running
    running.kill()
    running.wait()


def owner_of(process):
    me = Owner.me()
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return replace(me, pid=process.pid, started=int(stat.rpartition(")")[2].split()[19]))


def test_an_owner_is_written_and_read():
    me = Owner.me()
    assert Owner.read(me.text()) == me
    assert me.is_local
    assert me.alive
    assert Owner.read(None) is None
    assert Owner.read('["host", "boot", 1, 1700000000.25]') is None  # of former versions


def test_a_process_lives_until_it_has_ended(process):
    owner = owner_of(process)
    assert owner.alive
    process.send_signal(signal.SIGSTOP)  # stopped is not dead
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    assert owner.alive
    process.kill()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not owner.alive  # ended, though nobody has waited for it
    process.wait()
    assert not owner.alive
    assert not replace(Owner.me(), started=Owner.me().started + 1).alive  # a number used again


def test_a_step_of_the_clock_makes_no_process_another_one(process, monkeypatch):
    """What psutil takes for the time of the start is the clock's time of the boot and ticks."""
    owner, before = owner_of(process), psutil.Process(process.pid).create_time()
    boot = psutil._pslinux.boot_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot + 3600)
    assert owner.alive
    assert psutil.Process(process.pid).create_time() == pytest.approx(before + 3600)


def test_a_watch_counts_silence_by_its_own_looks(clock):
    watch = Watch(0.1)
    assert watch.silence_s(1, "a") == 0
    clock.now += 0.05
    assert watch.silence_s(1, "a") == pytest.approx(0.05)
    clock.now += 0.5  # it did not look: what happened meanwhile it does not know
    assert watch.silence_s(1, "a") == pytest.approx(0.15)
    assert watch.silence_s(1, "b") == 0
    assert watch.silence_s(2, "a") == 0


def test_an_observer_gives_up_who_is_gone_or_says_nothing(process, clock):
    def looked(observer, owner, beat, seconds):
        """The first verdict of an observer that looks all the time."""
        until = clock.now + seconds
        while clock.now < until:
            verdict = observer.verdict(0, owner.text() if owner else None, beat)
            if verdict is not None:
                return verdict
            clock.now += 0.02
        return None

    me = Owner.me()
    observer = Observer(me, grace_s=0.3, beat_s=0.1)
    here, elsewhere = owner_of(process), replace(me, host="elsewhere")
    slow = Beat(1, 5, 100.0).text()
    assert looked(observer, here, slow, 0.6) is None  # it said that a step may take so long
    assert looked(observer, here, Beat(2, 5, 0.4).text(), 2).startswith("its process said nothing")
    assert looked(observer, elsewhere, slow, 2) == "killed"  # nobody can look after it there
    assert looked(observer, None, None, 2) == "killed"  # cut off in the moment of its claim
    assert "answer was lost" in looked(observer, me, None, 0.1)
    process.kill()
    process.wait()
    assert looked(observer, here, slow, 0.1) == "killed"


@pytest.fixture
def heart():
    """Function (beat, stall_s) -> a heart, its beats, and the reasons it was abandoned for."""
    pulse.begin()
    abandoned = []

    def make(beat, stall_s=100.0, abandon=abandoned.append):
        return Heart(beat, 0.02, stall_s, RuntimeError, abandon)

    make.abandoned = abandoned
    yield make
    pulse.begin()


def worked(seconds, step=pulse.step):
    """Work in steps of ten milliseconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)
        step()


def quick_steps():
    """Steps that take no time: what comes next takes far more than twenty of them."""
    for _ in range(3):
        pulse.step()


def test_beats_carry_steps(heart):
    beats = []
    with heart(beats.append):
        worked(0.3)
    assert [beat.count for beat in beats] == list(range(1, len(beats) + 1))
    steps = [beat.steps for beat in beats]
    assert steps == sorted(steps)
    assert steps[-1] > steps[0]
    assert Beat.read(beats[-1].text()) == beats[-1]
    assert Beat.read(7) is None  # of former versions


def test_a_lost_trial_stops_at_the_next_step(heart):
    def lost(beat):
        raise LostError

    with pytest.raises(LostError), heart(lost):
        worked(10)
    interruption_point()  # nothing is left of it


def test_a_database_that_is_away_stops_nothing(heart, capsys):
    def away(beat):
        raise ConnectionError

    with heart(away):
        worked(0.2)
    assert "heartbeat missed: ConnectionError" in capsys.readouterr().out


def test_a_hang_is_seen_and_ends_where_the_main_thread_comes_back(heart):
    quick_steps()
    told = pytest.raises(RuntimeError, match=r"no step for \d s, the slowest before took 0.0 s")
    with told, heart(lambda beat: None, stall_s=0.3):
        worked(10, step=interruption_point)
    assert heart.abandoned == []


def test_who_hangs_for_good_is_abandoned(heart, monkeypatch):
    monkeypatch.setattr("fibsem.search.studies.owner.LAST_S", 0.1)
    quick_steps()
    ours, theirs = os.pipe()

    def abandon(reason):
        heart.abandoned.append(reason)
        os.write(theirs, b"!")

    with heart(lambda beat: None, stall_s=0.3, abandon=abandon):
        # in native code, where nothing can be raised, until there is something to be read
        ctypes.CDLL(None).poll((ctypes.c_int * 2)(ours, select.POLLIN), 1, 10_000)
    for end in (ours, theirs):
        os.close(end)
    assert len(heart.abandoned) == 1


def test_what_is_slow_or_no_step_is_no_hang(heart):
    pulse.step()
    time.sleep(0.05)
    pulse.step()  # a slow one: the next may take twenty times as long
    with heart(lambda beat: None, stall_s=0.01):
        time.sleep(0.5)
        pulse.step()
    pulse.begin()
    with heart(lambda beat: None, stall_s=0.1):
        time.sleep(0.5)  # compilation: ten times as long
        pulse.step()
    assert heart.abandoned == []


def test_the_pulse_leaves_out_what_is_no_step():
    pulse.begin()
    time.sleep(0.1)
    pulse.step()
    assert (pulse.pulse().steps, pulse.pulse().slowest_s) == (1, 0.0)
    pulse.apart()
    time.sleep(0.1)
    assert pulse.pulse().patience_s(1) == 10
    pulse.step()
    assert pulse.pulse().slowest_s == 0.0
    time.sleep(0.1)
    pulse.step()
    assert 0.1 <= pulse.pulse().slowest_s < 1
    assert pulse.pulse().patience_s(1) == 20 * pulse.pulse().slowest_s
    assert pulse.pulse().patience_s(100) == 100
