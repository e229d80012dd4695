"""Three ways to search in equal time: successive halving by ``budget=``, the study's, and TPE.

    .venv/bin/python experiments/budgets/searches.py --json FILE [--minutes 5] [--seeds 3]

One space (``2d``, 2dcnn at 33x33x3) on a small phantom and a real film; for each seed one way after
another; finished sweeps are not run again. All take 95 minutes on an otherwise idle machine.
Halving plans its own steps. The study's scheme enumerates blocks x learning rate and draws the rest
at random; TPE learns after eight random trials, and the median pruner ends inferior trainings after
two epochs. These two train for nine epochs, with as many steps that twelve whole trainings fill the
time. The best network of each sweep is compared: its mIoU on every labelled test pixel, which no
sweep has seen, at its validation threshold.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from _every_pixel import every_pixel, material_of
from sklearn.metrics import jaccard_score

from fibsem import models

HERE = Path("outputs/searches")

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, required=True, help="figures, and a table beside as .md")
parser.add_argument("--real", type=Path, default=Path("../shared/data"), help="real stacks")
parser.add_argument("--minutes", type=float, default=5, help="of each sweep")
parser.add_argument("--seeds", type=int, default=3)
args = parser.parse_args()

FILMS = {"demo": "data=demo", "flyem": f"data.path={args.real / 'flyem/dataset.yaml'}"}
SPACE = ["model=2dcnn", "nbhd=33x33x3", "space=2d"]
WHOLE, EPOCHS = 12, 9
WAYS = {
    "successive halving": [],
    "the study's scheme": ["search.sampler=enumerated"],
    "TPE, median pruner": [
        "search.sampler=tpe", "search.startup_trials=8", "search.pruner=median",
        "search.pruner_warmup=2",
    ],
}  # fmt: skip
HALVING, *OTHERS = WAYS


def steps_of_others(film: str) -> int:
    """Return the steps per epoch with which twelve trainings fill a sweep, by halving's plan."""
    plan = json.loads((folder_of(film, HALVING, 0) / "plan.json").read_text())
    training_s = 60 * args.minutes / WHOLE - plan["once_s"]
    return max(1, int((training_s / EPOCHS - plan["validation_s"]) / plan["step_s"]))


def folder_of(film: str, way: str, seed: int) -> Path:
    """Return the output folder of a sweep."""
    return HERE / f"{film}-{way.partition(',')[0].replace(' ', '-')}-{seed}"


def overrides(film: str, way: str, seed: int) -> list[str]:
    """Return the overrides of a sweep, as a user types them."""
    given = [FILMS[film], *SPACE, f"seed={seed}", f"search.seed={seed}", *WAYS[way]]
    if way == HALVING:
        return [*given, f"budget={60 * args.minutes:.0f}s"]
    return [
        *given, f"search.max_seconds={60 * args.minutes}", "search.trials=60",
        f"train.epochs={EPOCHS}", f"train.steps={steps_of_others(film)}", "train.patience=null",
    ]  # fmt: skip


def swept(film: str, way: str, seed: int) -> float | None:
    """Run a sweep and return its seconds; None if it was finished before."""
    folder = folder_of(film, way, seed)
    if (folder / "summary.json").is_file():
        return None
    began = time.perf_counter()
    command = [
        sys.executable, "-m", "fibsem.sweep", *overrides(film, way, seed), f"output={folder}",
        f"tracking.uri=sqlite:///{HERE / 'mlflow.db'}",
        f"tracking.artifacts={HERE / 'artifacts'}",
    ]  # fmt: skip
    subprocess.run(command, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    return time.perf_counter() - began


def tested(film: str, way: str, seed: int, best: dict) -> float:
    """Return the mean IoU of the best network of a sweep on every labelled test pixel."""
    (folder,) = (
        file.parent
        for file in folder_of(film, way, seed).glob("trials/*/result.json")
        if json.loads(file.read_text())["run_id"] == best["run_id"]
    )
    given = [f"{key}={json.dumps(value)}" for key, value in best["params"].items()]
    material = material_of("sweep", [*overrides(film, way, seed), *given])
    model = models.load(material.config.spec, folder)
    threshold = json.loads((folder / "result.json").read_text())["val_all"]["threshold"]
    labels, scores = every_pixel(material, model, "test")
    return float(jaccard_score(labels, scores >= threshold, average="macro"))


def told(film: str, way: str, seed: int) -> dict[str, object]:
    """Run a sweep, or read a finished one, and return its figures."""
    seconds = swept(film, way, seed)
    folder = folder_of(film, way, seed)
    summary = json.loads((folder / "summary.json").read_text())
    best = summary["best"]
    return {
        "seconds": round(seconds or summary["seconds"], 1),
        "load": os.getloadavg()[0],
        **summary["trials"],
        "val_all_miou": best["value"],
        "test_miou": tested(film, way, seed, best),
        "params": best["params"],
    }


def spread(found: list[float]) -> str:
    """Return the mean, with the standard deviation of several values, as text."""
    return f"{np.mean(found):.4f}" + (f" ± {np.std(found, ddof=1):.4f}" if len(found) > 1 else "")


def table(record: dict[str, dict[str, object]]) -> str:
    """Return the sweeps by film and way as a table in Markdown."""
    lines = ["| film | search | trials, of them pruned | validation mIoU of the best | test mIoU |"]
    lines.append("|---|---|--:|--:|--:|")
    for film in FILMS:
        for way in WAYS:
            of = [one for name, one in record.items() if name.startswith(f"{film}/{way}/")]
            if of:
                total = np.mean([one["complete"] + one["pruned"] for one in of])
                pruned = np.mean([one["pruned"] for one in of])
                val, test = (
                    spread([one[key] for one in of]) for key in ("val_all_miou", "test_miou")
                )
                lines.append(f"| {film} | {way} | {total:.0f}, {pruned:.0f} | {val} | {test} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    record = json.loads(args.json.read_text())["sweeps"] if args.json.is_file() else {}
    for seed in range(args.seeds):
        for film in FILMS:
            for way in WAYS:
                name = f"{film}/{way}/{seed}"
                if name not in record:
                    record[name] = told(film, way, seed)
                    print(name, record[name], flush=True)
                    args.json.parent.mkdir(parents=True, exist_ok=True)
                    kept = {"minutes": args.minutes, "cpus": os.cpu_count(), "sweeps": record}
                    args.json.write_text(json.dumps(kept, indent=1) + "\n")
    args.json.with_suffix(".md").write_text(table(record))
    print(table(record))


if __name__ == "__main__":
    main()
