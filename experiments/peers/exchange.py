"""What every method is given and what it gives back: arrays in a folder, NumPy alone.

Every method gets the same corrected grey values, squares and slices, and all are timed by the same
code, in their different environments.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
#: Function from (y, x, 3) corrected grey values to (y, x) probabilities of solid.
Score = Callable[[FloatArray], FloatArray]

#: Pixels around a square: a U-Net needs 105, and windows of 256 that overlap by a quarter then
#: cross a square of 256 as they cross a slice.
MARGIN = 192


@dataclass(frozen=True)
class Material:
    """Folder written by the driver, for a dataset or for the film that is timed.

    ``<split>_images.npz`` : for each square (h + 2 MARGIN, w + 2 MARGIN, 3) float32, with its slice
    in the middle.
    ``<split>_labels.npz`` : for each square (h, w) uint8, 0 pore, 1 solid, 255 unlabelled.
    ``pixels.npy`` : (k, 4) int32, the balanced sample that forests learn: square, y, x, label.
    ``film.npy``, ``film_corrected.npy`` : (z, y, x) uint16 and float32, the slices that are timed.
    """

    folder: Path

    def images(self, split: str) -> list[FloatArray]:
        return read_all(self.folder / f"{split}_images.npz")

    def labels(self, split: str) -> list[npt.NDArray[np.uint8]]:
        return read_all(self.folder / f"{split}_labels.npz")

    def pixels(self) -> npt.NDArray[np.int32]:
        return np.load(self.folder / "pixels.npy")

    def film(self, name: str = "film_corrected") -> npt.NDArray[np.generic]:
        return np.load(self.folder / f"{name}.npy", mmap_mode="r")

    def slices(self) -> list[FloatArray]:
        """Return every slice of the film with its neighbours, (y, x, 3), mirrored at the ends."""
        film = self.film()
        around = np.pad(np.arange(len(film)), 1, mode="reflect" if len(film) > 1 else "edge")
        return [np.stack(film[around[z : z + 3]], axis=-1) for z in range(len(film))]


def read_all(path: Path) -> list[npt.NDArray[Any]]:
    """Read arrays of any shapes from a file, in order."""
    with np.load(path) as stored:
        return [stored[f"arr_{k}"] for k in range(len(stored.files))]


def arguments(description: str) -> argparse.Namespace:
    """Parse the arguments that the driver gives to a method."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("stage", choices=("fit", "squares", "slices"))
    parser.add_argument("--material", type=Path, required=True)
    parser.add_argument("--trained", type=Path, required=True, help="folder of the trained model")
    parser.add_argument("--output", type=Path, help="folder of the scores")
    parser.add_argument("--seconds", type=float, help="of training")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--what", nargs="*", default=[], help="network or overrides")
    return parser.parse_args()


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def write(path: Path, record: dict) -> None:
    """Write a record atomically, since its existence means that the stage is finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(record, indent=2) + "\n")
    beside.replace(path)


def score_squares(material: Material, output: Path, score: Score) -> None:
    """Score the labelled squares with their surroundings, and write ``<split>_scores.npz``."""
    output.mkdir(parents=True, exist_ok=True)
    inner = slice(MARGIN, -MARGIN)
    for split in ("val", "test"):
        scores = [score(image)[inner, inner] for image in material.images(split)]
        np.savez(output / f"{split}_scores.npz", *[np.float32(square) for square in scores])


def score_slices(material: Material, score: Score) -> float:
    """Return the seconds for all slices of the film, after a warm-up slice."""
    slices = material.slices()
    score(slices[0])
    started = time.perf_counter()
    for image in slices:
        scores = score(image)
        assert scores.shape == image.shape[:2]
    return time.perf_counter() - started


def report(material: Material, output: Path, seconds: float) -> None:
    """Write time, pixels and peak memory of an inference, at the end of its process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    record = {"seconds": seconds, "pixels": int(material.film().size), "peak_rss_gib": peak}
    write(output / "result.json", record)
