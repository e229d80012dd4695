"""What the framework costs beside the training steps, and what a second worker brings.

    .venv/bin/python experiments/benchmarks/sweep_overhead.py --json FILE

About twelve minutes on 2 cores. Trials of 60 s (train.max_seconds) in one process and each in a
process of its own: `overhead` is the share of a trial's time that is not spent in its epochs
(claiming, reading the dataset, building and tracing, scoring all labelled pixels, logging). Then
the same four trials of a fixed number of epochs by one worker and by two: `speedup_2_workers`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _common import options, report

parser = options(__doc__.splitlines()[0])
parser.add_argument("--seconds", type=float, default=60, help="of training in a trial")
parser.add_argument("--trials", type=int, default=3)
args = parser.parse_args()

folder = Path(tempfile.mkdtemp(prefix="sweep-overhead-"))
environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "MLFLOW_DISABLE_TELEMETRY": "true"}


def sweep(name: str, *overrides: str) -> tuple[Path, float]:
    """Run one sweep; return its folder and its seconds."""
    command = [
        sys.executable, "-m", "fibsem.sweep", "data=demo", "nbhd=33x33x3", "space=smoke",
        "space.axes.model.blocks=[3]", "space.axes.model.filters=[16]", "train.patience=null",
        f"output={folder / name}", f"tracking.uri=sqlite:///{folder / 'ml.db'}",
        f"tracking.artifacts={folder / 'artifacts'}", *overrides,
    ]  # fmt: skip
    started = time.perf_counter()
    with (folder / f"{name}.log").open("w") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env=environment)
    return folder / name, time.perf_counter() - started


def overhead(name: str, *overrides: str) -> float:
    """Return the share of the time from first claim to last result that is not training epochs."""
    place, _ = sweep(
        name, f"train.max_seconds={args.seconds}", "train.epochs=100000",
        f"search.trials={args.trials}", *overrides,
    )  # fmt: skip
    import optuna

    study = optuna.load_study(study_name=name, storage=f"sqlite:///{place / 'study.db'}")
    trials = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    whole = max(t.datetime_complete for t in trials) - min(t.datetime_start for t in trials)
    trained = sum(
        json.loads((place / "trials" / f"{k:04d}" / "result.json").read_text())["train_seconds"]
        for k in range(args.trials)
    )
    return 1 - trained / whole.total_seconds()


figures = {"trial_s": args.seconds, "trials": args.trials}
figures["overhead"] = overhead("inside")
print("overhead", figures["overhead"], flush=True)
figures["overhead_isolated"] = overhead("isolated", "search.isolate=true")
print("overhead_isolated", figures["overhead_isolated"], flush=True)
fixed = ["train.epochs=12", "train.steps=60", "train.share=0.05", "search.trials=4"]
_, one = sweep("one", *fixed)
_, two = sweep("two", *fixed, "search.workers=2")
figures |= {"one_worker_s": one, "two_workers_s": two, "speedup_2_workers": one / two}
report(figures, args.json)
