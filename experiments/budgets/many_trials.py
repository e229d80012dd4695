"""A sweep of three hundred tiny trials: memory and disk against trials.

    .venv/bin/python experiments/budgets/many_trials.py --json FILE

The command is observed from outside. After every twenty-five trials these are recorded: memory of
the command with its child processes, and of the largest of them; bytes of the output folder, of the
study, and of the MLflow store with its artifacts. Growth is given per trial over the last two
thirds of the sweep, when everything is loaded; the last record is before the last trials. Seconds
per trial are given, too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

MIB = 2**20


@dataclass(frozen=True)
class Sight:
    """Sizes in memory and on disk after a number of trials, in MiB."""

    trials: int
    seconds: float
    memory: float
    largest_process: float
    trial_folders: float
    study: float
    store: float
    artifacts: float


def memory(command: psutil.Process) -> list[float]:
    """Return the MiB of the command and its child processes; shared memory is divided (PSS)."""
    sizes = []
    for process in [command, *command.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            sizes.append(process.memory_full_info().pss / MIB)
    return sizes


def disk(place: Path) -> float:
    """Return the MiB of a file, or of all files in a folder."""
    files = [place] if place.is_file() else place.rglob("*")
    total = 0
    for path in files:
        with contextlib.suppress(OSError):  # a temporary file
            total += path.stat().st_blocks * 512
    return total / MIB


def ended(study: Path) -> int:
    """Return the number of complete trials in the study."""
    with contextlib.closing(sqlite3.connect(f"file:{study}?mode=ro", uri=True)) as database:
        try:
            query = "SELECT count(*) FROM trials WHERE state = 'COMPLETE'"
            return int(database.execute(query).fetchone()[0])
        except sqlite3.Error:  # without tables yet
            return 0


def sights(command: list[str], folder: Path, every: int) -> list[Sight]:
    """Run the sweep to its end, and record its sizes after every ``every`` trials."""
    seen: list[Sight] = []
    started = time.perf_counter()
    with (folder / "sweep.log").open("w") as log:
        sweep = psutil.Popen(command, stdout=log, stderr=log, cwd=folder)
        while sweep.poll() is None:
            time.sleep(0.5)
            study = folder / "sweep" / "study.db"
            trials = ended(study) if study.exists() else 0
            if trials < every * (len(seen) + 1):
                continue
            sizes = memory(sweep)
            if not sizes:
                continue
            seen.append(
                Sight(
                    trials, time.perf_counter() - started, sum(sizes), max(sizes),
                    disk(folder / "sweep" / "trials"), disk(study), disk(folder / "ml.db"),
                    disk(folder / "artifacts"),
                )
            )  # fmt: skip
            print(seen[-1], flush=True)
    if sweep.returncode:
        raise subprocess.CalledProcessError(sweep.returncode, command, folder / "sweep.log")
    return seen


def growth(seen: list[Sight], name: str) -> float:
    """Return the growth in MiB per trial, by a line through the last two thirds."""
    late = seen[len(seen) // 3 :]
    counts = [sight.trials for sight in late]
    return float(np.polyfit(counts, [getattr(sight, name) for sight in late], 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--every", type=int, default=25, help="trials between two looks")
    parser.add_argument("--keep", type=int, default=10, help="trials that keep their weights")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()

    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", MLFLOW_DISABLE_TELEMETRY="true")
    folder = Path(tempfile.mkdtemp(prefix="many-trials-"))
    command = [
        sys.executable, "-m", "fibsem.sweep", "experiment=smoke", "nbhd=11x11x3",
        "tracking.pictures=false", "search.sampler=random", f"search.trials={args.trials}",
        f"search.keep={args.keep}", f"search.workers={args.workers}",
        "search.objectives=[val_all/miou]",
        f"output={folder / 'sweep'}", f"tracking.uri=sqlite:///{folder / 'ml.db'}",
        f"tracking.artifacts={folder / 'artifacts'}",
    ]  # fmt: skip
    seen = sights(command, folder, args.every)
    names = ("memory", "largest_process", "trial_folders", "study", "store", "artifacts")
    record = {
        "trials": args.trials, "keep": args.keep, "workers": args.workers,
        "mib_a_trial": {name: growth(seen, name) for name in names},
        "seen": [asdict(sight) for sight in seen],
    }  # fmt: skip
    print(json.dumps(record["mib_a_trial"], indent=2))
    if args.json:
        args.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
