"""What a trial's process and its sweep say to each other, over a real pipe."""

import gc
import mmap
import multiprocessing
import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from fibsem.config import Configuration, TrackingConfig, compose
from fibsem.errors import OutageError
from fibsem.search.workers import executors
from fibsem.system import pulse
from fibsem.system.interrupts import INTERRUPTED, end_cleanly
from fibsem.system.processes import YOUNG, rss_gib
from fibsem.system.threads import STOPS
from fibsem.tracking.runs import Tracking
from fibsem.training.failures import PrunedError, TrialFailedError
from fibsem.training.job import Job
from fibsem.training.material.datasets import obtain
from tests.processes import FORKED
from tests.search.sweeps import epoch

GONE = SimpleNamespace(join=lambda: None, exitcode=-signal.SIGKILL)


def conversation(messages, on_epoch=lambda epoch: None, process=GONE):
    """What the sweep makes of a process that says these, and what it answers."""
    ours, theirs = multiprocessing.Pipe()
    for message in messages:
        theirs.send(message)
    answers = []
    if messages:
        watch = threading.Thread(
            target=lambda: answers.extend(theirs.recv() for m in messages if m[0] == "epoch"),
            daemon=True,
        )
        watch.start()
    else:
        theirs.close()
    try:
        return executors._converse(ours, process, on_epoch), answers
    finally:
        if messages:
            watch.join(60)


def test_epochs_are_told_and_the_record_comes_last():
    told = []
    epochs = [epoch(0, 0.5), epoch(1, 0.4)]
    messages = [*(("epoch", one) for one in epochs), ("done", {"run_id": "a"})]
    record, answers = conversation(messages, told.append)
    assert (record, answers, told) == ({"run_id": "a"}, ["go on"] * 2, epochs)


def test_a_trial_that_shall_end_is_told_so_and_says_that_it_has():
    def prune(epoch):
        raise PrunedError(epoch.epoch)

    with pytest.raises(PrunedError) as caught:
        conversation([("epoch", epoch(3, 0.5)), ("pruned", (3,))], prune)
    assert caught.value.epoch == 3


def test_a_failure_comes_with_its_reason():
    with pytest.raises(TrialFailedError, match="out of memory") as caught:
        conversation([("failed", ("out of memory", "a traceback", True))])
    assert (caught.value.trace, caught.value.final) == ("a traceback", True)


@pytest.mark.parametrize(
    ("code", "words"),
    [(-signal.SIGKILL, "ended by SIGKILL, out of memory?"), (-signal.SIGSEGV, "ended by SIGSEGV"),
     (-signal.SIGXCPU, "ended by SIGXCPU"), (3, "ended with exit code 3")],
)  # fmt: skip
def test_a_process_that_ends_without_a_word_is_a_failure_with_its_cause(code, words):
    with pytest.raises(TrialFailedError) as caught:
        conversation([], process=SimpleNamespace(join=lambda: None, exitcode=code))
    assert caught.value.reason == f"its process {words}" if code > 0 else words in str(caught.value)
    assert caught.value.final is False
    sent = (-signal.SIGKILL, -signal.SIGXCPU)  # by others, or the kernel
    assert caught.value.of_training == (code not in sent)


def is_asked_to_end(line):
    """The work of a trial whose process somebody sends a signal."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def test_a_trial_that_is_asked_to_end_tells_it_by_its_exit_code(monkeypatch):
    """In this process, which shall live on: what ends it with its parent is left out."""
    for name in ("die_with_parent", "guard_output"):
        monkeypatch.setattr(executors, name, lambda: None)
    before = {number: signal.getsignal(number) for number in STOPS}
    try:
        with pytest.raises(SystemExit) as end:
            executors._child(is_asked_to_end, multiprocessing.Pipe()[1])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    process = SimpleNamespace(join=lambda: None, exitcode=end.value.code)
    with pytest.raises(TrialFailedError, match="alone was asked to end") as caught:
        conversation([], process=process)
    assert not caught.value.of_training


@pytest.mark.slow
def test_a_process_that_is_asked_to_end_has_not_failed_by_itself():
    ours, theirs = FORKED.Pipe()
    process = FORKED.Process(target=executors._child, args=(is_asked_to_end, theirs))
    process.start()
    theirs.close()
    with pytest.raises(TrialFailedError, match="alone was asked to end") as caught:
        executors._converse(ours, process, print)
    assert not caught.value.of_training


def trains_long(began, line):
    """The work of a trial that has something to write when it is ended."""
    Path(began).touch()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.5)  # as for a store
        Path(began).with_suffix(".ended").touch()
        raise
    return "done", None


def looks(line):
    """The work of a trial that tells how often it looks for garbage."""
    return "done", gc.get_threshold()[0]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # the child uses no library
def test_the_process_of_a_trial_looks_for_garbage_as_seldom_as_a_command():
    before = gc.get_threshold()
    gc.set_threshold(700)  # which a process that is forked has at first
    try:
        context = multiprocessing.get_context("fork")
        assert executors.in_own_process(context, looks, print) == YOUNG
    finally:
        gc.set_threshold(*before)


def sweeps(began):
    """A sweep with one trial in a process of its own."""
    end_cleanly(*STOPS)
    try:
        executors.in_own_process(
            multiprocessing.get_context("fork"), partial(trains_long, began), print
        )
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [False, True])
def test_who_asks_the_sweep_to_end_waits_for_the_end_of_its_trial_alone(tmp_path, terminal):
    """A scheduler asks the sweep, a terminal both; the sweep's own word is no second one."""
    began = tmp_path / "trial.began"
    sweep = FORKED.Process(target=sweeps, args=(str(began),))
    sweep.start()
    until = time.monotonic() + 60
    while not began.exists() and time.monotonic() < until:
        time.sleep(0.02)
    asked = psutil.Process(sweep.pid).children() if terminal else []
    start = time.time()
    for pid in (sweep.pid, *(child.pid for child in asked)):
        os.kill(pid, signal.SIGINT if terminal else signal.SIGTERM)
    sweep.join(30)
    assert sweep.exitcode == INTERRUPTED
    ended_s = began.with_suffix(".ended").stat().st_mtime - start
    assert ended_s < 3  # half a second of them is the trial's


def test_a_process_that_grows_beyond_its_limit_trains_no_further_trial(capsys):
    """Each trial leaves 64 MiB behind."""
    kept = []

    def here(job, on_epoch):
        kept.append(np.frombuffer(mmap.mmap(-1, 2**26), np.uint8))  # never what was freed before
        kept[-1].fill(1)
        return "here"

    execute = executors.UpToMemory(here, lambda: lambda job, on_epoch: "fresh", rss_gib() + 0.09)
    assert [execute(None, None) for _ in range(4)] == ["here", "here", "fresh", "fresh"]
    assert capsys.readouterr().err.count("more than search.memory_gib=") == 1


@pytest.mark.slow
def test_a_sweep_beyond_its_memory_goes_on_in_fresh_processes(run_thresholds, capsys):
    summary = run_thresholds("search.memory_gib=0.01", trials=2)
    assert summary["trials"]["complete"] == 2
    assert "each further trial is trained in a process of its own" in capsys.readouterr().err


def test_what_is_away_is_no_failure_and_the_pulse_of_a_process_is_followed():
    beat = pulse.Pulse(7, 0.5, apart=False)
    with pytest.raises(OutageError, match="the disk"):
        conversation([("pulse", beat), ("away", "the disk is full")])
    assert pulse.pulse() == beat
    pulse.begin()


def test_what_a_process_runs_is_what_it_says(tiny, new_store, tmp_path):
    """Trained, pruned, failed; the model is one that is fitted at once."""
    new_store(tmp_path)
    store = {"uri": f"sqlite:///{tmp_path / 'ml.db'}", "artifacts": str(tmp_path / "artifacts")}
    tracking = Tracking.open(TrackingConfig(**store), "any")
    tree = compose("train", [f"data.path={tiny}", "model=threshold", "nbhd=11x11x3"])
    config = Configuration(tree).run
    digests = obtain(config.data, config.split).digests

    def said(name, answer, tree=tree):
        ours, theirs = multiprocessing.Pipe()
        ours.send(answer)
        job = Job(Configuration(tree), tmp_path / name, name, {})
        return executors._run(job, tracking, digests, executors.Line(theirs)), ours

    (kind, result), pipe = said("trained", "go on")
    assert (kind, result.epochs) == ("done", 1)
    said_first, epoch = pipe.recv()
    assert (said_first, epoch) == ("epoch", result.history[0])
    assert said("pruned", "prune")[0] == ("pruned", (0,))
    (kind, content), _ = said("failed", "go on", {**tree, "nbhd": "10x10x3"})
    reason, trace, final, own, diverged = content
    assert (kind, final, own, diverged) == ("failed", True, True, False)
    assert reason.startswith("impossible: `nbhd`")
    assert trace.startswith("Traceback")
