"""What a budget of time buys: given and used seconds, share of validation, peak memory.

    .venv/bin/python experiments/budgets/run.py --json FILE [--seconds 60 120] [--only train/rare]

Each setting is a command as a user types it, in a process of its own; the shortest come first, and
finished ones are not run again. All take about five hours on an otherwise idle machine. Datasets
are the small phantom, real stacks in ``--real`` (two are labelled in every slice), and a simulated
film of 1 % pores that is labelled in every slice. ``--film DIR``, made by
``benchmarks/full_volume.py --slices 200``, is also labelled in every slice and used for training.
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
from datetime import date
from pathlib import Path

import numpy as np
import tifffile

from fibsem.data.phantom import PhantomRecipe, simulate
from fibsem.tracking import code_version

HERE = Path("outputs/budgets")
GIB = 2**20  # in KiB, the unit of getrusage

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, required=True, help="figures, and a table beside as .md")
parser.add_argument("--real", type=Path, default=Path("../shared/data"), help="real stacks")
parser.add_argument("--film", type=Path, help="slices of a full film")
parser.add_argument("--only", default="", help="settings whose name begins so, parts of it whole")
parser.add_argument("--seconds", type=int, nargs="+", default=[60, 120, 300], help="given")
args = parser.parse_args()


def rare_film() -> Path:
    """Simulate 1 % pores with a mask of every slice: 12 train, 4 validation, 4 test."""
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


def full_film(slices: Path) -> dict[str, list[str]]:
    """Label a film of full size in every slice, and in squares of some slices; return overrides.

    The masks come from a threshold, since time and memory do not depend on them.
    """
    folder = (HERE / "full").resolve()
    tables = {"full": folder / "full.csv", "full-squares": folder / "squares.csv"}
    if not tables["full-squares"].is_file():
        rows: dict[str, list[list[object]]] = {name: [] for name in tables}
        files = sorted(slices.glob("*.tif"))
        (folder / "masks").mkdir(parents=True, exist_ok=True)
        for z, file in enumerate(files):
            grey = tifffile.imread(file)
            mask = 255 * (grey > np.median(grey)).astype(np.uint8)
            split = ("train", "train", "train", "val", "test")[5 * z // len(files)]
            for name, some in (("full", mask), ("full-squares", mask[:256, :256])):
                path = folder / "masks" / f"{name}-{z:04d}.tif"
                tifffile.imwrite(path, some, compression="zlib")
                if name == "full" or z % 10 == 0:
                    rows[name].append([path.relative_to(folder), z, 0, 0, split])
        for name, table in tables.items():
            with table.open("w", newline="") as file:
                csv.writer(file).writerows([["mask", "z", "y", "x", "split"], *rows[name]])
    for name, table in tables.items():
        (folder / f"{name}.yaml").write_text(
            f"name: {name}\nvoxel_nm: {{z: 50, y: 10, x: 10}}\nclasses: {{pore: 0, solid: 255}}\n"
            f"samples: [{{name: film, volume: {slices.resolve()}, regions: {table.name}}}]\n"
        )
    return {name: [f"data.path={folder / name}.yaml"] for name in tables}


def datasets() -> dict[str, list[str]]:
    """Return the overrides of the datasets by name, with the real stacks that exist."""
    found = {"demo": ["data=demo"], "rare": [f"data.path={rare_film()}"]}
    for name, file in (("flyem", "flyem/dataset.yaml"), ("membranes", "vnc/membranes.yaml"),
                       ("mitochondria", "vnc/mitochondria.yaml")):  # fmt: skip
        if (args.real / file).is_file():
            found[name] = [f"data.path={args.real / file}"]
    return found


def settings() -> Iterator[tuple[str, str, list[str], int]]:
    """Yield name, command, overrides and seconds of every setting; sweeps before promotions."""
    few = ["segment=false", "candidates=1"]
    for seconds in args.seconds:
        for name, data in datasets().items():
            study = f"study={name}-{seconds}"
            yield f"train/{name}/{seconds}", "train", data, seconds
            yield f"sweep/{name}/{seconds}", "sweep", [*data, study], seconds
            yield f"promote/{name}/{seconds}", "promote", [*data, study, *few], seconds
        for name, data in (full_film(args.film) if args.film else {}).items():
            yield f"train/{name}/{seconds}", "train", data, seconds


def measured(name: str, command: str, overrides: list[str], seconds: int) -> dict[str, object]:
    """Run a setting in a process of its own and return its figures."""
    output = HERE / name.replace("/", "-")
    line = [
        sys.executable, "-m", f"fibsem.{command}", "nbhd=33x33x3", f"budget={seconds}s",
        f"output={output}", f"tracking.uri=sqlite:///{HERE / 'mlflow.db'}",
        f"tracking.artifacts={HERE / 'artifacts'}", *overrides,
    ]  # fmt: skip
    made = {"given_s": seconds, "version": code_version(), "date": date.today().isoformat()}
    load, started = os.getloadavg()[0], time.perf_counter()
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    used = time.perf_counter() - started
    if process.returncode:
        return {**made, "failed": process.returncode, "used_s": used, "load": load}
    summary = json.loads((output / "summary.json").read_text())
    history = summary.get("history", [])
    epochs = [epoch for one in histories(output, summary) for epoch in one]
    validating, stepping = (sum(one[key] for one in epochs) for key in ("val_seconds", "seconds"))
    return {
        **made,
        "used_s": round(used, 1),
        "told_s": round(summary["budget"]["used_s"], 1),
        "val_share": round(validating / (validating + stepping), 4) if epochs else None,
        "steps_per_s": len(history) * summary["plan"]["steps"] / stepping if history else None,
        "peak_rss_gib": round(usage.ru_maxrss / GIB, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "load": load,
        "epochs": summary["plan"]["epochs"],
        "steps": summary["plan"]["steps"],
        "trials": summary["plan"]["trials"],
        "val_miou": summary.get("val", {}).get("miou"),
    }


def histories(output: Path, summary: dict) -> list[list[dict]]:
    """Return the epochs of every training that came to its end: of a sweep, also those of trials.

    The epochs that a trial has inherited are among its own.
    """
    if "history" in summary:
        return [summary["history"]]
    results = [*output.glob("trials/*/result.json"), *output.glob("final/*/result.json")]
    return [json.loads(path.read_text())["history"] for path in results]


def chosen(name: str) -> bool:
    """Return whether ``--only`` names a setting, or a group that contains it."""
    parts = args.only.split("/") if args.only else []
    return name.split("/")[: len(parts)] == parts


COLUMNS = ("used_s", "told_s", "trials", "val_share", "steps_per_s", "peak_rss_gib", "load",
           "date", "version")  # fmt: skip


def table(figures: dict[str, dict[str, object]]) -> str:
    """Return the settings as a table in Markdown."""
    rows = [f"| command | dataset | given_s | {' | '.join(COLUMNS)} |"]
    rows.append(f"|---|---|--:|{'--:|' * len(COLUMNS)}")
    for name, one in figures.items():
        told = [cell(one.get(key)) for key in COLUMNS]
        rows.append(f"| {' | '.join([*name.split('/'), *told])} |")
    return "\n".join(rows) + "\n"


def cell(value: object) -> str:
    """Format a value: numbers with three digits, None (older rows) as an empty cell."""
    return "" if value is None else value if isinstance(value, str) else f"{value:.3g}"


def main() -> None:
    record = json.loads(args.json.read_text()) if args.json.is_file() else {"settings": {}}
    figures = record["settings"]
    for name, command, overrides, seconds in settings():
        if name in figures or not chosen(name):
            continue
        print(f"{name} ...", flush=True)
        figures[name] = measured(name, command, overrides, seconds)
        print(f"  {figures[name]}", flush=True)
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"cpus": os.cpu_count(), "settings": figures}, indent=1))
        args.json.with_suffix(".md").write_text(table(figures))


if __name__ == "__main__":
    main()
