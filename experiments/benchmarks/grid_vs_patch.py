"""Validation mIoU against wall time, training by patch and by grid, the same seeds.

    .venv/bin/python experiments/benchmarks/grid_vs_patch.py --json FILE [--seconds 80] [--seeds 3]

About 10 minutes on 2 cores. The phantom `demo`, 2dcnn at 49x49x3 with valid padding; batches of 128
patches against 16 windows of 8 x 8 with class weights. `ratio` is the median over the seeds of the
time in which grid mode reaches the best score of patch mode, divided by the time of patch mode.
Expected: a third at most.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from _common import options, report

parser = options(__doc__.splitlines()[0])
parser.add_argument("--seconds", type=float, default=80, help="of training for each run")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--nbhd", default="49x49x3")
parser.add_argument("--data", default="demo")
parser.add_argument("--state", type=Path, default=Path("outputs/benchmarks/grid_vs_patch"))
args = parser.parse_args()

from fibsem import api


def curve(mode: str, seed: int) -> list[tuple[float, float]]:
    """Return (seconds, validation mIoU) after every epoch, and keep them in a file.

    Seconds include training and validation.
    """
    known = args.state / f"{args.data}-{args.nbhd}-{args.seconds:g}-{mode}-{seed}.json"
    if not known.is_file():
        trained = api.train(
            args.data, nbhd=args.nbhd, seed=seed, output=known.with_suffix(""),
            train={
                "mode": mode, "max_seconds": args.seconds, "epochs": 1000, "patience": None,
                "share": 0.02, "steps": 40 if mode == "grid" else 10, "decay_every": 1000,
            },
            tracking={"uri": f"sqlite:///{args.state / 'mlflow.db'}", "artifacts": str(args.state)},
        )  # fmt: skip
        spent, points = 0.0, []
        for epoch in trained.summary["history"]:
            spent += epoch["seconds"] + epoch["val_seconds"]
            points.append((spent, epoch["val"]["miou"]))
        known.write_text(json.dumps(points))
    return json.loads(known.read_text())


rows = []
for seed in range(args.seeds):
    patch, grid = curve("patch", seed), curve("grid", seed)
    best = max(score for _, score in patch)
    reached = next((when for when, score in grid if score >= best), float("inf"))
    rows.append(
        {
            "seed": seed,
            "patch_best_miou": best,
            "patch_seconds": patch[-1][0],
            "grid_best_miou": max(score for _, score in grid),
            "grid_seconds_to_patch_best": reached,
            "ratio": reached / patch[-1][0],
        }
    )
    print(rows[-1], flush=True)

report(
    {
        **{key: median(row[key] for row in rows) for key in rows[0] if key != "seed"},
        "seeds": rows,
        "curves": {
            f"{mode}-{seed}": curve(mode, seed)
            for mode in ("patch", "grid")
            for seed in range(args.seeds)
        },
    },
    args.json,
)
