"""Commands as a user types them: help without TensorFlow, one line for a mistake, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = ("simulate", "inspect", "train", "sweep", "evaluate", "promote", "segment", "quantify",
            "report", "view")  # fmt: skip


def call(*line, cwd):
    return subprocess.run(
        [sys.executable, "-m", *line], capture_output=True, text=True, cwd=cwd, timeout=120
    )


MISTAKES = [
    (("train", "nbhd=80x80x3"), "odd and positive"),
    (("train", "train.epohcs=3"), "epohcs"),
    (("train", "model=resnet"), "`model` must be one of 1dcnn, 2dcnn, 3dcnn, forest, "),
    (("train", "data=dmo"), "`data` must be one of demo, hpc, phantom, but got dmo"),
    (("train", "33x33x3"), "an argument must be key=value, but got 33x33x3"),
    (("train", "--nbhd", "33x33x3"), "must be key=value without dashes, but got --nbhd"),
    (("train", "train.share=0,005"), "`train.share` must be one value, but got 0,005; a number"),
    (("segment", "probabilities=yes"), "`probabilities` must be true or false, but got 'yes'"),
    (("promote", "candidates=two"), "`candidates` must be a whole number, but got 'two'"),
    (("sweep", "search=keras_tuner", "search.hyperband.epochs=0"), "epochs` must be at least 1"),
    (("train", "data.name=hpc"), "`data.name` must be left to `data`, but got hpc; data=hpc takes"),
    (("sweep", "search.constraints={foo: 1}", "search.dry_run=true"), "`search.constraints` must"),
    (("train", "train.optimizer=lion"), "`train.optimizer` must be one of"),
    (("sweep", "train.optimizer=lion"), "`train.optimizer` must be one of"),
    (("train", "output=${nowhere}"), "'nowhere' not found"),
    (("sweep", "data.path=nowhere"), "nowhere is not there"),
    (("inspect", "data=hpc"), "data.download=true"),
    (("segment",), "`volume` must be given"),
    (("segment", "volume=nowhere"), "nowhere is not there"),
    (("quantify",), "`segmentation` must be given"),
    (("quantify", "segmentation=nowhere"), "but nowhere is not there"),
    (("quantify", "segmentation=."), "but . is not one"),
    (("quantify", "segmentation=.", "connectivity=18"), "must be one of 6, 26"),
    (("quantify", "segmentation=.", "face=top"), "must be one of z0"),
    (("quantify", "segmentation=.", "largest=0"), "`largest` must be above 0"),
    (("view",), "`segmentation` must be given"),
    (("view", "segmentation=nowhere"), "but nowhere is not there"),
    (("simulate", "phantom.squares=2"), "at least 3"),
    (("simulate", "layout=zip"), "manifest or archive"),
    (("report",), "`folders` must be folders of results, but outputs is not there"),
    (("report", "folders=[.]"), "`data=phantom` must have results in ., but has none"),
    (("report", "folders=outputs"), "`folders` must be a list"),
    (("report", "data.path=nowhere", "folders=[.]"), "nowhere is not there"),
    (("report", "lineage=nowhere"), "but nowhere is not there"),
    (("report", "lineage=."), "but . is not one"),
    (("promote", "gate.alpha=high"), "`gate.alpha` must be a number"),
]

#: Runs every line of standard input as its command would, in one interpreter: it tells exit code,
#: output and standard error of each, and which heavy libraries are loaded behind it.
ONE_INTERPRETER = f"""
import builtins, contextlib, io, json, runpy, sys
sys.path.append({str(Path(__file__).parents[1])!r})
from tests import once

once.read_configurations(builtins)
once.parse_overrides(builtins)
once.compose_groups(builtins)
for line in json.load(sys.stdin):
    sys.argv[1:] = line[1:]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module("fibsem." + line[0], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code or 0
    heavy = set("tensorflow keras mlflow optuna matplotlib".split()) & set(sys.modules)
    print(json.dumps([code, out.getvalue(), err.getvalue(), sorted(heavy)]))
"""


def one_after_the_other(lines, folder, before=(), **environment):
    """(exit code, output, standard error, heavy libraries) of commands in one interpreter.

    What a shell would write before the interpreter may change what it may do.
    """
    done = subprocess.run(
        [*before, sys.executable, "-c", ONE_INTERPRETER], input=json.dumps(lines), cwd=folder,
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return list(map(json.loads, done.stdout.splitlines()))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What every help and every mistake says, by its command; and, last, two that do their work."""
    folder, work = (tmp_path_factory.mktemp(name) for name in ("commands", "work"))
    film = ["phantom=demo", "phantom.shape=[4,128,160]", "phantom.square_px=48",
            "phantom.squares=5", "~phantom.samples.HPC22", "~phantom.samples.HPC30"]  # fmt: skip
    lines = [
        *((command, "--help") for command in COMMANDS),
        *(line for line, _ in MISTAKES),
        ("simulate", *film, f"output={work / 'film'}"),
        ("inspect", f"data.path={work / 'film'}", f"output={work / 'look'}"),
    ]
    said = one_after_the_other(lines, folder)
    assert list(folder.iterdir()) == []  # neither help nor a mistake leaves anything behind
    told = dict(zip(lines, said, strict=True))
    return told | {"work": work, "simulated": said[-2], "inspected": said[-1]}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_a_newcomer_needs(command, told):
    code, out, err, heavy = told[command, "--help"]
    assert (code, err, heavy) == (0, "", [])
    assert f"usage: python -m fibsem.{command}" in out
    assert "output=DIR" in out
    listed = [line for line in out.splitlines() if "3dcnn, " in line]
    assert all(("auto, " in line) == (command == "sweep") for line in listed)


@pytest.mark.parametrize(("line", "message"), MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(line, message, told):
    code, out, err, heavy = told[line]
    assert code == 2, out
    said = [text for text in err.splitlines() if text.strip()]
    assert len(said) == 1, err
    assert said[0].startswith("error: ")
    assert message in said[0]
    assert "tensorflow" not in heavy


def test_a_mistake_in_a_process_of_its_own(tmp_path):
    done = call("fibsem.train", "nbhd=80x80x3", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: `nbhd` must be odd and positive on every axis, but got 80x80x3."
    ]


@pytest.mark.slow
def test_multirun_fills_a_table_and_leaves_no_folder_of_its_own(tmp_path, tiny):
    from tests.processes import completed  # which loads what the other tests do without

    line = ["experiment=smoke", f"data.path={tiny}", "model=threshold", "nbhd=11x11x1,33x33x1",
            "seeds=1"]  # fmt: skip
    done = completed(["fibsem.evaluate", "--multirun", *line], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 evaluations of phantom" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"outputs", "mlruns"}
    commands = [
        json.loads(path.read_text())["command"].split()
        for path in tmp_path.glob("outputs/evaluate/*/summary.json")
    ]
    assert sorted(words[-2] for words in commands) == ["nbhd=11x11x1", "nbhd=33x33x1"]
    assert all(words[:3] == ["python", "-m", "fibsem.evaluate"] for words in commands)


def test_simulate_and_inspect(told):
    simulated, inspected, work = told["simulated"], told["inspected"], told["work"]
    assert simulated[0] == inspected[0] == 0, simulated[2] + inspected[2]
    made = json.loads((work / "film" / "summary.json").read_text())
    assert set(made) == {"samples", "seconds"}
    assert set(made["samples"]["HPC45"]) == {"porosity", "mean", "std"}

    record = json.loads((work / "look" / "summary.json").read_text())
    film = record["samples"]["HPC45"]
    assert film["shape"] == [4, 128, 160]
    assert film["dtype"] == "uint16"
    assert film["regions"] == {"train": 3, "val": 1, "test": 1}
    assert film["mean"] == pytest.approx(made["samples"]["HPC45"]["mean"], abs=1e-4)
    assert film["std"] == pytest.approx(made["samples"]["HPC45"]["std"], abs=1e-4)
    assert film["median"] == pytest.approx(film["mean"], abs=0.1)
    assert film["gradient"] < 0
    low, high = film["porosity_ci"]
    assert low < film["porosity"] < high
    for picture in ("histograms", "gradient", "classes", "squares_HPC45"):
        png = (work / "look" / f"{picture}.png").read_bytes()
        assert png.startswith(b"\x89PNG")
    assert "| HPC45 |" in inspected[1]
