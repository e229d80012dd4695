"""The main job on a small phantom, as a user would type it: `make demo`.

Simulates three films, inspects them, sweeps over architectures for four minutes, promotes the best
trial in four more and segments the three volumes. A second start resumes, or ends at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from fibsem import api
from fibsem.analysis import figures
from fibsem.geometry import Box

OUT = Path("outputs/demo")
COMMON = ["data=demo", "experiment=quick", "budget=4min"]


def run(command: str, *overrides: str) -> dict:
    """Run one command as a user would, and return its summary."""
    output = OUT / command
    line = ["-m", f"fibsem.{command}", f"output={output}", *overrides]
    print(f"\n$ python {' '.join(line)}", flush=True)
    subprocess.run([sys.executable, *line], check=True)
    return json.loads((output / "summary.json").read_text())


def draw(sample: str, z: int) -> Path:
    """Draw one slice with the pores that were found, and the true ones."""
    data = Path("data/demo") / sample
    stacks = [
        api.open_volume(path)
        for path in (
            data / "slices",
            OUT / "promote" / "volumes" / sample / "labels.ome.zarr",
            data / "truth_slices",
        )
    ]
    grey, found, truth = (s.read_unit(Box((z, 0, 0), (z + 1, *s.shape[1:])))[0] for s in stacks)
    figure = figures.overlay(grey, found > 0.5, truth > 0.5)
    return figures.save(figure, OUT / "segmented_slice.png")


def main() -> None:
    started = time.perf_counter()
    run("inspect", "data=demo")
    sweep = run("sweep", *COMMON)
    promoted = run("promote", *COMMON, f"study={sweep['study']}")
    truth = json.loads(Path("data/demo/truth.json").read_text())
    print("\nporosity    truth     map   corrected by squares, and what stands beside it")
    volumes = api.PromoteResult.of_folder(OUT / "promote").segmentations
    for name, film in promoted["samples"].items():
        shares = f"{100 * truth[name]['porosity']:7.2f} {100 * film['porosity']:7.2f}"
        print(f"{name:9}{shares}   {volumes[name].corrected}")
    picture = draw("HPC30", 12)
    begun = sum(sweep["trials"][state] for state in ("complete", "pruned"))  # some are pruned
    best = " ".join(f"{key}={value}" for key, value in sweep["best"]["params"].items())
    print(
        f"\nBest of {begun} trials: {best}\n"
        f"Test mIoU on every labelled pixel: {promoted['test_all']['miou']:.3f}\n"
        f"Took {time.perf_counter() - started:.0f} s. Where things are:\n"
        f"  {OUT}/inspect           tables and figures of the data\n"
        f"  {OUT}/sweep             the study and its trials\n"
        f"  {picture}\n"
        f"  {OUT}/promote/volumes   segmented volumes (OME-Zarr) and porosity by slice\n"
        "All of it on one page, with slices to look through:\n"
        "  .venv/bin/python -m fibsem.report data=demo\n"
        "Compare the runs in a browser:\n"
        "  .venv/bin/mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db"
    )


if __name__ == "__main__":
    main()
