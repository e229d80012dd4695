"""A whole volume: read, correct, predict, smooth, threshold, write; slab by slab, resumable.

The working store is Zarr or one TIFF per slice. A ledger beside it lists the finished slabs under a
key of everything that determines the result: a slab counts once its entry is written, after its
slices. A different volume, model or option refuses to go on in the same folder.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fibsem.analysis.postprocessing import PostProcessing, segment_slice
from fibsem.analysis.uncertainty import normal_interval
from fibsem.data.preprocessing import CorrectedVolume, Recipe, fit_correction, reflected
from fibsem.data.volumes import Volume, VolumeWriter, VoxelNm, create_volume
from fibsem.errors import UserError
from fibsem.files import read_json, replace_file, write_json
from fibsem.geometry import Box
from fibsem.inference.predict import BlockScorer, Precision
from fibsem.inference.tiles import Tiling, choose_tiling
from fibsem.models import Model
from fibsem.models.dense import why_not_dense
from fibsem.models.spec import ModelSpec

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Segmenter:
    """A trained network and all that is needed to label a volume with it.

    ``identity`` names weights and settings; ``classes`` are the label values of pore and solid in
    the output.
    """

    spec: ModelSpec
    model: Model
    recipe: Recipe
    postprocessing: PostProcessing
    identity: str
    classes: tuple[int, int] = (0, 255)


@dataclass(frozen=True)
class Options:
    """How the work is done; only ``format`` and ``precision`` change the result."""

    format: Literal["tiff", "ome-zarr"] = "ome-zarr"
    precision: Precision = "float32"
    memory_gib: float = 4.0
    slab: int = 4
    overwrite: bool = False


def segment_volume(
    volume: Volume,
    segmenter: Segmenter,
    folder: Path,
    options: Options,
    *,
    voxel_nm: VoxelNm = (None, None, None),
    progress: Callable[[str, int, int], None] | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Label every voxel of a volume; goes on where an earlier run of the same was stopped.

    Parameters
    ----------
    volume, segmenter
        What is labelled, and by what. The correction is fitted to this volume.
    folder
        Results: ``labels.ome.zarr`` or ``labels/`` (uint8), ``porosity.csv`` by slice,
        ``ledger.json`` and ``summary.json``.
    options
        Format, precision, memory budget, slab size.
    voxel_nm
        Written with the labels; the volume's own where it knows it.
    progress, say
        Called after every slice, and with warnings.

    Returns
    -------
    dict
        The record of ``summary.json``.

    Raises
    ------
    UserError
        If the folder holds a different segmentation, or the disk is too full for this one.

    Notes
    -----
    Memory: the slices of one neighbourhood, one slice of scores and the feature maps of one tile;
    independent of the number of slices.
    """
    started = time.perf_counter()
    voxel_nm = voxel_nm if any(voxel_nm) else volume.voxel_nm
    ledger = _open_ledger(volume, segmenter, folder, options)
    _check_room(volume, folder)
    worker = SlabWorker(volume, segmenter, options)
    resumed = len(ledger.slabs)
    if worker.scorer.mode == "patch":
        say(worker.patience())
    target = folder / ("labels" if options.format == "tiff" else "labels.ome.zarr")
    writer = create_volume(
        target, volume.shape, np.dtype(np.uint8), format=options.format, voxel_nm=voxel_nm,
        resume=target.exists(),
    )  # fmt: skip
    with writer:
        for start in ledger.missing(volume.shape[0]):
            stop = min(start + ledger.slab, volume.shape[0])
            pores = worker.label(start, stop, writer, progress)
            ledger.finish(start, pores)
    record = _summary(volume, segmenter, options, ledger, worker, started, resumed)
    record["labels"] = target.name
    record["voxel_nm"] = list(voxel_nm)
    _write_porosity(folder, ledger, volume)
    write_json(folder / "summary.json", record)
    return record


class SlabWorker:
    """Labels slabs of one volume: one thread reads ahead while the network is busy."""

    def __init__(self, volume: Volume, segmenter: Segmenter, options: Options) -> None:
        self.segmenter = segmenter
        self.correction = fit_correction(volume, segmenter.recipe)
        self.volume = CorrectedVolume(volume, self.correction)
        self.scorer = BlockScorer(segmenter.spec, segmenter.model, options.precision)
        self.tiling: Tiling = choose_tiling(
            self.scorer, volume.shape[1:], options.memory_gib, options.precision
        )
        self._slices: dict[int, Future[FloatArray]] = {}

    def label(
        self,
        start: int,
        stop: int,
        writer: VolumeWriter,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> list[int]:
        """Label slices start..stop and write them; returns the number of pore pixels of each."""
        pores = []
        values = np.array(self.segmenter.classes, np.uint8)
        with ThreadPoolExecutor(1) as reader:
            for z in range(start, stop):
                labels = segment_slice(self.scores(z, stop, reader), self.segmenter.postprocessing)
                writer.write(z, values[labels][None])
                pores.append(int((labels == 0).sum()))
                if progress:
                    progress("slices", z + 1, self.volume.shape[0])
        return pores

    def all_scores(self) -> Iterator[FloatArray]:
        """Probability of solid of every slice in turn."""
        depth = self.volume.shape[0]
        with ThreadPoolExecutor(1) as reader:
            for z in range(depth):
                yield self.scores(z, depth, reader)

    def scores(self, z: int, stop: int, reader: ThreadPoolExecutor) -> FloatArray:
        """Probability of solid of slice z, (y, x) float32; the next slice is read meanwhile."""
        slices = [future.result() for future in self._around(z, reader)]
        if z + 1 < stop:
            self._around(z + 1, reader)
        self.scorer.look(self.volume, z)
        _, halo_y, halo_x = self.segmenter.spec.halo
        scores = np.empty(self.tiling.slice_shape, np.float32)
        for rows, columns in self.tiling.tiles:
            around = (
                slice(rows.start, rows.stop + 2 * halo_y),
                slice(columns.start, columns.stop + 2 * halo_x),
            )
            block = np.stack([grey[around] for grey in slices], axis=-1)
            scores[rows, columns] = self.scorer(block)
        return scores

    def _around(self, z: int, reader: ThreadPoolExecutor) -> list[Future[FloatArray]]:
        """The corrected slices of the neighbourhood of slice z, mirrored in z; read if need be."""
        halo = self.segmenter.spec.halo[0]
        needed = reflected(z - halo, z + halo + 1, self.volume.shape[0]).tolist()
        kept = {k: future for k, future in self._slices.items() if k >= z - halo}
        for k in dict.fromkeys(needed):
            if k not in kept:
                kept[k] = reader.submit(self._read, k)
        self._slices = kept
        return [kept[k] for k in needed]

    def _read(self, z: int) -> FloatArray:
        """One corrected slice with the halo around, (y + 2 halo_y, x + 2 halo_x)."""
        _, halo_y, halo_x = self.segmenter.spec.halo
        box = Box((z, 0, 0), (z + 1, *self.volume.shape[1:]))
        return self.volume.read(box.grow((0, halo_y, halo_x)))[0]

    def patience(self) -> str:
        """Say how long patch by patch will take, from one timed row of patches."""
        (n_y, n_x), width = self.segmenter.spec.window, 1024
        block = np.zeros((n_y, n_x + width - 1, self.segmenter.spec.nbhd.z), np.float32)
        self.scorer(block)
        started = time.perf_counter()
        self.scorer(block)
        rate = width / (time.perf_counter() - started)
        hours = np.prod(self.volume.shape) / rate / 3600
        return (
            f"warning: {why_not_dense(self.segmenter.spec)}; patch by patch, at {rate:.0f} pixels "
            f"a second, this volume takes about {hours:.1f} hours"
        )


class Ledger:
    """Which slabs are done, under a key of everything that determines the result."""

    def __init__(self, path: Path, key: dict[str, Any], slab: int) -> None:
        self.path, self.key, self.slab = path, key, slab
        self.slabs: dict[int, list[int]] = {}

    def load(self) -> None:
        """Continue a ledger; refuse one of another input, model or option."""
        record = read_json(self.path)
        differing = [name for name in self.key if record["key"].get(name) != self.key[name]]
        if differing:
            raise UserError(
                f"`output` must be a new folder or hold the same segmentation, but "
                f"{self.path.parent} was made with another {' and '.join(differing)}; "
                "the choices are another output or overwrite=true."
            )
        self.slab = record["slab"]
        self.slabs = {int(start): pores for start, pores in record["slabs"].items()}

    def missing(self, depth: int) -> Iterator[int]:
        """First slices of the slabs that are still to be done."""
        return (z for z in range(0, depth, self.slab) if z not in self.slabs)

    def finish(self, start: int, pores: list[int]) -> None:
        """Enter a slab whose slices are written."""
        self.slabs[start] = pores
        self.write()

    def write(self) -> None:
        write_json(self.path, {"key": self.key, "slab": self.slab, "slabs": self.slabs})

    def pores(self) -> list[int]:
        """Pore pixels of every slice, in order."""
        return [count for start in sorted(self.slabs) for count in self.slabs[start]]


def _open_ledger(volume: Volume, segmenter: Segmenter, folder: Path, options: Options) -> Ledger:
    key = {
        "volume": volume.signature(),
        "model": segmenter.identity,
        "format": options.format,
        "precision": options.precision,
    }
    ledger = Ledger(folder / "ledger.json", key, options.slab)
    if options.overwrite and ledger.path.exists():
        shutil.rmtree(folder)
    if ledger.path.exists():
        ledger.load()
    else:
        ledger.write()
    return ledger


def _check_room(volume: Volume, folder: Path) -> None:
    """Refuse to start where the labels would not fit even compressed by half."""
    needed = int(np.prod(volume.shape)) // 2
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"`output` must have room for about {needed / 2**30:.1f} GiB of labels, but {folder} "
            f"has {free / 2**30:.1f} GiB free."
        )


def _summary(
    volume: Volume,
    segmenter: Segmenter,
    options: Options,
    ledger: Ledger,
    worker: SlabWorker,
    started: float,
    resumed: int,
) -> dict[str, Any]:
    seconds = time.perf_counter() - started
    voxels = int(np.prod(volume.shape))
    slice_voxels = voxels // volume.shape[0]
    porosity = [count / slice_voxels for count in ledger.pores()]
    done = sum(len(pores) for start, pores in ledger.slabs.items()) * slice_voxels
    fresh = done - resumed * min(ledger.slab * slice_voxels, voxels)
    return {
        "volume": str(volume.path),
        "shape": list(volume.shape),
        "model": segmenter.identity,
        "voxels": voxels,
        "seconds": seconds,
        "voxels_per_second": max(fresh, 0) / seconds,
        "mode": worker.scorer.mode,
        "precision": options.precision,
        "peak_rss_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "porosity": float(np.mean(porosity)),
        "porosity_ci": list(normal_interval(porosity)),
        "slabs": {"done": len(ledger.slabs), "resumed": resumed},
        "correction": worker.correction.to_json(),
        "postprocessing": segmenter.postprocessing.to_json(),
    }


def _write_porosity(folder: Path, ledger: Ledger, volume: Volume) -> None:
    """Porosity of every slice as CSV."""
    slice_voxels = volume.shape[1] * volume.shape[2]
    rows = [f"{z},{count / slice_voxels:.6f}" for z, count in enumerate(ledger.pores())]
    replace_file(folder / "porosity.csv", "\n".join(["z,porosity", *rows]) + "\n")
