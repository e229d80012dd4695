"""Write one film of a phantom in the layout of a manifest or of the published archive."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from fibsem.data.phantom.annotator import SHARES, SOLID, DrawnSquares, Mask, place_squares
from fibsem.data.phantom.recipe import PhantomRecipe
from fibsem.data.phantom.render import slices

Tell = Callable[[str, int, int], None]

#: Paths within the folder of a film in a manifest, and within the ``data`` folder of the archive.
OF_FILM = re.compile(
    r"(slices|truth_slices)/slice_\d{4,}\.tif|(masks|truth)/\d{3,}\.tif"
    r"|(regions|truth_porosity)\.csv"
)
OF_ARCHIVE = re.compile(
    r"raw/([^/]+)/\1_\d{4,}\.tif|manual_segmentation/(segmentation_regions|manual_segmentation)_"
    rf"[^/]+\.npy|regions/ind_squares_({'|'.join(SHARES)})_[^/]+\.npy"
)


class _FilmStatistics:
    """Exact porosity of every slice, and mean and standard deviation of all grey values."""

    def __init__(self) -> None:
        self.pores: dict[int, float] = {}
        self._sums = np.zeros(3)

    def take(self, z: int, image: NDArray[np.uint16], solid: Mask) -> None:
        grey = image.astype(np.float64) / 65535
        self.pores[z] = 1 - float(solid.mean())
        self._sums += [grey.size, grey.sum(), np.square(grey).sum()]

    def record(self) -> dict[str, float]:
        count, total, squares = self._sums
        mean = total / count
        return {
            "porosity": float(np.mean(list(self.pores.values()))),
            "mean": float(mean),
            "std": float(np.sqrt(squares / count - mean**2)),
        }


def _render(
    recipe: PhantomRecipe,
    sample: str,
    progress: Tell | None,
    write: Callable[[int, NDArray[np.uint16], Mask], None],
) -> tuple[DrawnSquares, _FilmStatistics]:
    """Render all slices of a sample; ``write`` is called with each slice and its exact truth."""
    drawn, moments = DrawnSquares(recipe, sample, place_squares(recipe, sample)), _FilmStatistics()
    for done, (z, image, solid) in enumerate(slices(recipe, sample), start=1):
        write(z, image, solid)
        drawn.take(z, solid)
        moments.take(z, image, solid)
        if progress:
            progress(sample, done, recipe.shape[0])
    return drawn, moments


def write_sample(
    recipe: PhantomRecipe, sample: str, folder: Path, progress: Tell | None
) -> dict[str, float]:
    """Write a sample in the layout of a manifest; return its exact porosity, mean and std."""
    home = folder / sample
    for name in ("slices", "masks", "truth", *(["truth_slices"] if recipe.truth_volume else [])):
        (home / name).mkdir(parents=True)

    def write(z: int, image: NDArray[np.uint16], solid: Mask) -> None:
        tifffile.imwrite(home / "slices" / f"slice_{z:04d}.tif", image)
        if recipe.truth_volume:
            exact = (SOLID * solid).astype(np.uint8)
            path = home / "truth_slices" / f"slice_{z:04d}.tif"
            tifffile.imwrite(path, exact, compression="zlib")

    drawn, moments = _render(recipe, sample, progress, write)
    rows: list[Mapping[str, object]] = []
    for k, square in enumerate(drawn.squares):
        names = {kind: f"{folder}/{k:03d}.tif" for kind, folder in
                 (("mask", "masks"), ("truth", "truth"))}  # fmt: skip
        tifffile.imwrite(home / names["mask"], drawn.masks[k], compression="zlib")
        tifffile.imwrite(home / names["truth"], drawn.truths[k], compression="zlib")
        z, y, x = square.box.start
        columns = {"z": z, "y": y, "x": x, "split": square.split}
        rows.append({"mask": names["mask"], **columns, "truth": names["truth"]})
    (home / "regions.csv").write_text(_table(rows), "utf-8")
    by_slice = [{"z": z, "porosity": f"{p:.6f}"} for z, p in sorted(moments.pores.items())]
    (home / "truth_porosity.csv").write_text(_table(by_slice), "utf-8")
    return moments.record()


def write_archive_sample(
    recipe: PhantomRecipe, sample: str, folder: Path, progress: Tell | None
) -> dict[str, float]:
    """Write a sample in the archive's layout; return its exact porosity, mean and std."""
    data = folder / "data"
    raw = data / "raw" / sample
    for path in (raw, data / "manual_segmentation", data / "regions"):
        path.mkdir(parents=True, exist_ok=True)

    def write(z: int, image: NDArray[np.uint16], solid: Mask) -> None:
        tifffile.imwrite(raw / f"{sample}_{z + 1:04d}.tif", image)

    drawn, moments = _render(recipe, sample, progress, write)
    count = range(len(drawn.squares))
    # in the archive x is the first array axis, here y
    corners = [[s.box.start[1], s.box.start[2], s.box.start[0]] for s in drawn.squares]
    labels = np.stack([drawn.masks[k] == SOLID for k in count]).astype(np.uint8)
    manual = data / "manual_segmentation"
    np.save(manual / f"segmentation_regions_{sample}.npy", np.array(corners, np.int64).T)
    np.save(manual / f"manual_segmentation_{sample}.npy", labels)
    for split in SHARES:
        members = [k for k in count if drawn.squares[k].split == split]
        np.save(data / "regions" / f"ind_squares_{split}_{sample}.npy", np.array(members, np.int64))
    return moments.record()


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    """Format rows as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
