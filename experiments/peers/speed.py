"""Seconds for a gigapixel of every method that was trained by ``run.py``, methods taking turns.

    .venv/bin/python experiments/peers/speed.py --monai-python PATH --data demo --seconds 60 \
        --trained outputs/peers/cells --json experiments/peers/results/speed.json

Each method scores --slices slices of --size pixels from an array in memory to probabilities in
memory, after one warm-up slice, --repeats times in turn with the others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from exchange import write
from methods import MONAI, SKIMAGE, named

from fibsem.data import CorrectedVolume, Recipe, fit_correction
from fibsem.data.volumes import open_volume
from fibsem.geometry import Box

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, required=True)
parser.add_argument("--monai-python", type=Path)
parser.add_argument("--trained", type=Path, default=Path("outputs/peers/cells"))
parser.add_argument("--data", default="demo", help="whose cells hold the networks")
parser.add_argument("--seconds", default="60", help="of their training")
parser.add_argument("--methods", nargs="*", default=[])
parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
parser.add_argument("--slices", type=int, default=2)
parser.add_argument("--size", type=int, nargs=2, default=(2247, 3372), help="rows and columns")
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--folder", type=Path, default=Path("outputs/peers"))
args = parser.parse_args()


def prepare(material: Path) -> None:
    """Simulate a film that no method was trained on; write its raw and corrected grey values."""
    film = material / "dataset"
    if (material / "correction.json").is_file():
        return
    rows, columns = args.size
    command = [
        sys.executable, "-m", "fibsem.simulate", "phantom=full", "phantom.squares=3",
        f"phantom.shape=[{args.slices},{rows},{columns}]",
        "~phantom.samples.HPC22", "~phantom.samples.HPC45", f"output={film}",
    ]  # fmt: skip
    subprocess.run(command, check=True)
    volume = open_volume(next(film.glob("*/slices")))
    correction = fit_correction(volume, Recipe())
    whole = Box.whole(volume.shape)
    np.save(material / "film.npy", volume.read(whole))
    np.save(material / "film_corrected.npy", CorrectedVolume(volume, correction).read(whole))
    write(material / "correction.json", correction.to_json())


def main() -> None:
    material = (args.folder / "film").resolve()
    material.mkdir(parents=True, exist_ok=True)
    prepare(material)
    rows: dict[str, dict] = json.loads(args.json.read_text()) if args.json.is_file() else {}
    for repeat in range(args.repeats):
        for method in named(args.methods):
            for precision in args.precisions:
                trained = args.trained / f"{args.data}-{args.seconds}-{method.name}-0" / "trained"
                row = rows.setdefault(f"{method.name} | {precision}", {"seconds": []})
                forest = method.script == SKIMAGE or "model=forest" in method.what
                if len(row["seconds"]) > repeat or not trained.is_dir() or (
                    method.script == MONAI and not args.monai_python
                ) or (forest and precision != "float32"):  # fmt: skip
                    continue
                output = (args.folder / "slices" / f"{method.name}-{precision}").resolve()
                method.stage(
                    "slices", material, trained.resolve(), output=output, precision=precision,
                    monai_python=args.monai_python,
                )  # fmt: skip
                result = json.loads((output / "result.json").read_text())
                row["seconds"].append(1e9 * result["seconds"] / result["pixels"])
                row["peak_rss_gib"] = result["peak_rss_gib"]
                write(args.json, rows)
                print(method.name, precision, f"{row['seconds'][-1]:.0f} s/gigapixel", flush=True)
    for name, row in rows.items():
        if row["seconds"]:
            print(f"| {name} | {np.median(row['seconds']):.0f} | {row['peak_rss_gib']:.2f} |")


main()
