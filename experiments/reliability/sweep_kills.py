"""Kill a sweep with two workers again and again, and count what it ends with.

    .venv/bin/python experiments/reliability/sweep_kills.py --json FILE

About ten minutes on 2 cores. Repeated until there were ten kills: start the sweep, wait a random
time, kill one worker (SIGKILL), and a moment later the parent. The last start runs to its end. The
complete trials, the children of the parent run, and the runs that are left 'RUNNING' are counted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

for _key, _value in {"TF_CPP_MIN_LOG_LEVEL": "3", "MLFLOW_DISABLE_TELEMETRY": "true"}.items():
    os.environ.setdefault(_key, _value)
sys.path.insert(0, str(Path(__file__).parents[2]))

if TYPE_CHECKING:
    from tests.processes import Command

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, help="write the figures here")
parser.add_argument("--kills", type=int, default=10)
parser.add_argument("--trials", type=int, default=40)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--storage", help="search.storage; default: study.db in the folder")
parser.add_argument("--folder", type=Path, help="keep the sweep here")
parser.add_argument("--data", default="data=demo", help="the dataset as an override")
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--steps", type=int, default=40, help="of an epoch")
parser.add_argument("--longest", type=float, default=20, help="seconds before a kill, at most")
parser.add_argument("--training", action="store_true", help="count them from a first checkpoint")


def workers(parent: Command) -> list[psutil.Process]:
    """Return the worker processes, which a server of multiprocessing forks."""
    try:
        children = psutil.Process(parent.pid).children()
        return [worker for server in children for worker in server.children()]
    except psutil.NoSuchProcess:
        return []


def trains(sweep: Path, since: float) -> bool:
    """Return whether a trial has written a checkpoint since a moment."""
    with contextlib.suppress(FileNotFoundError):  # finished trials delete their checkpoints
        return any(path.stat().st_mtime > since for path in sweep.glob("trials/*/checkpoint.npz"))
    return False


def kill(process: psutil.Process | Command) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        process.send_signal(signal.SIGKILL)


def counted(store: str, sweep: Path) -> dict[str, int]:
    """Count the complete trials of a sweep, and its runs in the store."""
    import mlflow

    client = mlflow.MlflowClient(store)
    summary = json.loads((sweep / "summary.json").read_text())
    everything = [
        run
        for experiment in client.search_experiments()
        for run in client.search_runs([experiment.experiment_id], max_results=5000)
    ]
    parents = [r for r in everything if r.data.tags.get("fibsem.command") == "sweep"]
    children = [r for r in everything if r.data.tags.get("fibsem.command") == "trial"]
    return {
        "complete": summary["trials"]["complete"],
        "parents": len(parents),
        "children_complete": sum(r.info.status == "FINISHED" for r in children),
        "children_of_the_parent": sum(
            r.data.tags.get("mlflow.parentRunId") == summary["parent_run_id"] for r in children
        ),
        "children": len(children),
        "left_running": sum(r.info.status == "RUNNING" for r in everything),
    }


def main() -> None:
    from _made import made

    from tests.processes import Command  # forked after the imports of a sweep

    args = parser.parse_args()
    random.seed(args.seed)
    folder = args.folder or Path(tempfile.mkdtemp(prefix="sweep-kills-"))
    sweep = folder / "sweep"
    store = f"sqlite:///{folder / 'ml.db'}"
    command = [
        "fibsem.sweep", args.data, "nbhd=11x11x3", "space=smoke",
        "space.axes.model.blocks=[1]", f"train.epochs={args.epochs}", f"train.steps={args.steps}",
        "train.min_steps=0", "train.share=0.02", "search.workers=2", "search.retries=100",
        f"search.trials={args.trials}", f"output={sweep}",
        f"tracking.uri={store}", f"tracking.artifacts={folder / 'artifacts'}",
        *([f"search.storage={args.storage}"] if args.storage else []),
    ]  # fmt: skip

    def start() -> Command:
        return Command(command, Path.cwd(), folder / "log.txt")

    started, kills = time.perf_counter(), 0
    while kills < args.kills:
        parent, began = start(), time.time()
        while parent.poll() is None and len(workers(parent)) < 2:
            time.sleep(0.2)
        while args.training and parent.poll() is None and not trains(sweep, began):
            time.sleep(0.05)
        time.sleep(random.uniform(0, args.longest))
        if parent.poll() is not None:
            break  # finished before the kill
        if found := workers(parent):
            kill(random.choice(found))
            kills += 1
        time.sleep(random.uniform(0, min(4, args.longest)))
        kill(parent)
        parent.wait()
        kills += 1
        print(f"{kills} kills", flush=True)

    last = start()
    last.wait()

    figures = {
        **made(),
        "kills": kills,
        "exit_code": last.poll(),
        "requested": args.trials,
        **counted(store, sweep),
        "seconds": time.perf_counter() - started,
    }
    print(json.dumps(figures, indent=2))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
