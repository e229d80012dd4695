"""Outputs of a segmentation on disk: labels, probabilities, uncertainty, previews."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from fibsem.analysis.calibration import Platt
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import Format, Meaning, VolumeWriter, VoxelNm, create_volume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.inference.options import Options
from fibsem.system.files import remove_own, replace_file

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

#: Largest side of a preview in pixels.
PREVIEW = 1200

SUFFIX = {"tiff": "", "ome-zarr": ".ome.zarr", "bigtiff": ".tif"}


def missing_label(classes: tuple[int, int]) -> int:
    """Return the label value of missing slices: about 128, and different from the classes.

    >>> missing_label((0, 255)), missing_label((1, 127))
    (127, 128)
    """
    return next(value for value in (127, 128, 129) if value not in classes)


def left_out_label(classes: tuple[int, int]) -> int:
    """Return the label value of voxels that are not material: about 64, unlike the classes.

    >>> left_out_label((0, 255)), left_out_label((0, 64))
    (64, 63)
    """
    return next(value for value in (64, 63, 62) if value not in classes)


def meanings_of(classes: tuple[int, int]) -> tuple[Meaning, ...]:
    """Return the meanings of label values, with colours that are safe for colour-blind people."""
    pore, solid = classes
    return (
        Meaning(pore, "pore", (0, 114, 178, 255)),
        Meaning(solid, "solid", (213, 94, 0, 255)),
        Meaning(missing_label(classes), "missing slice", (128, 128, 128, 255)),
        Meaning(left_out_label(classes), "no material", (64, 64, 64, 255)),
    )


@dataclass(frozen=True)
class Store:
    """An output volume that is written slice by slice and can be continued.

    A BigTIFF cannot be continued: slices are written to an OME-Zarr, which is exported at the end.
    ``meanings`` are the meanings of label values.
    """

    folder: Path
    name: str
    format: Format
    meanings: tuple[Meaning, ...] = ()

    @property
    def path(self) -> Path:
        """Path of the finished volume."""
        return self.folder / f"{self.name}{SUFFIX[self.format]}"

    @property
    def working_path(self) -> Path:
        """Path to which slices are written."""
        return self.folder / f"{self.name}.ome.zarr" if self.format == "bigtiff" else self.path

    def writer(self, shape: Triple, voxel_nm: VoxelNm) -> VolumeWriter:
        """Create the volume, or open an existing one to continue it."""
        format_: Format = "tiff" if self.format == "tiff" else "ome-zarr"
        resume = self.working_path.exists()
        return create_volume(
            self.working_path,
            shape,
            np.uint8,
            format=format_,
            voxel_nm=voxel_nm,
            meanings=self.meanings,
            resume=resume,
        )

    def is_whole(self, depth: int) -> bool:
        """Return whether the exported file exists and every slice of it can be read."""
        try:
            stack = open_volume(self.path)
            for z in range(depth):
                stack.slice(z)
        except UserError:
            return False
        return True

    def export(self, voxel_nm: VoxelNm) -> None:
        """Copy the slices into the requested format."""
        self.path.unlink(missing_ok=True)  # left by an interrupted export
        stack = open_volume(self.working_path)
        with create_volume(
            self.path, stack.shape, np.uint8, format="bigtiff", voxel_nm=voxel_nm
        ) as writer:
            for z in range(stack.shape[0]):
                writer.write(z, stack.slice(z)[None])


def stores_of(
    folder: Path, options: Options, meanings: tuple[Meaning, ...] = ()
) -> dict[str, Store]:
    """Return the output volumes of a segmentation by name.

    ``labels-2d`` are the labels before small components in 3D are removed. ``meanings`` are the
    meanings of label values.
    """
    formats: dict[str, Format | None] = {
        "labels": options.format,
        "labels-2d": "ome-zarr" if options.min_volume_nm3 else None,
        "probabilities": options.format if options.probabilities else None,
        "uncertainty": options.format if options.uncertainty else None,
    }
    return {
        name: Store(folder, name, kind, meanings if name.startswith("labels") else ())
        for name, kind in formats.items()
        if kind
    }


def paths_of(folder: Path, options: Options) -> list[Path]:
    """Return all paths that a segmentation leaves in its folder, except the ledger."""
    stores = stores_of(folder, options).values()
    paths = [path for store in stores for path in (store.path, store.working_path)]
    reports = [folder / name for name in ("previews", "porosity.csv", "summary.json")]
    return list(dict.fromkeys([*paths, *reports]))


class Outputs:
    """The outputs of one segmentation, to which slices are written.

    Parameters
    ----------
    folder, shape, voxel_nm
        The output folder, and shape and voxel size of the volume.
    options
        Options: format, probabilities, uncertainty, number of previews.
    classes
        Label values of pore and solid.
    platt
        Calibration from scores to the probabilities that are written.
    """

    def __init__(
        self,
        folder: Path,
        shape: Triple,
        voxel_nm: VoxelNm,
        options: Options,
        classes: tuple[int, int],
        platt: Platt = Platt(),  # noqa: B008 - frozen
    ) -> None:
        self.folder, self.shape, self.voxel_nm, self.classes = folder, shape, voxel_nm, classes
        self.platt = platt
        stores = stores_of(folder, options, meanings_of(classes))
        self.labels = stores["labels"]
        self.flat = stores.get("labels-2d")
        self.probabilities = stores.get("probabilities")
        self.uncertainty = stores.get("uncertainty")
        self.previewed = set(evenly_spaced(shape[0], options.previews))
        self._values = np.array(classes, np.uint8)

    @contextmanager
    def opened(self) -> Iterator[Self]:
        """Create the output volumes, or open them to continue, for the block."""
        with ExitStack() as stack:

            def writer(store: Store) -> VolumeWriter:
                return stack.enter_context(store.writer(self.shape, self.voxel_nm))

            self._labels = writer(self.flat or self.labels)
            self._probabilities = writer(self.probabilities) if self.probabilities else None
            self._uncertainty = writer(self.uncertainty) if self.uncertainty else None
            yield self

    def lost(self, slices: Iterable[int], needed: Iterable[Store]) -> set[int]:
        """Return which of the written slices are now missing in a needed output."""
        slices, lost = list(slices), set()
        for store in needed:
            if not store.working_path.exists():
                return set(slices)
            with store.writer(self.shape, self.voxel_nm) as writer:
                lost |= {z for z in slices if not writer.holds(z)}
        return lost

    def write(
        self,
        z: int,
        labels: LabelArray,
        scores: FloatArray,
        grey: FloatArray | None,
        spread: FloatArray | None = None,
        inside: BoolArray | None = None,
    ) -> None:
        """Write one slice, all arrays (y, x); pixels that are not material are marked.

        Parameters
        ----------
        z
            Index of the slice.
        labels : uint8
            0 pore, 1 solid.
        scores, spread : float32
            Mean and standard deviation of the members' probabilities, before calibration.
        grey : float32
            Corrected grey values, of slices that are :attr:`previewed`.
        inside : bool
            True for material; None: everywhere.
        """

        def marked(values: LabelArray, mark: int) -> LabelArray:
            shown = values if inside is None else np.where(inside, values, np.uint8(mark))
            return shown[None]

        self._labels.write(z, marked(self._values[labels], left_out_label(self.classes)))
        if self._probabilities:
            calibrated = self.platt(scores)
            self._probabilities.write(z, marked(np.rint(255 * calibrated).astype(np.uint8), 127))
        if self._uncertainty and spread is not None:
            self._uncertainty.write(z, marked(np.rint(510 * spread).astype(np.uint8), 255))
        if z in self.previewed and grey is not None:
            self._preview(z, labels, grey, inside)

    def write_missing(self, z: int, *, unread: bool = True) -> None:
        """Mark a whole slice; its probability is 127 of 255, its uncertainty 255.

        ``unread`` is True for a missing slice, and False for a slice without material.
        """
        mark = missing_label if unread else left_out_label
        blank = np.full((1, *self.shape[1:]), mark(self.classes), np.uint8)
        self._labels.write(z, blank)
        if self._probabilities:
            self._probabilities.write(z, np.full_like(blank, 127))
        if self._uncertainty:
            self._uncertainty.write(z, np.full_like(blank, 255))

    def redraw(self, z: int, grey: FloatArray, inside: BoolArray | None) -> None:
        """Draw the preview of a slice again, from its final labels; arrays as for :meth:`write`."""
        working_path, exported = self.labels.working_path, self.labels.path
        stack = open_volume(working_path if working_path.exists() else exported)
        solid = (stack.slice(z) == self.classes[1]).astype(np.uint8)
        self._preview(z, solid, grey, inside)

    def preview(self, z: int) -> Path:
        """Return the path of a slice's preview."""
        digits = max(4, len(str(self.shape[0] - 1)))
        return self.folder / "previews" / f"slice_{z:0{digits}d}.png"

    def undrawn(self, missing: Container[int]) -> list[int]:
        """Return slices that lack a preview; an earlier start may have drawn fewer."""
        wanted = sorted(z for z in self.previewed if z not in missing)
        return [z for z in wanted if not self.preview(z).exists()]

    def forget_previews(self) -> None:
        """Remove all previews, also those of earlier starts, after labels have changed."""
        remove_own(self.folder, ["previews/slice_*.png"])

    def _preview(
        self, z: int, labels: LabelArray, grey: FloatArray, inside: BoolArray | None
    ) -> None:
        from fibsem.analysis import figures

        step = -(-max(self.shape[1:]) // PREVIEW)
        thin = (slice(None, None, step),) * 2
        figure = figures.overlay(
            grey[thin], labels[thin] == 1, material=None if inside is None else inside[thin]
        )
        replace_file(self.preview(z), figures.png(figure))

    @property
    def exported(self) -> list[Store]:
        """Outputs that are exported after the last slice."""
        stores = (self.labels, self.probabilities, self.uncertainty)
        return [store for store in stores if store and store.working_path != store.path]
