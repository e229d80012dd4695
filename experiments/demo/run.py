"""The main job on a small phantom, as a user would type it: `make demo`.

Simulates three films, inspects them, sweeps eight trials of a 2dcnn at 33x33x3, promotes the best
and segments the three volumes. A second start goes on, or is done at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

OUT = Path("outputs/demo")
COMMON = ["data=demo", "experiment=quick"]


def run(command: str, *overrides: str) -> dict:
    """Run one command as a user would, and return its summary."""
    output = OUT / command
    line = ["-m", f"fibsem.{command}", f"output={output}", *overrides]
    print(f"\n$ python {' '.join(line)}", flush=True)
    subprocess.run([sys.executable, *line], check=True)
    return json.loads((output / "summary.json").read_text())


def main() -> None:
    started = time.perf_counter()
    run("inspect", "data=demo")
    sweep = run("sweep", *COMMON, "model=2dcnn", "nbhd=33x33x3")
    promoted = run("promote", *COMMON, f"study={sweep['study']}")
    expected = {"HPC22": 0.22, "HPC30": 0.30, "HPC45": 0.45}
    truth = json.loads(Path("data/demo/truth.json").read_text())
    print(f"\n{'':8}{'truth':>8}{'found':>8}   95 % interval over slices")
    for name, figures in promoted["samples"].items():
        low, high = figures["porosity_ci"]
        true = truth.get(name, expected[name])
        print(f"{name:8}{true:8.3f}{figures['porosity']:8.3f}   [{low:.3f}, {high:.3f}]")
    print(
        f"\nBest of {sweep['trials']['complete']} trials: {sweep['best']['params']}\n"
        f"Test mIoU on every labelled pixel: {promoted['test_all']['miou']:.3f}\n"
        f"Took {time.perf_counter() - started:.0f} s. Where things are:\n"
        f"  {OUT}/inspect           tables and figures of the data\n"
        f"  {OUT}/sweep             the study and its trials\n"
        f"  {OUT}/promote/volumes   segmented volumes (OME-Zarr) and porosity by slice\n"
        "Compare the runs in a browser:\n"
        "  .venv/bin/mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db"
    )


if __name__ == "__main__":
    main()
