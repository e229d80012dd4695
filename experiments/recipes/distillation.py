"""What pixel classifiers gain by learning from a U-Net beside the labels (``train.teacher``).

    .venv/bin/python experiments/recipes/distillation.py --data PATH --budget 10min --steps 800 \
        --seeds 3 --json experiments/recipes/results/FILE.json

A U-Net is trained for a budget. Then 2dcnn at 33x33x3 and 81x81x3 are trained, for each seed from
labels alone and from labels and the U-Net, with the same number of steps. Every cell (window,
share, seed) is one of ``run.py``: a process of its own, with the best threshold on all labelled
validation pixels and the mIoU over all labelled test pixels. Cells in the file of --json are not
trained again, and an existing U-Net in its folder is used.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")
EPOCHS = 4


def teacher(data: str, budget: str, folder: Path) -> dict:
    """Train the U-Net, unless it is finished, and return its summary."""
    line = ["-m", "fibsem.train", data, "model=unet", f"budget={budget}", f"output={folder}"]
    subprocess.run([sys.executable, *line], check=True)
    return json.loads((folder / "summary.json").read_text())


def cell(args: argparse.Namespace, given: list[str]) -> dict:
    """Train one network and score its test squares."""
    line = [str(RUN), "--data", args.data, "--json", str(args.json), "--cell", *given]
    done = subprocess.run([sys.executable, *line], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def gains(cells: dict[str, dict], nbhd: str, share: float, seeds: int) -> dict:
    """Return the gain in mIoU with a share of the teacher over labels alone, by seed and mean."""
    pairs = [(cells.get(f"{nbhd} {share:g} {k}"), cells.get(f"{nbhd} 0 {k}")) for k in range(seeds)]
    each = [
        taught["test_miou"] - plain["test_miou"]
        for taught, plain in pairs
        if taught and plain and None not in (taught["test_miou"], plain["test_miou"])
    ]
    return {"gain_miou": statistics.mean(each) if each else None, "each": each}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="manifest, or the name of a dataset")
    parser.add_argument("--budget", default="10min", help="of the U-Net")
    parser.add_argument("--steps", type=int, default=800, help="of a 2dcnn")
    parser.add_argument("--nbhd", nargs="*", default=["33x33x3", "81x81x3"])
    parser.add_argument("--shares", nargs="*", type=float, default=[0.5], help="of the teacher")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("outputs/distillation"))
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    settings = {"data": Path(args.data).name, "budget": args.budget, "steps": args.steps}
    record = json.loads(args.json.read_text()) if args.json.is_file() else {"settings": settings}
    if record["settings"] != settings:
        sys.exit(f"error: {args.json} holds results of {record['settings']}; give another --json")
    data = f"data.path={args.data}" if Path(args.data).exists() else f"data={args.data}"
    folder = args.folder / Path(args.data).stem
    summary = teacher(data, args.budget, folder)
    record["teacher"] = {key: summary[key] for key in ("val", "val_all", "train_seconds")}
    cells = record.setdefault("cells", {})
    length = [f"train.epochs={EPOCHS}", f"train.steps={args.steps // EPOCHS}"]
    for seed in range(args.seeds):
        for nbhd in args.nbhd:
            for share in (0.0, *args.shares):
                name = f"{nbhd} {share:g} {seed}"
                if name in cells:
                    continue
                taught = [f"train.teacher={folder}", f"train.teacher_share={share}"]
                given = [data, "model=2dcnn", f"nbhd={nbhd}", "train.patience=null", *length]
                cells[name] = cell(args, [*given, f"seed={seed}", *(taught if share else [])])
                print(name, cells[name]["test_miou"], flush=True)
                record["gains"] = {
                    f"{one} {part:g}": gains(cells, one, part, args.seeds)
                    for one in args.nbhd
                    for part in args.shares
                }
                args.json.parent.mkdir(parents=True, exist_ok=True)
                args.json.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record.get("gains"), indent=1))


if __name__ == "__main__":
    main()
