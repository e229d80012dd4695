"""A whole volume: decided once, labelled slab by slab, resumable.

Before the first slab the correction is fitted, and for long runs dense evaluation is compared with
patches and bfloat16 with float32 on this very volume. What was decided is kept in the ledger.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fibsem.analysis.uncertainty import normal_interval
from fibsem.data.preprocessing import CorrectedVolume, Correction, fit_correction
from fibsem.data.volumes import Volume, VoxelNm, open_volume
from fibsem.errors import UserError
from fibsem.files import replace_file, write_json
from fibsem.inference.checks import MOST_CHANGED, certify, share_changed
from fibsem.inference.components import remove_small_3d
from fibsem.inference.executor import Job, Load, SlabResult, run_elsewhere
from fibsem.inference.ledger import Ledger, SliceRecord
from fibsem.inference.options import Options
from fibsem.inference.outputs import Outputs
from fibsem.inference.predict import Precision
from fibsem.inference.segmenter import Scorer, Segmenter, describe
from fibsem.inference.slab import SlabWorker
from fibsem.inference.tiles import LARGEST, choose_tiling, largest_side
from fibsem.inference.tuning import fastest_side
from fibsem.models.dense import why_not_dense

__all__ = ["Options", "Segmenter", "segment_volume"]

#: Voxels from which on a run is long: it is certified, and the fastest tiles are looked for.
LONG = 20_000_000
WORTH_TUNING = 200_000_000

Show = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Decisions:
    """What holds for all slabs of a segmentation."""

    correction: Correction
    precision: Precision
    changed: float | None
    certificate: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        return {
            "correction": self.correction.to_json(),
            "precision": self.precision,
            "changed": self.changed,
            "certificate": self.certificate,
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Decisions:
        return cls(**{**record, "correction": Correction.from_json(record["correction"])})


def segment_volume(
    volume: Volume,
    segmenter: Segmenter,
    folder: Path,
    options: Options,
    *,
    voxel_nm: VoxelNm = (None, None, None),
    load: Load | None = None,
    progress: Show | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Label every voxel of a volume; goes on where an earlier run of the same was stopped.

    Parameters
    ----------
    volume, segmenter
        What is labelled, and by what. The correction is fitted to this volume.
    folder
        Results: ``labels.ome.zarr``, ``labels/`` or ``labels.tif`` (uint8), the same of
        ``probabilities``, ``previews/``, ``porosity.csv`` by slice, ``ledger.json`` and
        ``summary.json``.
    options
        Format, precision, memory budget, workers and so on.
    voxel_nm
        Written with the labels; the volume's own where it knows it.
    load
        Gives the segmenter in another process; needed for workers.
    progress, say
        Called after every slice or slab, and with warnings.

    Returns
    -------
    dict
        The record of ``summary.json``.

    Raises
    ------
    UserError
        If the folder holds a different segmentation, the disk is too full for this one, the
        certificate fails, or a slice cannot be read.

    Notes
    -----
    Memory: the slices of one neighbourhood, a few slices of scores and the feature maps of one
    tile; independent of the number of slices.
    """
    started = time.perf_counter()
    voxel_nm = voxel_nm if any(voxel_nm) else volume.voxel_nm
    _check_voxel(options, voxel_nm)
    key = {"volume": volume.signature(), "model": segmenter.identity, **options.key}
    ledger = Ledger.open(folder, key, options.slab, overwrite=options.overwrite)
    _check_room(volume, folder, options, ledger)
    resumed = len(ledger.slabs)
    decisions = _decide(volume, segmenter, options, ledger, say)
    run = _Run(volume, segmenter, folder, options, voxel_nm, decisions, ledger, say)
    show = progress or (lambda *_: None)
    elsewhere = options.workers > 1 or options.scheduler is not None
    stages = run.elsewhere(load, show) if elsewhere else run.here(show)
    pores = run.conclude(show)
    record = {
        **_counts(volume, pores),
        "volume": str(volume.path),
        "labels": run.outputs.labels.path.name,
        "probabilities": run.outputs.probabilities and run.outputs.probabilities.path.name,
        "voxel_nm": list(voxel_nm),
        **describe(segmenter),
        "seconds": time.perf_counter() - started,
        "mode": run.mode,
        "precision": decisions.precision,
        "precision_asked": options.precision,
        "labels_changed_by_bfloat16": decisions.changed,
        "certificate": decisions.certificate,
        "correction": decisions.correction.to_json(),
        "slabs": {"done": len(ledger.slabs), "resumed": resumed},
        **stages,
    }
    fresh = sum(len(s) for k, s in ledger.slabs.items() if k in run.fresh)
    voxels = fresh * volume.shape[1] * volume.shape[2]
    record["voxels_per_second"] = voxels / record["seconds"]
    _write_porosity(folder, ledger.slices(), pores, volume)
    write_json(folder / "summary.json", record)
    return record


class _Run:
    """One run over the slabs that are missing."""

    def __init__(
        self,
        volume: Volume,
        segmenter: Segmenter,
        folder: Path,
        options: Options,
        voxel_nm: VoxelNm,
        decisions: Decisions,
        ledger: Ledger,
        say: Callable[[str], None],
    ) -> None:
        self.volume, self.segmenter, self.folder, self.options = volume, segmenter, folder, options
        self.voxel_nm, self.decisions, self.ledger, self.say = voxel_nm, decisions, ledger, say
        self.outputs = Outputs(folder, volume.shape, voxel_nm, options, segmenter.classes)
        self.fresh = {start for start, _ in ledger.missing(volume.shape[0])}
        scorer = Scorer(segmenter, decisions.precision)
        self.mode = scorer.mode
        self.side = _side(scorer, volume, options)
        self.worker = SlabWorker(
            volume,
            decisions.correction,
            segmenter,
            scorer,
            choose_tiling(scorer, volume.shape[1:], options.memory_gib, self.side),
            say,
        )
        if self.mode == "patch" and self.fresh:
            say(patience(scorer, volume))

    def here(self, show: Show) -> dict[str, Any]:
        """Label the missing slabs in this process."""
        if self.fresh:
            with self.outputs:
                self.worker.run(
                    self.ledger.missing(self.volume.shape[0]),
                    self.outputs, self.ledger.finish, show,
                )  # fmt: skip
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        tiling = self.worker.tiling
        return {
            "peak_rss_gib": peak,
            "stages": dict(self.worker.stages.seconds),
            "tile": [tiling.height, tiling.width],
            "workers": 1,
        }

    def elsewhere(self, load: Load | None, show: Show) -> dict[str, Any]:
        """Label the missing slabs in other processes."""
        if load is None:
            raise UserError(
                "`workers` and `scheduler` need a volume and a model on disk; workers=1 does not."
            )
        results: list[SlabResult] = []
        if self.fresh:
            with self.outputs:  # lay out the stores before many open them
                pass
            declared = self.volume.declared
            job = Job(
                f"{self.folder.resolve()} {time.time()}", self.volume.path.resolve(), declared,
                load, self.folder.resolve(), self.voxel_nm, self.options,
                self.decisions.correction, self.decisions.precision, self.side,
            )  # fmt: skip
            results = run_elsewhere(job, self.ledger, self.volume.shape[0], show)
        stages: dict[str, float] = {}
        for result in results:
            for stage, seconds in result.seconds.items():
                stages[stage] = stages.get(stage, 0.0) + seconds
        tiling = self.worker.tiling
        return {
            "peak_rss_gib": max((result.peak_rss_gib for result in results), default=0.0),
            "stages": stages,
            "tile": [tiling.height, tiling.width],
            "workers": self.options.workers,
            "scheduler": self.options.scheduler,
        }

    def conclude(self, show: Show) -> list[int | None]:
        """Small components in 3D, exports; returns the pore voxels of every slice."""
        outputs, options = self.outputs, self.options
        pores = [entry.pores for entry in self.ledger.slices()]
        if outputs.flat:
            if "pores_3d" not in self.ledger.decided:
                size = float(np.prod([nm for nm in self.voxel_nm if nm]))
                with outputs.labels.writer(self.volume.shape, self.voxel_nm) as writer:
                    flat = open_volume(outputs.flat.path)
                    cleaned = remove_small_3d(
                        flat, writer, self.segmenter.classes, options.min_volume_nm3 / size,
                        slab=self.ledger.slab, progress=show,
                    )  # fmt: skip
                self.ledger.decide(pores_3d=cleaned)
            pores = self.ledger.decided["pores_3d"]
        outputs.export()
        return pores


def _decide(
    volume: Volume,
    segmenter: Segmenter,
    options: Options,
    ledger: Ledger,
    say: Callable[[str], None],
) -> Decisions:
    """What was decided when this segmentation began, or is decided now."""
    if "decisions" in ledger.decided:
        return Decisions.from_json(ledger.decided["decisions"])
    correction = fit_correction(volume, segmenter.recipe)
    corrected = CorrectedVolume(volume, correction)
    certificate: dict[str, Any] | None = None
    asked = options.certificate
    if asked or (asked is None and np.prod(volume.shape) >= LONG):
        found = certify(corrected, segmenter)
        certificate = found.to_json() if found else None
    precision, changed = options.precision, None
    if precision == "bfloat16" and any(m.spec.convertible for m in segmenter.members):
        rough, exact = Scorer(segmenter, precision), Scorer(segmenter)
        changed = share_changed(corrected, segmenter, rough, exact)
        if changed > MOST_CHANGED:
            say(
                f"warning: bfloat16 changes {100 * changed:.2f} % of the labels on a sample of "
                f"tiles, more than {100 * MOST_CHANGED:g} %; going on in float32"
            )
            precision = "float32"
    decisions = Decisions(correction, precision, changed, certificate)
    ledger.decide(decisions=decisions.to_json())
    return decisions


def _side(scorer: Scorer, volume: Volume, options: Options) -> int | None:
    """The largest side of a tile: as asked, or the fastest where it is worth to look for it."""
    if options.tile is not None or scorer.mode != "dense":
        return options.tile
    if np.prod(volume.shape) < WORTH_TUNING:
        return None
    return fastest_side(scorer, min(LARGEST, largest_side(scorer, options.memory_gib)))


def patience(scorer: Scorer, volume: Volume) -> str:
    """Say how long patch by patch will take, from one timed row of patches."""
    spec = next(member.spec for member in scorer.members if member.mode == "patch")
    width = 1024
    z, y, x = scorer.halo
    block = np.zeros((2 * y + 1, 2 * x + width, 2 * z + 1), np.float32)
    scorer(block)
    started = time.perf_counter()
    scorer(block)
    rate = width / (time.perf_counter() - started)
    hours = np.prod(volume.shape) / rate / 3600
    return (
        f"warning: {why_not_dense(spec)}; patch by patch, at {rate:.0f} pixels a second, this "
        f"volume takes about {hours:.1f} hours"
    )


def _check_voxel(options: Options, voxel_nm: VoxelNm) -> None:
    """A volume in cubic nanometres needs the size of a voxel."""
    if options.min_volume_nm3 and not all(voxel_nm):
        raise UserError(
            "`min_volume_nm3` needs the size of a voxel, but the volume does not state it: "
            f"{voxel_nm}; voxel_nm=[z,y,x] does."
        )


def _check_room(volume: Volume, folder: Path, options: Options, ledger: Ledger) -> None:
    """Refuse to start where the outputs would not fit even compressed by half."""
    left = 1 - len(ledger.slabs) / max(1, -(-volume.shape[0] // ledger.slab))
    stores = 1 + bool(options.min_volume_nm3) + (options.format == "bigtiff")
    stores += options.probabilities * (2 if options.format == "bigtiff" else 1)
    needed = left * stores * np.prod(volume.shape) / 2
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"`output` must have room for about {needed / 2**30:.1f} GiB, but {folder} has "
            f"{free / 2**30:.1f} GiB free."
        )


def _counts(volume: Volume, pores: list[int | None]) -> dict[str, Any]:
    """Porosity over the slices that are there."""
    area = volume.shape[1] * volume.shape[2]
    present = [count / area for count in pores if count is not None]
    missing = [z for z, count in enumerate(pores) if count is None]
    return {
        "shape": list(volume.shape),
        "voxels": int(np.prod(volume.shape)),
        "porosity": float(np.mean(present)),
        "porosity_ci": list(normal_interval(present)),
        "missing": missing,
    }


def _write_porosity(
    folder: Path, slices: list[SliceRecord], pores: list[int | None], volume: Volume
) -> None:
    """Porosity of every slice as CSV."""
    area = volume.shape[1] * volume.shape[2]
    rows = ["z,porosity,note"]
    for z, (entry, count) in enumerate(zip(slices, pores, strict=True)):
        note = "beside a missing slice" if entry.beside_missing else ""
        if count is None:
            rows.append(f"{z},,missing")
        else:
            rows.append(f"{z},{count / area:.6f},{note}")
    replace_file(folder / "porosity.csv", "\n".join(rows) + "\n")
