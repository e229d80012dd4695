"""The one door of all commands: what they say, and with what they end."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fibsem.config import compose
from fibsem.config.keys import choices_of
from fibsem.system.processes import YOUNG

#: A command that does what a test wants.
COMMAND = """
import os, sys
from fibsem.config import run_command
def main(tree):
    {act}
run_command("{command}", main)
"""

#: Forks for each command that it reads, when what all of them import and parse is there.
FORKED = f"""
import builtins, json, os, sys
import hydra._internal.hydra
from fibsem.config import compose, run_command
sys.path.append({str(Path(__file__).parents[2])!r})
from tests import once
once.read_configurations(builtins)
once.compose_groups(builtins)
for command in ("report", "train", "promote", "simulate"):
    compose(command, [])
for line in map(json.loads, sys.stdin):
    if not (child := os.fork()):
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
sys.argv[1:] = line["overrides"]
os.environ |= line["variables"]
for stream, path in ((1, "out"), (2, "errors")):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
exec(line["command"])
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Function (act, *overrides, command, **variables) -> process that has ended."""
    folder = tmp_path_factory.mktemp("commands")
    server = subprocess.Popen(
        [sys.executable, "-c", FORKED], cwd=folder, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip

    def make(act, *overrides, command="report", **variables):
        code = COMMAND.format(act=act, command=command)
        line = {"command": code, "overrides": overrides, "variables": variables}
        print(json.dumps(line), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        said = [(folder / name).read_text(encoding="utf-8") for name in ("out", "errors")]
        return subprocess.CompletedProcess(overrides, code, *said)

    yield make
    server.communicate(timeout=60)


def run_alone(act, stdout=subprocess.PIPE, **variables):
    """In an interpreter of its own: what it writes to is settled when that begins."""
    return subprocess.run(
        [sys.executable, "-c", COMMAND.format(act=act, command="report")], stdout=stdout,
        stderr=subprocess.PIPE, text=True, env=os.environ | variables, timeout=60,
    )  # fmt: skip


def test_threads_compose_at_once():
    """Hydra has one state for all of them."""
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(lambda seed: compose("segment", [f"seed={seed}"]), range(16)))
    assert [tree["seed"] for tree in trees] == list(range(16))


def test_a_crash_keeps_its_traceback_and_no_password(run):
    uri = "http://me:s3/cr@t@127.0.0.1:9"
    done = run("raise RuntimeError('at ' + tree['tracking']['uri'])", f"tracking.uri={uri}")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "RuntimeError: at http://me:***@127.0.0.1:9" in done.stderr
    assert "s3" not in done.stderr


@pytest.mark.parametrize(
    ("act", "said"),
    [("open('/no/where')", "/no/where must be usable, but: No such file or directory."),
     ("b'\\xff'.decode()", "a text must have the encoding that is meant for it, but: "),
     ("bytearray(2**62)", "memory ran out")],
)  # fmt: skip
def test_an_error_of_the_system_is_one_line(run, act, said):
    done = run(act)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {said}")


def test_every_character_can_be_said():
    done = run_alone("print('porosity 30 ± 2 %, Größe 日本')", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "porosity 30 \\xb1 2 %, Gr\\xf6\\xdfe \\u65e5\\u672c\n"


@pytest.mark.parametrize("empty", ["data.path=", "tracking.experiment="])
def test_a_variable_that_is_not_set_is_not_the_default(run, empty):
    """``data.path=$FILM`` trained on the phantom where nobody had set ``FILM``."""
    ended = run("print(tree['command'])", empty, command="train")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"an argument must have a value, but got {empty}; " in ended.stderr
    assert run("print('data')", f"{empty}null", command="train").stdout == "data\n"


@pytest.mark.parametrize("empty", ["data=", "+experiment="])
def test_a_group_without_a_value_may_have_one_of_its_files(run, empty):
    """Null is no choice there, as the group would be missing."""
    ended = run("print(tree['command'])", empty, command="train")
    assert (ended.returncode, ended.stdout) == (2, "")
    files = ", ".join(sorted(choices_of(empty.strip("+="))))
    assert f"got {empty}; the choices are to leave it out, or one of {files}." in ended.stderr


def test_whoever_stops_listening_is_told_in_one_line():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run_alone("print('a' * 10**6)", stdout=writer)
    finally:
        os.close(writer)
    assert done.returncode == 2
    assert done.stderr == "error: the system must do its part, but: Broken pipe.\n"


@pytest.mark.parametrize(
    ("command", "given", "named"),
    [("train", (), ""),
     ("train", ("overwrite=true",), " without overwrite=true"),
     ("promote", ("segmentation.overwrite=true",), " without segmentation.overwrite=true"),
     ("promote", ("overwrite=true", "segmentation.overwrite=true"),
      " without overwrite=true and segmentation.overwrite=true"),
     ("simulate", ("overwrite=true",), "")],
)  # fmt: skip
def test_who_is_stopped_is_told_how_to_go_on_and_not_to_begin_anew(run, command, given, named):
    done = run("raise KeyboardInterrupt", *given, command=command)
    assert done.returncode == 130
    assert done.stderr == f"stopped; the same command{named} goes on from here\n"


def test_what_other_programs_set_for_mlflow_is_left(run):
    others = {"MLFLOW_REGISTRY_URI": "http://a", "MLFLOW_TRACKING_URI": "http://b",
              "MLFLOW_RUN_ID": "c", "MLFLOW_EXPERIMENT_NAME": "d",
              "MLFLOW_ENABLE_ASYNC_LOGGING": "true"}  # fmt: skip
    ours = {"MLFLOW_TRACKING_TOKEN": "e", "MLFLOW_HTTP_REQUEST_TIMEOUT": "9",
            "MLFLOW_S3_ENDPOINT_URL": "f", "MLFLOW_TRACKING_INSECURE_TLS": "g"}  # fmt: skip
    act = f"print(*sorted({{*{[*others]}, *{[*ours]}}} & set(os.environ)))"
    done = run(act, **others, **ours)
    assert done.stdout.split() == sorted(ours)


def test_a_command_looks_for_garbage_more_seldom_than_python(run):
    """What it loads is none, and would be looked through a dozen times."""
    done = run("import gc; print(gc.get_threshold()[0])")
    assert int(done.stdout) == YOUNG


def test_every_job_of_a_multirun_says_its_own_error_and_the_worst_one_gives_the_code(run):
    """The first mistake was told, behind all jobs and of none by name; a bug behind it was lost."""
    act = "{1: open, 2: int, 3: print}[tree['seed']]('no/where')"
    mistake = "error: no/where must be usable, but: No such file or directory. (of the job seed=1)"
    done = run(act, "--multirun", "seed=1,2,3")
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "no/where\n")
    assert lines[:2] == [mistake, "Traceback (most recent call last):"]
    assert lines[-2].startswith("ValueError: invalid literal")
    assert lines[-1] == "of the job seed=2"
    done = run(act, "--multirun", "seed=1,3")
    assert (done.returncode, done.stderr.splitlines()) == (2, [mistake])


def test_a_multirun_has_no_password_to_keep(run):
    uri = "tracking.uri=http://me:s3/cr@t@127.0.0.1:9"
    done = run("print('it ran')", "--multirun", uri, "seed=1,2")
    assert (done.returncode, done.stdout) == (2, "")
    assert "but got tracking.uri=http://me:***@127.0.0.1:9; the choices" in done.stderr
    assert "s3" not in done.stderr
