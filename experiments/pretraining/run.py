"""What networks begin with: simulate films of all kinds, learn on them, put the weights in place.

    .venv/bin/python experiments/pretraining/run.py --steps 12000

An interrupted run is resumed. The weights are written into the package.
"""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import yaml

from fibsem import api
from fibsem.config import Configuration, compose
from fibsem.data.phantom import FilmRecipe, PhantomRecipe, simulate
from fibsem.system import write_json

EPOCHS = 8
#: Size of the trained network. The default network has one pool more: its upper levels start with
#: these weights, deeper ones at random; see the README.
UPPER_LEVELS = {"model.blocks": 2, "model.growth": "2d"}
SQUARES, SQUARE_PX, SHAPE = 16, 128, (10, 448, 448)
#: Ranges of the porosity of films with few, some or many pores.
POROSITIES = ((0.03, 0.15), (0.15, 0.5), (0.5, 0.8))
#: Ranges of recipe keys that differ between films, drawn uniformly or log-uniformly.
EVENLY = {
    "band_ratio": (1.5, 3.0), "floor_share": (0.05, 0.6), "pore_share": (0.7, 0.95),
    "rim_share": (0.0, 0.5),
}  # fmt: skip
BY_FACTORS = {
    "attenuation_nm": (100, 900), "rim_px": (1, 4), "blur_px": (0.5, 2),
    "texture_share": (0.02, 0.15), "texture_px": (1.5, 6), "patch_share": (0.03, 0.2),
    "curtain_share": (0.01, 0.12), "shot_share": (0.03, 0.2), "read_share": (0.01, 0.08),
}  # fmt: skip


def recipe(number: int) -> PhantomRecipe:
    """Draw the recipe of a film by its number: structure, optics and noise."""
    rng = np.random.default_rng((20, number))

    def factor(least: float, most: float) -> float:
        return float(np.exp(rng.uniform(math.log(least), math.log(most))))

    porosity = rng.uniform(*POROSITIES[rng.integers(len(POROSITIES))])
    mean, pixel_nm = rng.uniform(0.25, 0.65), factor(4, 20)
    seen_from_above = rng.random() < 0.5
    return PhantomRecipe(
        seed=9000 + number, shape=SHAPE, squares=SQUARES, square_px=SQUARE_PX, truth_volume=False,
        samples={name(number): FilmRecipe(porosity, mean, mean * rng.uniform(0.2, 0.4))},
        voxel_nm=(factor(10, 60), pixel_nm, pixel_nm),
        feature_nm=pixel_nm * factor(15, 60),
        tilt_deg=0.0 if seen_from_above else rng.uniform(30, 54),
        annotator_sd_px=0.3,
        **{key: rng.uniform(*limits) for key, limits in EVENLY.items()},
        **{key: factor(*limits) for key, limits in BY_FACTORS.items()},
    )  # fmt: skip


def name(number: int) -> str:
    """Return the name of a film."""
    return f"F{number:03d}"


def films(folder: Path, count: int) -> Path:
    """Simulate missing films; return the manifest of a dataset with all films as samples."""
    for number in range(count):
        if not (folder / name(number)).is_dir():
            simulate(recipe(number), folder / name(number))
            print(f"film {number + 1} of {count}", flush=True)
    samples = [
        {"name": film, "volume": f"{film}/{film}/slices", "regions": f"{film}/{film}/regions.csv"}
        for film in map(name, range(count))
    ]  # voxel sizes differ, but networks do not use them
    manifest = {
        "name": "films", "voxel_nm": {"z": 50.0, "y": 10.0, "x": 10.0},
        "classes": {"pore": 0, "solid": 255}, "ignore": None, "samples": samples,
    }  # fmt: skip
    (folder / "dataset.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    return folder / "dataset.yaml"


def main() -> None:
    """Simulate the films, train the network and write the file of weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=96)
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--model", default="unet")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--folder", type=Path, default=Path("outputs/pretraining"))
    args = parser.parse_args()
    (args.folder / "films").mkdir(parents=True, exist_ok=True)
    manifest = films(args.folder / "films", args.films)
    steps = {"epochs": EPOCHS, "steps": args.steps // EPOCHS, "patience": None, "init": None}
    result = api.train(
        manifest, model=args.model, output=args.folder / args.model, train=steps,
        tracking={"uri": f"sqlite:///{(args.folder / 'mlflow.db').resolve()}"},
        **UPPER_LEVELS,
    )  # fmt: skip
    print(f"validation mIoU {result.val['miou']:.4f}")
    if args.json:
        given = {"model": args.model, "films": args.films, "steps": args.steps}
        write_json(args.json, {**given, "val": result.val})

    from fibsem import models

    shape = [f"{key}={value}" for key, value in UPPER_LEVELS.items()]
    spec = Configuration(compose("train", [f"model={args.model}", *shape])).run.spec
    models.write_pretrained(spec, models.load(spec, result.folder))


if __name__ == "__main__":
    main()
