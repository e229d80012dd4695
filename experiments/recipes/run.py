"""The recipe of training, and each of its lines switched off: test mIoU on any dataset by path.

    .venv/bin/python experiments/recipes/run.py --data PATH --model unet --steps 300 --seeds 1 \
        --json experiments/recipes/results/FILE.json

Every cell (line, seed) is a training in a process of its own, with the best threshold on all
labelled validation pixels; its figure is the mIoU over all labelled test pixels. Cells in the file
of --json are not trained again. --seconds sets the time of a training, --steps the number of steps,
which is independent of the load of the machine.

Nothing is tracked in MLflow.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from fibsem.tracking import code_version

#: Overrides that switch a line off. ``whole`` is the recipe, ``former`` the defaults before it.
LINES = {
    "whole": [],
    "former": ["train=sgd", "model.activation=elu"],
    "muon": ["train.optimizer=adamw"],
    "sgd": ["train.optimizer=sgd", "train.learning_rate=0.02"],
    "warmup": ["train.warmup=0"],
    "cosine": ["train.schedule=constant"],
    "clip": ["train.clip=null"],
    "average": ["train.average=0"],
    "symmetry": ["train.augment=false"],
    "rare_windows": ["train.rare_windows=0"],
    "leaky_relu": ["model.activation=relu"],
    "norm": ["model.norm=none"],
    "residual": ["model.residual=false"],
    "transpose": ["model.up=nearest"],
    "stem": ["model.stem=1"],
    "init": ["train.init=null"],
    "pools": ["model.blocks=2", "model.growth=2d"],
    "keep": ["train.keep=loss"],
    "bfloat16": ["train.precision=float32"],
}
#: Additions that the recipe does without; a negative gain means that they help.
LINES |= {
    "iou": ["train.loss=bce_iou"],
    "dice": ["train.loss=bce_dice"],
    "contrast": ["train.contrast_sd=0.1", "train.shift_sd=0.1", "train.shift_probability=1"],
    "noise": ["train.noise_sd=0.3"],
    "blur": ["train.blur_px=0.7"],
    "elastic": ["train.elastic_px=2"],
    "frame": ["train.frame=96"],
    "long_average": ["train.average=0.999"],
    "few_windows": ["train.windows=4"],
    "fewer_windows": ["train.windows=2"],
}
#: Lines that only a U-Net has, and its other former defaults.
UNET = ("norm", "residual", "transpose", "stem", "init", "frame", "pools")
FORMER_UNET = ["model.blocks=2", "model.growth=2d", "model.norm=none", "model.residual=false",
               "model.up=nearest", "model.stem=1", "train.grid=64"]  # fmt: skip

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", required=True, help="manifest, or the name of a dataset")
parser.add_argument("--model", default="unet")
parser.add_argument("--nbhd", default="33x33x3")
parser.add_argument("--steps", type=int, help="of a training")
parser.add_argument("--epochs", type=int, default=4, help="with --steps: epochs that these are")
parser.add_argument("--seconds", type=float, default=120, help="of a training, without --steps")
parser.add_argument("--seeds", type=int, default=1)
parser.add_argument("--lines", nargs="*", help="a few of them")
parser.add_argument("--json", type=Path, required=True)
parser.add_argument("--cell", nargs="*", help=argparse.SUPPRESS)
args = parser.parse_args()


def overrides(line: str, seed: int) -> list[str]:
    """Return the overrides of a cell."""
    data = f"data.path={args.data}" if Path(args.data).exists() else f"data={args.data}"
    budget = [
        f"train.epochs={args.epochs}",
        f"train.steps={max(1, (args.steps or 0) // args.epochs)}",
    ]
    if args.steps is None:
        budget = ["train.epochs=1000", "train.steps=250", f"train.max_seconds={args.seconds}"]
    off = [*LINES[line], *(FORMER_UNET if line == "former" and args.model == "unet" else [])]
    common = [f"model={args.model}", f"nbhd={args.nbhd}", "train.patience=null", f"seed={seed}"]
    return [data, *common, *off, *budget]


def cell(given: list[str]) -> dict:
    """Train one network, choose its threshold and score the test squares."""
    from fibsem.analysis import pooled
    from fibsem.analysis.postprocessing import THRESHOLDS, search
    from fibsem.config import Configuration, compose
    from fibsem.errors import UserError
    from fibsem.inference import BlockScorer, operations_per_pixel
    from fibsem.training import Material, obtain, scored_squares, train

    config = Configuration(compose("train", given)).run
    material = Material(obtain(config.data, config.split), config)
    try:
        trained = train(material)
    except UserError as error:  # a failure is a result
        return {"failed": str(error), "test_miou": None}
    scorer = BlockScorer(config.spec, trained.model)
    squares = {
        split: [square for _, square in scored_squares(material, scorer, split)]
        for split in ("val", "test")
    }
    chosen, _ = search(squares["val"], THRESHOLDS)
    return {
        "test_miou": pooled(square.confusion(chosen) for square in squares["test"]).miou,
        "threshold": chosen.threshold,
        "train_seconds": sum(epoch.seconds for epoch in trained.history),
        "val_losses": [round(epoch.val["loss"], 4) for epoch in trained.history],
        "restart": trained.restart,
        "parameters": trained.parameters,
        "operations_per_pixel": operations_per_pixel(scorer.network),
    }


def figures(cells: dict[str, dict]) -> dict[str, dict]:
    """Return the gain in mIoU and the cost in seconds of every line, over common seeds."""
    lines = {}
    for line in LINES:
        pairs = [
            (cells[f"whole {seed}"], cells[f"{line} {seed}"])
            for seed in range(args.seeds)
            if f"whole {seed}" in cells and f"{line} {seed}" in cells
        ]
        gains = [a["test_miou"] - b["test_miou"] for a, b in pairs if None not in
                 (a["test_miou"], b["test_miou"])]  # fmt: skip
        times = [a["train_seconds"] - b["train_seconds"] for a, b in pairs if
                 "train_seconds" in a and "train_seconds" in b]  # fmt: skip
        if pairs:
            lines[line] = {
                "gain_miou": statistics.mean(gains) if gains else None,
                "seconds": statistics.mean(times) if times else None,
                "seeds": len(pairs),
                "failed": sum("failed" in b for _, b in pairs),
            }
    return lines


def main() -> None:
    settings = {key: getattr(args, key) for key in ("data", "model", "nbhd", "steps", "seconds")}
    settings["data"] = Path(args.data).name
    record = json.loads(args.json.read_text()) if args.json.is_file() else {"settings": settings}
    if record["settings"] != settings:
        sys.exit(f"error: {args.json} holds results of {record['settings']}; give another --json")
    cells = record.setdefault("cells", {})
    lines = args.lines or [line for line in LINES if args.model == "unet" or line not in UNET]
    for seed in range(args.seeds):
        for line in dict.fromkeys(["whole", *lines]):
            name = f"{line} {seed}"
            if name not in cells:
                own = [*sys.argv, "--cell", *overrides(line, seed)]
                done = subprocess.run([sys.executable, *own], check=True, stdout=subprocess.PIPE)
                cells[name] = json.loads(done.stdout.splitlines()[-1])
                cells[name]["version"] = code_version()
                print(name, cells[name]["test_miou"], flush=True)
            record["lines"] = figures(cells)
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["lines"], indent=1))


if args.cell is not None:
    print(json.dumps(cell(args.cell)))
else:
    main()
