"""What every method is given and what it gives back: arrays in a folder, NumPy alone.

Every method has the same corrected grey values, the same squares and the same slices, and all are
timed by the same lines, in whichever environment they live.
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

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
#: (y, x, 3) corrected grey values -> (y, x) probability of solid.
Score = Callable[[FloatArray], FloatArray]

#: Pixels around a square: the widest Gaussian of the forests sees 66, and windows of 256 that
#: overlap by a quarter then cross a square of 256 as they cross a slice.
MARGIN = 96


@dataclass(frozen=True)
class Material:
    """The folder that the driver has written.

    ``<split>_images.npy`` : (n, h + 2 MARGIN, w + 2 MARGIN, 3) float32, the slice in the middle.
    ``<split>_labels.npy``, ``<split>_truth.npy`` : (n, h, w) uint8, 0 pore, 1 solid.
    ``pixels.npy`` : (k, 4) int32, the balanced sample that forests learn: square, y, x, label.
    ``film.npy``, ``film_corrected.npy`` : (z, y, x) uint16 and float32, the slices that are timed.
    """

    folder: Path

    def images(self, split: str) -> FloatArray:
        return np.load(self.folder / f"{split}_images.npy")

    def labels(self, split: str) -> npt.NDArray[np.uint8]:
        return np.load(self.folder / f"{split}_labels.npy")

    def pixels(self) -> npt.NDArray[np.int32]:
        return np.load(self.folder / "pixels.npy")

    def film(self, name: str = "film_corrected") -> npt.NDArray[np.generic]:
        return np.load(self.folder / f"{name}.npy", mmap_mode="r")

    def slices(self) -> list[FloatArray]:
        """Every slice of the film with its neighbours, (y, x, 3), mirrored at the ends."""
        film = self.film()
        around = np.pad(np.arange(len(film)), 1, mode="reflect" if len(film) > 1 else "edge")
        return [np.stack(film[around[z : z + 3]], axis=-1) for z in range(len(film))]


def arguments(description: str) -> argparse.Namespace:
    """Read what the driver says to a method."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("stage", choices=("fit", "infer"))
    parser.add_argument("--material", type=Path, required=True)
    parser.add_argument("--trained", type=Path, required=True, help="folder of the trained model")
    parser.add_argument("--output", type=Path, help="folder of the scores")
    parser.add_argument("--seconds", type=float, help="of training")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--what", nargs="*", default=[], help="network or overrides")
    return parser.parse_args()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def write(path: Path, record: dict) -> None:
    """Write a record whole or not at all: that it is there means that the stage is done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(record, indent=2) + "\n")
    beside.replace(path)


def score_squares(material: Material, output: Path, score: Score) -> None:
    """Score the labelled squares with their surroundings; writes ``<split>.npy``, (n, h, w)."""
    output.mkdir(parents=True, exist_ok=True)
    inner = slice(MARGIN, -MARGIN)
    for split in ("val", "test"):
        scores = [score(image)[inner, inner] for image in material.images(split)]
        np.save(output / f"{split}.npy", np.stack(scores).astype(np.float32))


def score_slices(material: Material, score: Score) -> float:
    """Seconds for all slices of the film, after one that does not count."""
    slices = material.slices()
    score(slices[0])
    started = time.perf_counter()
    for image in slices:
        scores = score(image)
        assert scores.shape == image.shape[:2]
    return time.perf_counter() - started


def report(material: Material, output: Path, seconds: float) -> None:
    """Write what the driver wants to know of an inference; the last thing in its process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    record = {"seconds": seconds, "pixels": int(material.film().size), "peak_rss_gib": peak}
    write(output / "result.json", record)
