"""A real stack: sweep, promotion and segmentation beside Otsu and a random forest, one split.

    .venv/bin/python experiments/real/flyem.py --data ../shared/data/flyem --json FILE

Under 40 minutes on 2 cores; an interrupted run is resumed. See README.md in this folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from skimage.feature import multiscale_basic_features
from skimage.filters import gaussian, threshold_otsu
from sklearn.ensemble import RandomForestClassifier

from fibsem import api
from fibsem.analysis import Confusion, pooled
from fibsem.data import balanced_pixels

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", type=Path, required=True, help="folder with dataset.yaml")
parser.add_argument("--json", type=Path, help="write the figures here")
parser.add_argument("--output", type=Path, default=Path("outputs/real/flyem"))
parser.add_argument("--nbhd", default="33x33x3")
parser.add_argument("--trials", type=int, default=8)

TREES, TRAINING_PIXELS = 100, 200_000
THRESHOLDS = np.linspace(0.02, 0.98, 97)


def command(name: str, output: Path, *overrides: str) -> dict:
    """Run a command as a user would, unless it is finished, and return its summary."""
    summary = output / "summary.json"
    if not summary.is_file():
        line = [sys.executable, "-m", f"fibsem.{name}", f"output={output}", *overrides]
        print("$", *line[1:], flush=True)
        started = time.perf_counter()
        subprocess.run(line, check=True)
        (output / "seconds.json").write_text(json.dumps(time.perf_counter() - started))
    return json.loads(summary.read_text()) | {
        "wall_s": json.loads((output / "seconds.json").read_text())
    }


def network(args: argparse.Namespace) -> dict:
    """Sweep, promote and segment by the project's own commands."""
    data = [f"data.path={args.data}", "data.name=flyem"]
    sweep = command(
        "sweep", args.output / "sweep", *data, "model=2dcnn", f"nbhd={args.nbhd}",
        f"search.trials={args.trials}", "train.steps=null", "train.share=0.002", "train.epochs=12",
        "train.patience=4", "train.val_all=false",
    )  # fmt: skip
    promoted = command(
        "promote", args.output / "promote", *data, f"study={sweep['study']}",
        "final.share=0.01", "final.epochs=30", "final.max_seconds=600", "gate.force=true",
    )  # fmt: skip
    return {
        "test_miou": promoted["test_all"]["miou"],
        "test_loss": promoted["test_all"]["loss"],
        "val_miou": promoted["val_all"]["miou"],
        "best": sweep["best"]["params"],
        "trials": sweep["trials"],
        "postprocessing": promoted["postprocessing"],
        "porosity": promoted["samples"]["flyem"],
        "sweep_s": sweep["wall_s"],
        "promote_and_segment_s": promoted["wall_s"],
        "total_minutes": (sweep["wall_s"] + promoted["wall_s"]) / 60,
    }


def best_threshold(scored: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Return the threshold with the best pooled mIoU, and that mIoU."""
    by = {float(t): pooled_miou(scored, float(t)) for t in THRESHOLDS}
    best = max(by, key=by.__getitem__)
    return best, by[best]


def pooled_miou(scored: list[tuple[np.ndarray, np.ndarray]], threshold: float) -> float:
    return pooled(
        Confusion.of(labels, (scores >= threshold).astype(np.uint8)) for scores, labels in scored
    ).miou


def features(grey: np.ndarray) -> np.ndarray:
    return multiscale_basic_features(
        grey, intensity=True, edges=True, texture=True, sigma_min=1, sigma_max=16
    )


def forest(film: api.OpenDataset) -> dict:
    """Score a random forest on balanced pixels, with scikit-image's features of the slice."""
    started = time.perf_counter()
    train = film.squares("train")
    pixels = balanced_pixels(
        [labels for _, labels in train], TRAINING_PIXELS, np.random.default_rng(0)
    )
    rows, labels = [], []
    for k, (grey, _) in enumerate(train):
        here = pixels.window == k
        if here.any():
            rows.append(features(grey)[pixels.y[here], pixels.x[here]])
            labels.append(pixels.label[here])
    model = RandomForestClassifier(TREES, n_jobs=2, random_state=0, min_samples_leaf=5)
    model.fit(np.concatenate(rows), np.concatenate(labels))

    def scored(split: str) -> list[tuple[np.ndarray, np.ndarray]]:
        return [
            (
                model.predict_proba(features(grey).reshape(-1, rows[0].shape[1]))[:, 1].reshape(
                    grey.shape
                ),
                truth,
            )
            for grey, truth in film.squares(split)
        ]

    threshold, val = best_threshold(scored("val"))
    return {
        "test_miou": pooled_miou(scored("test"), threshold),
        "val_miou": val,
        "threshold": threshold,
        "seconds": time.perf_counter() - started,
    }


def otsu(film: api.OpenDataset) -> dict:
    """Score Otsu's threshold of the smoothed slice, and the best threshold on validation."""

    def smoothed(split: str) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(gaussian(grey, 1), labels) for grey, labels in film.squares(split)]

    test = smoothed("test")
    by_slice = pooled(
        Confusion.of(labels, (grey >= threshold_otsu(grey)).astype(np.uint8))
        for grey, labels in test
    ).miou
    threshold, val = best_threshold(smoothed("val"))
    return {
        "test_miou": by_slice,
        "test_miou_best_threshold": pooled_miou(test, threshold),
        "val_miou_best_threshold": val,
        "threshold": threshold,
    }


def main() -> None:
    args = parser.parse_args()
    film = api.open_dataset(args.data)
    figures = {"network": network(args), "otsu": otsu(film)}
    kept = args.output / "forest.json"
    if not kept.is_file():
        kept.write_text(json.dumps(forest(film)))
    figures["forest"] = json.loads(kept.read_text())
    figures["network_ahead_of_forest"] = (
        figures["network"]["test_miou"] - figures["forest"]["test_miou"]
    )
    print(json.dumps(figures, indent=2))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
