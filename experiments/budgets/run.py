"""What a budget of time buys: given and used seconds, share of validation, peak memory.

    .venv/bin/python experiments/budgets/run.py --json FILE [--only train/rare/60]

Each setting is a command as a user types it, in a process of its own; one that is finished is not
run again. All of them take about two hours of an otherwise idle machine. Datasets are the small
phantom, real stacks of ``--real`` (two are labelled in every slice), and a film of 1 % pores,
labelled in every slice, which is simulated here.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fibsem.data.phantom import PhantomRecipe, simulate

HERE = Path("outputs/budgets")
GIB = 2**20  # getrusage tells KiB

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, help="write the figures here")
parser.add_argument("--real", type=Path, default=Path("../shared/data"), help="real stacks")
parser.add_argument("--only", default="", help="settings of these parts of a name")
args = parser.parse_args()


def rare_film() -> Path:
    """A phantom of 1 % pores with a mask of every slice: 12 train, 4 validate, 4 test."""
    folder = HERE / "rare"
    if not (folder / "dataset.yaml").is_file():
        film = PhantomRecipe().samples["HPC22"]._replace(porosity=0.01)
        recipe = replace(PhantomRecipe(), shape=(20, 768, 768), squares=3, samples={"rare": film})
        simulate(recipe, folder)
    with (folder / "rare" / "slices.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["mask", "z", "y", "x", "split"])
        for z in range(20):
            split = "train" if z < 12 else "val" if z < 16 else "test"
            table.writerow([f"truth_slices/slice_{z:04d}.tif", z, 0, 0, split])
    manifest = folder / "slices.yaml"
    manifest.write_text(
        "name: rare\nvoxel_nm: {z: 50, y: 10, x: 10}\nclasses: {pore: 0, solid: 255}\n"
        "samples: [{name: rare, volume: rare/slices, regions: rare/slices.csv}]\n"
    )
    return manifest


def datasets() -> dict[str, list[str]]:
    """Overrides by name; real stacks where they are."""
    found = {"demo": ["data=demo"], "rare": [f"data.path={rare_film()}"]}
    for name, file in (("flyem", "flyem/dataset.yaml"), ("membranes", "vnc/membranes.yaml"),
                       ("mitochondria", "vnc/mitochondria.yaml")):  # fmt: skip
        if (args.real / file).is_file():
            found[name] = [f"data.path={args.real / file}"]
    return found


def settings() -> Iterator[tuple[str, str, list[str], int]]:
    """Name, command, overrides and seconds of every setting."""
    known = datasets()
    for name, data in known.items():
        for seconds in (60, 120, 300):
            yield f"train/{name}/{seconds}", "train", data, seconds
    for seconds in (600, 1800):
        for command in ("train", "sweep"):
            yield f"{command}/demo/{seconds}", command, known["demo"], seconds
    few = ["segment=false", "study=sweep-demo-600", "candidates=1"]
    yield "promote/demo/600", "promote", [*known["demo"], *few], 600


def measured(name: str, command: str, overrides: list[str], seconds: int) -> dict[str, object]:
    """Run a setting in a process of its own; its figures."""
    output = HERE / name.replace("/", "-")
    study = ["study=sweep-demo-600"] if name == "sweep/demo/600" else []
    line = [
        sys.executable, "-m", f"fibsem.{command}", "nbhd=33x33x3", f"budget={seconds}s",
        f"output={output}", f"tracking.uri=sqlite:///{HERE / 'mlflow.db'}",
        f"tracking.artifacts={HERE / 'artifacts'}", *overrides, *study,
    ]  # fmt: skip
    load, started = os.getloadavg()[0], time.perf_counter()
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    used = time.perf_counter() - started
    if process.returncode:
        return {"given_s": seconds, "failed": process.returncode, "used_s": used, "load": load}
    summary = json.loads((output / "summary.json").read_text())
    history = summary.get("history", [])
    validating = sum(epoch["val_seconds"] for epoch in history)
    training = sum(epoch["seconds"] for epoch in history)
    return {
        "given_s": seconds,
        "used_s": round(used, 1),
        "told_s": round(summary["budget"]["used_s"], 1),
        "val_share": round(validating / (validating + training), 4) if history else None,
        "peak_rss_gib": round(usage.ru_maxrss / GIB, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "load": load,
        "epochs": summary["plan"]["epochs"],
        "steps": summary["plan"]["steps"],
        "trials": summary["plan"]["trials"],
        "val_miou": summary.get("val", {}).get("miou"),
    }


def chosen(name: str) -> bool:
    """Whether ``--only`` names a setting, or what it is one of."""
    parts = args.only.split("/") if args.only else []
    return name.split("/")[: len(parts)] == parts


def main() -> None:
    kept = HERE / "figures.json"
    figures = json.loads(kept.read_text()) if kept.is_file() else {}
    for name, command, overrides, seconds in settings():
        if name in figures or not chosen(name):
            continue
        print(f"{name} ...", flush=True)
        figures[name] = measured(name, command, overrides, seconds)
        print(f"  {figures[name]}", flush=True)
        kept.write_text(json.dumps(figures, indent=2) + "\n")
    record = {"settings": figures, "cpus": os.cpu_count()}
    print(json.dumps(record, indent=2))
    if args.json:
        args.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
