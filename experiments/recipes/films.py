"""Do the defaults learn on anyone's film? Seeds x films x architectures, nothing hidden.

    .venv/bin/python experiments/recipes/films.py --json experiments/recipes/results/films.json \
        --seeds 10 --seconds 60

Every cell is ``python -m fibsem.train model=... budget=...`` in a process of its own, without other
options; cells in the file of --json are not trained again. With ``--steps`` trainings have a fixed
number of steps instead, independent of the load of the machine. Two films are simulated here: with
squares of 64 pixels, and with a class of 1 %. Networks of ``one-slice`` see one slice, and
``-slices`` are labelled slice by slice. Every cell records the version of the code.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fibsem.data.phantom import PhantomRecipe, simulate
from fibsem.tracking import code_version

HERE = Path("outputs/films")
MAIN = ("unet", "2dcnn")
OTHERS = ("mv2dcnn", "triplanar", "multichannel", "3dcnn", "1dcnn", "forest", "threshold")
#: Epochs, and thus validations, of a training with --steps.
EPOCHS = 4

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, required=True)
parser.add_argument("--real", type=Path, default=Path("../shared/data"), help="real stacks")
parser.add_argument("--seeds", type=int, default=1)
parser.add_argument("--seconds", type=float, default=60, help="of a training")
parser.add_argument("--steps", type=int, help="of a training, instead of seconds")
parser.add_argument("--only", default="", help="cells whose name begins so")


def films(real: Path) -> dict[str, list[str]]:
    """Return the overrides of the films by name, with the real stacks that exist."""
    small = replace(PhantomRecipe(), shape=(24, 384, 384), squares=20)
    rare = {"rare": PhantomRecipe().samples["HPC22"]._replace(porosity=0.01)}
    made = {
        "squares-of-64": replace(small, squares=60, square_px=64),
        "one-percent": replace(small, samples=rare),
    }
    found = {"demo": ["data=demo"], "one-slice": ["data=demo", "nbhd=33x33x1"]}
    for name, recipe in made.items():
        folder = HERE / name
        if not (folder / "dataset.yaml").is_file():
            simulate(recipe, folder)
        found[name] = [f"data.path={folder}"]
    for name, file in (("flyem", "flyem/dataset.yaml"),
                       ("membranes", "vnc/membranes-squares.yaml"),
                       ("mitochondria", "vnc/mitochondria-squares.yaml"),
                       ("membranes-slices", "vnc/membranes.yaml"),
                       ("mitochondria-slices", "vnc/mitochondria.yaml")):  # fmt: skip
        if (real / file).is_file():
            found[name] = [f"data.path={real / file}"]
    return found


def cells(args: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """Yield name and overrides of every cell, with all films of one seed before the next seed."""
    found = films(args.real)
    for seed in range(args.seeds):
        for film, data in found.items():
            for model in MAIN:
                yield f"{film}/{model}/{seed}", [*data, f"model={model}", f"seed={seed}"]
    for model in OTHERS:
        yield f"demo/{model}/0", ["data=demo", f"model={model}", "seed=0"]


def trained(name: str, overrides: list[str], args: argparse.Namespace) -> dict:
    """Train a cell; return its figures at the class ratio of the film, or its error message."""
    folder = HERE / "cells" / name
    how = [f"budget={args.seconds:g}s"]
    if args.steps is not None:
        how = [f"train.epochs={EPOCHS}", f"train.steps={max(1, args.steps // EPOCHS)}",
               "train.patience=null"]  # fmt: skip
    if any(f"model={one}" in overrides for one in ("forest", "threshold")):
        how = []
    if not any(one.startswith("nbhd=") for one in overrides):
        overrides = [*overrides, "nbhd=33x33x3"]
    done = subprocess.run(
        [sys.executable, "-m", "fibsem.train", *overrides, *how, f"output={folder}",
         "overwrite=true", f"tracking.uri=sqlite:///{HERE / 'mlflow.db'}",
         f"tracking.artifacts={HERE / 'artifacts'}"],
        capture_output=True, text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1:]}
    record = json.loads((folder / "summary.json").read_text())
    figures = record["val_all"]
    keep = ("miou", "iou_pore", "iou_solid", "miou_se")
    return {**{key: figures.get(key) for key in keep}, "restart": record["restart"],
            "budget": record.get("budget"), "version": code_version()}  # fmt: skip


def table(found: dict[str, dict]) -> str:
    """Return a table of films x architectures over their seeds, in Markdown."""
    rows = ["| film | model | seeds | mIoU, least / median / most | least IoU of a class | failed "
            "| begun again |", "|---|---|--:|---|--:|--:|--:|"]  # fmt: skip
    for key in dict.fromkeys(name.rsplit("/", 1)[0] for name in found):
        mine = [cell for name, cell in found.items() if name.rsplit("/", 1)[0] == key]
        good = [cell for cell in mine if "failed" not in cell]
        miou = [cell["miou"] for cell in good]
        told = f"{min(miou):.3f} / {statistics.median(miou):.3f} / {max(miou):.3f}" if miou else ""
        least = min((min(c["iou_pore"], c["iou_solid"]) for c in good), default=None)
        again = sum(cell["restart"] is not None for cell in good)
        rows.append(
            f"| {' | '.join(key.split('/'))} | {len(mine)} | {told} | "
            f"{'' if least is None else f'{least:.3f}'} | {len(mine) - len(good)} | {again} |"
        )
    return "\n".join(rows)


def main() -> None:
    args = parser.parse_args()
    settings = {"seconds": None if args.steps else args.seconds, "steps": args.steps}
    record = json.loads(args.json.read_text()) if args.json.is_file() else {"settings": settings}
    if record["settings"] != settings:
        sys.exit(f"error: {args.json} holds cells of {record['settings']}; give another --json")
    found = record.setdefault("cells", {})
    for name, overrides in cells(args):
        if name in found or not name.startswith(args.only):
            continue
        found[name] = trained(name, overrides, args)
        print(name, found[name].get("miou", found[name].get("failed")), flush=True)
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(record, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
