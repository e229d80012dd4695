"""Commands whose standard streams are closed, broken or full, and what becomes of them.

    .venv/bin/python experiments/reliability/pipes.py --json FILE

Some minutes. Each command runs once undisturbed, in a process of its own, then once for every state
of its streams, and then once more undisturbed in the folder that is left. It is right if it ends
with the figures of the undisturbed command, and refused if it ends with another exit code than 0
and one line at most; the next start must have these figures in both cases. A traceback, figures
that differ, or an exit code of 0 without any are wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from _verdicts import judged, write
from reuse import FILM

from fibsem.data import load_dataset
from fibsem.data.phantom import simulate

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--folder", type=Path, default=Path("outputs/pipes"))
parser.add_argument("--only", default="", help="cases whose name begins so")
parser.add_argument("--json", type=Path)

THRESHOLD = ["model=threshold", "nbhd=11x11x1", "train.share=0.02"]
#: Commands by name with their own keys. Those behind a result read it from `RESULTS`.
COMMANDS = {
    "simulate": ["phantom=demo", "phantom.shape=[6,160,176]", "phantom.squares=10",
                 "phantom.square_px=32"],
    "inspect": [],
    "train": THRESHOLD,
    "sweep": [*THRESHOLD, "space=threshold", "search.trials=2", "study=pipes"],
    "evaluate": [*THRESHOLD, "seeds=2"],
    "promote": ["study=pipes", "rank.k=1", "rank.seeds=1", "candidates=1", "segment=false",
                "postprocessing.sigma=[0]", "postprocessing.threshold_steps=3"],
    "segment": ["previews=0"],
    "quantify": ["blocks=0"],
    "report": [],
}  # fmt: skip
#: Figures of a summary that depend neither on time nor on place.
FIGURES = ("porosity", "val", "val_all", "test", "best", "seeds", "samples", "labelling", "trials")

#: State of the streams: keywords of `subprocess.Popen`.
Streams = Callable[[], dict[str, Any]]


def broken() -> int:
    """Return a descriptor of a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def full() -> int:
    """Return a descriptor of a device without room."""
    return os.open("/dev/full", os.O_WRONLY)


def closing(*numbers: int) -> Callable[[], None]:
    """Return a function that closes descriptors in the new process."""

    def close() -> None:
        for number in numbers:
            with suppress(OSError):
                os.close(number)

    return close


STATES: dict[str, Streams] = {
    "its first line is read": lambda: {"stdout": subprocess.PIPE},
    "stdout a broken pipe": lambda: {"stdout": broken()},
    "stderr a broken pipe": lambda: {"stderr": broken()},
    "stdout a full device": lambda: {"stdout": full()},
    "stderr a full device": lambda: {"stderr": full()},
    "stdin, stdout and stderr closed": lambda: {"preexec_fn": closing(0, 1, 2)},
}
#: States that are tried with every command; the others only with `inspect` and `segment`.
OF_ALL = ("its first line is read", "stdout a full device", "stderr a broken pipe")


class Bench:
    """A folder with a film, a model and a segmentation that commands may read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.film = folder, folder / "film"
        self.ends: dict[str, dict[str, Any]] = {}
        if not (self.film / "dataset.yaml").is_file():
            simulate(FILM, self.film)
        for command in ("sweep", "train", "segment"):  # what others read
            if not (self.results(command) / "summary.json").is_file():
                self.run(command, self.results(command), {})

    def undisturbed(self, command: str) -> dict[str, Any]:
        """Return what a command with usual streams ends with."""
        if command in self.ends:
            return self.ends[command]
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            found = self.run(command, Path(folder) / "whole", {})
        if found["code"]:
            raise SystemExit(f"{command} fails undisturbed: {found['said']}")
        return self.ends.setdefault(command, found)

    def results(self, command: str) -> Path:
        return self.folder / "results" / command

    def line(self, command: str, output: Path) -> list[str]:
        """Return the command line of a command."""
        store = [f"tracking.uri=sqlite:///{self.folder}/ml.db",
                 f"tracking.artifacts={self.folder}/artifacts"]  # fmt: skip
        stack = self.film / next(iter(FILM.samples)) / "slices"
        reads = {
            "simulate": [],
            "segment": [f"volume={stack}", f"weights={self.results('train')}", *store],
            "quantify": [f"segmentation={self.results('segment')}"],
            "report": [f"folders=[{self.results('segment')}]", *store],
            "inspect": [f"data.path={self.film}"],
        }.get(command, [f"data.path={self.film}", *store])
        module = ["-m", f"fibsem.{command}"]
        return [sys.executable, *module, f"output={output}", *reads, *COMMANDS[command]]

    def run(self, command: str, output: Path, streams: dict[str, Any]) -> dict[str, Any]:
        """Run a command with some streams; return exit code, messages and figures."""
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                  "stderr": subprocess.PIPE}  # fmt: skip
        process = subprocess.Popen(
            self.line(command, output), cwd=self.folder, text=True, **{**silent, **streams}
        )
        for given in streams.values():
            if type(given) is int and given > 2:
                os.close(given)
        if process.stdout is not None:  # like `| head -1`
            process.stdout.readline()
            process.stdout.close()
        said = process.stderr.read() if process.stderr else ""
        return {"code": process.wait(), "said": said, "figures": figures(output)}


def figures(output: Path) -> dict[str, Any] | None:
    """Return the figures of a folder of results, or the digests of a film; None without any."""
    if (output / "dataset.yaml").is_file():
        return {"hash": load_dataset(output).hash}
    file = output / "summary.json"
    if not file.is_file():
        return None
    record = json.loads(file.read_text())
    if isinstance(record.get("best"), dict):
        record["best"] = record["best"]["value"]
    return {key: record.get(key) for key in FIGURES}


def judge(bench: Bench, command: str, streams: Streams) -> dict[str, Any]:
    """Run a command in one state of its streams, and once more in the folder that is left."""
    home = bench.folder / "case"
    shutil.rmtree(home, ignore_errors=True)
    wanted = bench.undisturbed(command)
    found = bench.run(command, home / "output", streams())
    once = command == "simulate" and found["figures"]  # it does not write over a film
    again = found if once else bench.run(command, home / "output", {})
    lines = [line for line in found["said"].splitlines() if line.startswith("error:")]
    clean = "Traceback" not in found["said"] and "Exception ignored" not in found["said"]
    whole = again["figures"] == wanted["figures"] and (once or again["code"] == 0)
    verdict = "wrong"
    if clean and whole and found["code"] == 0 and found["figures"] == wanted["figures"]:
        verdict = "right"
    elif clean and whole and found["code"] and len(lines) <= 1:
        verdict = "refused"
    said = lines[0] if lines else None if clean else found["said"].splitlines()[-1]
    return {"verdict": verdict, "said": said, "code": found["code"]}


def main() -> None:
    """Judge the remaining cases."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(args.folder.resolve())
    cases = {
        f"{command}: {state}": partial(judge, bench, command, streams)
        for command in COMMANDS
        for state, streams in STATES.items()
        if state in OF_ALL or command in ("inspect", "segment")
    }
    some = ((name, case) for name, case in cases.items() if name.startswith(args.only))
    found = judged(args.folder, ((name, named(name, case)) for name, case in some))
    write(found, args.folder, args.json)


def named(name: str, case: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """Return a case whose verdict has its name."""
    return lambda: {"what": name, **case()}


if __name__ == "__main__":
    main()
