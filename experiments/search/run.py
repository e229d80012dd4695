"""TPE with pruning beside the thesis's random scheme: one space, equal wall time, three seeds.

    .venv/bin/python experiments/search/run.py

Six sweeps of `--minutes` each, one after another; finished ones are not repeated. The scheme of the
thesis enumerates blocks x learning rate and draws the rest at random, without pruning. The results
are written to experiments/search/results: all trials, a table and a figure.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--minutes", type=float, default=7, help="of each sweep")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--folder", type=Path, default=Path("outputs/search"))
parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
parser.add_argument("--json", type=Path, help="write the figures here, too")
args = parser.parse_args()

WAYS = {
    "thesis's random scheme": ["search.sampler=enumerated"],
    "TPE, median pruner": [
        "search.sampler=tpe", "search.startup_trials=8", "search.pruner=median",
        "search.pruner_warmup=2",
    ],
}  # fmt: skip
COMMON = [
    "data=demo", "nbhd=33x33x3", "space=2d", "train.epochs=9", "train.steps=25",
    "train.patience=null", "train.share=0.02", "train.val_all=false", "search.trials=1000",
]  # fmt: skip


def sweep(way: str, seed: int) -> Path:
    """Run one sweep, unless it is finished, and return its folder."""
    folder = args.folder / f"{WAYS[way][0].rpartition('=')[2]}-{seed}"
    if (folder / "summary.json").is_file():
        return folder
    command = [
        sys.executable, "-m", "fibsem.sweep", *COMMON, *WAYS[way], f"search.seed={seed}",
        f"search.max_seconds={60 * args.minutes}", f"output={folder}",
        f"tracking.uri=sqlite:///{args.folder / 'mlflow.db'}",
        f"tracking.artifacts={args.folder / 'artifacts'}",
    ]  # fmt: skip
    subprocess.run(command, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    return folder


def trials(folder: Path) -> list[tuple[float, float | None, str]]:
    """Return (minutes since the first start, validation loss, state) of trials as they ended."""
    import optuna

    study = optuna.load_study(study_name=folder.name, storage=f"sqlite:///{folder / 'study.db'}")
    ended = [t for t in study.get_trials(deepcopy=False) if t.datetime_complete]
    begin = min(t.datetime_start for t in ended)
    rows = [
        ((t.datetime_complete - begin).total_seconds() / 60,
         t.value if t.state.name == "COMPLETE" else None, t.state.name.lower())
        for t in ended
    ]  # fmt: skip
    return sorted(row for row in rows if row[0] <= args.minutes)


found = {way: [trials(sweep(way, seed)) for seed in range(args.seeds)] for way in WAYS}

args.results.mkdir(parents=True, exist_ok=True)
with (args.results / "trials.csv").open("w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["way", "seed", "minutes", "validation loss", "state"])
    for way, runs in found.items():
        for seed, rows in enumerate(runs):
            table.writerows([way, seed, f"{t:.3f}", v, state] for t, v, state in rows)

lines = ["| search | complete | pruned | " + " | ".join(
    f"best loss after {share * args.minutes:.1f} min" for share in (0.25, 0.5, 1)) + " |",
    "|---|--:|--:|--:|--:|--:|"]  # fmt: skip
record: dict[str, dict] = {}
for way, runs in found.items():
    best = {
        share: [
            min((v for t, v, _ in rows if v is not None and t <= share * args.minutes), default=1.0)
            for rows in runs
        ]
        for share in (0.25, 0.5, 1)
    }
    states = [[state for *_, state in rows] for rows in runs]
    counts = {
        name: [each.count(name) for each in states] for name in ("complete", "pruned", "fail")
    }
    record[way] = {**counts, "best_loss": best[1]}
    cells = [f"{mean(values):.4f} ± {stdev(values):.4f}" for values in best.values()]
    lines.append(f"| {way} | {mean(counts['complete']):.0f} | {mean(counts['pruned']):.0f} | "
                 + " | ".join(cells) + " |")  # fmt: skip
(args.results / "table.md").write_text("\n".join(lines) + "\n")
for file in filter(None, (args.results / "summary.json", args.json)):
    file.write_text(json.dumps(record, indent=2) + "\n")
print("\n".join(lines))

from fibsem.analysis import figures

curves = {
    way: [
        ([t for t, v, _ in rows if v is not None], [v for _, v, _ in rows if v is not None])
        for rows in runs
    ]
    for way, runs in found.items()
}
figures.save(figures.searches(curves, "validation loss"), args.results / "best_against_time.png")
