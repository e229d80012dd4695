"""The models of this project beside scikit-image's forest and MONAI's U-Net, on any dataset.

    .venv/bin/python experiments/peers/run.py --monai-python PATH --seconds 60 --seeds 3 \
        --data demo ../shared/data/vnc/membranes-squares.yaml \
        --json experiments/peers/results/accuracy.json

A cell is a dataset, a training time, a seed and a method. Cells run one after another, each in its
training time plus about 15 s, each stage in a process of its own. Cells in the file of --json are
not run again, so that an interrupted run can be resumed. Methods take turns within a seed, so that
a drift of the machine affects all. ``README.md`` describes the environment of ``--monai-python``;
without it the rows of MONAI are left out.

The other methods get the same windows and squares for training and scoring as ours.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from exchange import MARGIN, cores, read_all, write
from methods import MONAI, Method, named
from paired import difference, median_iou_pore, miou

from fibsem.analysis.postprocessing import THRESHOLDS, ScoredSquare, search
from fibsem.config import Configuration, compose
from fibsem.data import load_windows
from fibsem.tracking import code_version
from fibsem.training import Material, obtain

WHOLE = (slice(None), slice(None))
DEFAULT = ["unet", "MONAI UNet, 0.1 M", "MONAI UNet, 1.6 M", "scikit-image forest"]


def chosen_data(data: str) -> tuple[str, ...]:
    """Return the override that selects a dataset by its path, or by its name."""
    return (f"data.path={Path(data).resolve()}",) if Path(data).exists() else (f"data={data}",)


def prepare(data: str, folder: Path) -> None:
    """Write the input of all methods; see ``exchange.Material``."""
    if (folder / "done.json").is_file():
        return
    tree = compose(
        "train", [*chosen_data(data), "model=forest", "nbhd=33x33x3", "train.share=0.02"]
    )
    config = Configuration(tree).run
    dataset = obtain(config.data, config.split)
    ours = Material(dataset, config)
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "val", "test"):
        windows = load_windows(dataset, split, ours.volumes, (1, MARGIN, MARGIN))
        np.savez(folder / f"{split}_images.npz", *[window.image for window in windows])
        np.savez(folder / f"{split}_labels.npz", *[window.labels for window in windows])
    drawn = ours.training_pixels
    np.save(
        folder / "pixels.npy",
        np.stack([drawn.window, drawn.y, drawn.x, drawn.label], axis=1).astype(np.int32),
    )
    write(folder / "done.json", {"train_squares": len(ours.train), "forest_pixels": len(drawn)})


def judged(material: Path, output: Path) -> dict:
    """Return the mIoU over all pixels of the test squares, at the best validation threshold."""
    chosen, surface = search(squares_of(material, output, "val"), THRESHOLDS)
    tested = [square.confusion(chosen).counts for square in squares_of(material, output, "test")]
    return {
        "test_miou": float(miou(np.sum(tested, axis=0))),
        "val_miou": float(surface.max()),
        "threshold": chosen.threshold,
        "squares": tested,
    }


def squares_of(material: Path, output: Path, split: str) -> list[ScoredSquare]:
    scores = read_all(output / f"{split}_scores.npz")
    labels = read_all(material / f"{split}_labels.npz")
    return [ScoredSquare(*pair, WHOLE) for pair in zip(scores, labels, strict=True)]


def cell(
    method: Method, material: Path, folder: Path, data: str, seconds: float, seed: int
) -> dict:
    """Train, score and judge one method."""
    shutil.rmtree(folder, ignore_errors=True)  # of an interrupted cell
    told = {"data": chosen_data(data), "seed": seed, "monai_python": args.monai_python}
    method.stage("fit", material, folder / "trained", seconds=seconds, **told)
    method.stage("squares", material, folder / "trained", output=folder / "scores", **told)
    fitted = json.loads((folder / "trained" / "fit.json").read_text())
    kept = ("train_seconds", "steps", "parameters")
    return {
        **{key: fitted[key] for key in kept if key in fitted},
        **judged(material, folder / "scores"),
    }


def groups(cells: dict[str, dict]) -> dict[tuple[str, str], dict[str, dict[str, dict]]]:
    """Group cells by (dataset, seconds), then method, then seed."""
    found: dict[tuple[str, str], dict[str, dict[str, dict]]] = {}
    for name in sorted(cells):
        data, seconds, method, seed = name.split(" | ")
        found.setdefault((data, seconds), {}).setdefault(method, {})[seed] = cells[name]
    return found


def table(cells: dict[str, dict]) -> str:
    """Return a table in Markdown: every method, and how far the U-Net is ahead of it."""
    lines = [
        "| dataset | time (s) | method | test mIoU by seed | pore IoU, median of squares | steps "
        "| unet ahead by (95 % limits) |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for (data, seconds), methods in groups(cells).items():
        for method, rows in sorted(methods.items(), key=lambda pair: DEFAULT.index(pair[0])
                                   if pair[0] in DEFAULT else len(DEFAULT)):  # fmt: skip
            ahead = ""
            ours = methods.get("unet", {})
            both = sorted(ours.keys() & rows.keys())
            if method != "unet" and both:
                pair = [[some[seed]["squares"] for seed in both] for some in (ours, rows)]
                ahead = "{:+.4f} [{:+.4f}, {:+.4f}]".format(*difference(*pair))
            found = ", ".join(f"{row['test_miou']:.4f}" for row in rows.values())
            steps = ", ".join(str(row["steps"]) for row in rows.values() if "steps" in row)
            medians = ", ".join(
                f"{median_iou_pore(np.array(row['squares'])):.4f}"
                for row in rows.values()
                if "squares" in row
            )
            lines.append(
                f"| {data} | {seconds} | {method} | {found} | {medians} | {steps} | {ahead} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    record = json.loads(args.json.read_text()) if args.json.is_file() else {"cells": {}}
    cells = record["cells"]
    for seed in range(args.seeds):
        for seconds in args.seconds:
            for data in args.data:
                name = Path(data).stem if Path(data).exists() else data
                name = Path(data).parent.name if name == "dataset" else name
                material = (args.folder / "material" / name).resolve()
                prepare(data, material)
                for method in named(args.methods):
                    key = f"{name} | {seconds:g} | {method.name} | {seed}"
                    if key in cells or (method.script == MONAI and not args.monai_python):
                        continue
                    folder = (args.folder / "cells" / key.replace(" | ", "-")).resolve()
                    cells[key] = cell(method, material, folder, data, seconds, seed)
                    cells[key]["version"] = code_version()
                    record["machine"] = {"cpus": cores(), "processor": platform.machine()}
                    write(args.json, record)
                    print(f"{key}: {cells[key]['test_miou']:.4f}", flush=True)
    args.json.with_suffix(".md").write_text(table(cells))
    print(table(cells))


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, required=True, help="figures, and a table beside as .md")
parser.add_argument("--monai-python", type=Path, help="interpreter that has MONAI")
parser.add_argument("--data", nargs="+", default=["demo"], help="manifests, or names of datasets")
parser.add_argument("--seconds", type=float, nargs="+", default=[60])
parser.add_argument("--seeds", type=int, default=1)
parser.add_argument("--methods", nargs="*", default=DEFAULT, help="by name; see methods.py")
parser.add_argument("--folder", type=Path, default=Path("outputs/peers"))
args = parser.parse_args()
main()
