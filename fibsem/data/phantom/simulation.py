"""The annotator's squares on a phantom, and everything written as a dataset.

Slices are made one by one, from the last to the first (what is seen in a pore lies below), so that
memory does not grow with the stack.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tifffile
import yaml
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from fibsem.data.phantom.recipe import PhantomRecipe, stream
from fibsem.data.phantom.render import slices
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.system.files import folder_beside, remove_leftovers, replace_folder
from fibsem.system.identity import FILE, Identity, differences

Layout = Literal["manifest", "archive"]
Mask = NDArray[np.bool_]
Tell = Callable[[str, int, int], None]

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
#: Slices between the squares of two parts, where the stack is deep enough to spare them.
GUARD_SLICES = 10
SOLID = 255


@dataclass(frozen=True)
class Square:
    """A labelled square: one slice thick."""

    box: Box
    split: str


def simulate(
    recipe: PhantomRecipe,
    folder: Path,
    *,
    layout: Layout = "manifest",
    overwrite: bool = False,
    progress: Tell | None = None,
) -> dict[str, dict[str, float]]:
    """Simulate every film of a recipe and write it; the same recipe gives the same bytes.

    Parameters
    ----------
    recipe
        Size, structure, optics, annotator and seed.
    folder
        Appears whole or not at all: everything is written beside and renamed.
    layout
        ``manifest`` (dataset.yaml, slices, region tables, exact truth) or ``archive``, the layout
        of the published data, where x indexes rows.
    overwrite
        Replace a folder that is not empty, if there is nothing in it but a phantom.
    progress
        Called with (sample, slices done, slices).

    Returns
    -------
    dict
        ``{sample: {"porosity", "mean", "std"}}``: exact porosity of the whole volume, grey values
        in [0, 1]; also in ``truth.json``.

    Raises
    ------
    UserError
        If the folder is not empty and ``overwrite`` is false, or what lies in it is no phantom.
    """
    if folder.exists() and (entries := sorted(folder.iterdir())):
        _check_free(folder, entries, overwrite)
    remove_leftovers(folder.parent, deep=False)
    write = _write_sample if layout == "manifest" else _write_archive_sample
    with folder_beside(folder) as hidden:
        truth = {name: write(recipe, name, hidden, progress) for name in recipe.samples}
        (hidden / "truth.json").write_text(json.dumps(truth, indent=2) + "\n", "utf-8")
        identity_of(recipe, layout).write(hidden)
        if layout == "manifest":
            (hidden / "dataset.yaml").write_text(_manifest(recipe), "utf-8")
        replace_folder(folder, hidden)
    return truth


def identity_of(recipe: PhantomRecipe, layout: Layout = "manifest") -> Identity:
    """What a phantom is made from."""
    return Identity("phantom", {**asdict(recipe), "layout": layout}, {})


def unlike(folder: Path, recipe: PhantomRecipe) -> str:
    """What differs between the recipe of the phantom in a folder, if it is known, and another."""
    before = Identity.beside(folder)
    return ", ".join(differences(before, identity_of(recipe))) if before else ""


def lock_of(folder: Path) -> Path:
    """The lock of those who simulate into a folder; beside it, for the folder appears whole."""
    return folder.with_name(f".{folder.name}.lock")


#: Files of a phantom, and what each of its samples has one of.
OWN, SAMPLE = ("dataset.yaml", "truth.json", "summary.json", FILE, "data"), ("slices", "masks")


def _check_free(folder: Path, entries: Sequence[Path], overwrite: bool) -> None:
    """Refuse to replace a folder without being asked to, or with anything but a phantom in it."""
    if not overwrite:
        raise UserError(
            f"`output` must be a new or empty folder, but {folder} is not empty; "
            "the choices are another output or overwrite=true."
        )
    for entry in entries:
        if entry.name not in OWN and not any((entry / name).is_dir() for name in SAMPLE):
            raise UserError(
                "`overwrite=true` replaces a folder with nothing but a phantom in it, but "
                f"{folder} holds {entry.name}; the choices are another output or to move it away."
            )


def place_squares(recipe: PhantomRecipe, sample: str) -> list[Square]:
    """Choose the squares of a sample: apart from each other, spread over the stack.

    In a stack deep enough for it, train, validation and test lie in slices of their own with
    ``GUARD_SLICES`` unused ones between them, so that no neighbourhood is shared. In a shallower
    one the parts are mixed, as in the published split.
    """
    rng = stream(recipe.seed, sample, "squares", 0)
    depth, height, width = recipe.shape
    splits = _split_names(recipe.squares)
    zones = _zones(depth)
    if zones is None:
        zones = dict.fromkeys(SHARES, range(depth))
        splits = [splits[k] for k in rng.permutation(len(splits))]
    side, taken = recipe.square_px, list[Square]()
    for split in SHARES:
        members = [k for k, name in enumerate(splits) if name == split]
        spread = np.linspace(zones[split].start, zones[split].stop - 1, max(1, len(members)))
        for z in np.round(spread).astype(int)[: len(members)]:
            box = _free_box(int(z), zones[split], (height, width), side, taken, rng)
            taken.append(Square(box, split))
    return taken


def _zones(depth: int) -> dict[str, range] | None:
    """Slices of each part, or None where the guard would take more than half of the stack."""
    usable = depth - 2 * GUARD_SLICES
    if usable < depth / 2:
        return None
    zones, start = {}, 0
    for split, share in SHARES.items():
        stop = min(depth, start + max(1, round(share * usable)))
        zones[split] = range(start, stop)
        start = stop + GUARD_SLICES
    return zones


def _split_names(count: int) -> list[str]:
    """Part of each square: 60 / 20 / 20 %, at least one of each where there are three."""
    held_out = max(1, round(SHARES["val"] * count)) if count >= 3 else 0
    return ["train"] * (count - 2 * held_out) + ["val"] * held_out + ["test"] * held_out


def _free_box(
    z: int,
    zone: range,
    extent: tuple[int, int],
    side: int,
    taken: Sequence[Square],
    rng: np.random.Generator,
) -> Box:
    """A square near slice z that overlaps none of those that are taken."""
    for attempt in range(10_000):
        y, x = (int(rng.integers(0, n - side + 1)) for n in extent)
        if attempt > 100:  # this slice may be full
            z = int(rng.integers(zone.start, zone.stop))
        box = Box((z, y, x), (z + 1, y + side, x + side))
        if not any(box.overlaps(other.box) for other in taken):
            return box
    raise UserError(
        f"`phantom.squares` must fit into the slices without overlap, but {len(taken) + 1} squares "
        f"of {side} pixels do not fit into {len(zone)} slices of {extent[0]} x {extent[1]}."
    )


def draw(
    solid: Mask, recipe: PhantomRecipe, rng: np.random.Generator, margin: int
) -> NDArray[np.uint8]:
    """What an annotator draws: the truth under a smooth random displacement of a few pixels.

    Parameters
    ----------
    solid : (h + 2 margin, w + 2 margin) bool
        The truth with its surroundings.
    recipe, rng
        Size and length of the displacement, and the source of randomness.
    margin
        Pixels to cut off again.

    Returns
    -------
    (h, w) uint8
        0 pore, 255 solid.
    """
    moved = []
    for axis, n in enumerate(solid.shape):
        noise = gaussian_filter(rng.standard_normal(solid.shape), recipe.annotator_length_px)
        scale = noise.std() if recipe.annotator_sd_px else 1.0
        position = np.arange(n).reshape(-1, 1) if axis == 0 else np.arange(n)
        moved.append(position + recipe.annotator_sd_px * noise / scale)
    drawn = map_coordinates(solid.astype(np.uint8), moved, order=0, mode="nearest")
    inner = slice(margin, solid.shape[0] - margin), slice(margin, solid.shape[1] - margin)
    return (SOLID * drawn[inner]).astype(np.uint8)


@dataclass
class _Drawn:
    """Squares of one sample, drawn and exact, as its slices go by."""

    recipe: PhantomRecipe
    sample: str
    squares: Sequence[Square]

    def __post_init__(self) -> None:
        self.masks: dict[int, NDArray[np.uint8]] = {}
        self.truths: dict[int, NDArray[np.uint8]] = {}
        self.margin = 4 * round(self.recipe.annotator_sd_px + 1)

    def take(self, z: int, solid: Mask) -> None:
        """Draw the squares of a slice."""
        padded = np.pad(solid, self.margin, mode="reflect")
        for k, square in enumerate(self.squares):
            if square.box.start[0] != z:
                continue
            _, rows, columns = square.box.slices
            around = padded[
                rows.start : rows.stop + 2 * self.margin,
                columns.start : columns.stop + 2 * self.margin,
            ]
            rng = stream(self.recipe.seed, self.sample, "annotator", k)
            self.masks[k] = draw(around, self.recipe, rng, self.margin)
            self.truths[k] = (SOLID * solid[rows, columns]).astype(np.uint8)


class _Moments:
    """Exact porosity of every slice, and mean and s.d. of all grey values."""

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
) -> tuple[_Drawn, _Moments]:
    """Make all slices of a sample; ``write`` gets each with its exact truth."""
    drawn, moments = _Drawn(recipe, sample, place_squares(recipe, sample)), _Moments()
    for done, (z, image, solid) in enumerate(slices(recipe, sample), start=1):
        write(z, image, solid)
        drawn.take(z, solid)
        moments.take(z, image, solid)
        if progress:
            progress(sample, done, recipe.shape[0])
    return drawn, moments


def _write_sample(
    recipe: PhantomRecipe, sample: str, folder: Path, progress: Tell | None
) -> dict[str, float]:
    """Write one sample in the manifest's layout; returns its exact figures."""
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
        place = {"z": z, "y": y, "x": x, "split": square.split}
        rows.append({"mask": names["mask"], **place, "truth": names["truth"]})
    (home / "regions.csv").write_text(_table(rows), "utf-8")
    by_slice = [{"z": z, "porosity": f"{p:.6f}"} for z, p in sorted(moments.pores.items())]
    (home / "truth_porosity.csv").write_text(_table(by_slice), "utf-8")
    return moments.record()


def _write_archive_sample(
    recipe: PhantomRecipe, sample: str, folder: Path, progress: Tell | None
) -> dict[str, float]:
    """Write one sample in the published archive's layout."""
    data = folder / "data"
    raw = data / "raw" / sample
    for path in (raw, data / "manual_segmentation", data / "regions"):
        path.mkdir(parents=True, exist_ok=True)

    def write(z: int, image: NDArray[np.uint16], solid: Mask) -> None:
        tifffile.imwrite(raw / f"{sample}_{z + 1:04d}.tif", image)

    drawn, moments = _render(recipe, sample, progress, write)
    count = range(len(drawn.squares))
    # there x is the first array axis, our y
    corners = [[s.box.start[1], s.box.start[2], s.box.start[0]] for s in drawn.squares]
    labels = np.stack([drawn.masks[k] == SOLID for k in count]).astype(np.uint8)
    manual = data / "manual_segmentation"
    np.save(manual / f"segmentation_regions_{sample}.npy", np.array(corners, np.int64).T)
    np.save(manual / f"manual_segmentation_{sample}.npy", labels)
    for split in SHARES:
        members = [k for k in count if drawn.squares[k].split == split]
        np.save(data / "regions" / f"ind_squares_{split}_{sample}.npy", np.array(members, np.int64))
    return moments.record()


def _manifest(recipe: PhantomRecipe) -> str:
    """``dataset.yaml`` of the phantom."""
    z, y, x = recipe.voxel_nm
    record = {
        "name": "phantom",
        "voxel_nm": {"z": z, "y": y, "x": x},
        "classes": {"pore": 0, "solid": SOLID},
        "ignore": None,
        "samples": [
            {
                "name": name,
                "volume": f"{name}/slices",
                "regions": f"{name}/regions.csv",
                "expected_porosity": film.porosity,
            }
            for name, film in recipe.samples.items()
        ],
    }
    return yaml.safe_dump(record, sort_keys=False)


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
