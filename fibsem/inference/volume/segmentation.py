"""A whole volume: checked, decided once, labelled slab by slab, resumable."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from fibsem.analysis.intervals import normal_interval
from fibsem.data.digests import stamps_of
from fibsem.data.material import Extent, known_extent
from fibsem.data.preprocessing import CorrectedVolume
from fibsem.data.volumes import Volume, VoxelNm, known_nm, open_volume
from fibsem.errors import UserError
from fibsem.inference.model.cost import pixels_per_second
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.tiling.tuning import tiling_of
from fibsem.inference.volume.budget import held_gib
from fibsem.inference.volume.components import remove_small_3d
from fibsem.inference.volume.decisions import Decisions, decide
from fibsem.inference.volume.entries import SliceRecord
from fibsem.inference.volume.executor import Job, Load, run_elsewhere
from fibsem.inference.volume.ledger import Ledger
from fibsem.inference.volume.likeness import (
    Trained,
    grey_distance,
    grey_warnings,
    size_warnings,
)
from fibsem.inference.volume.outputs import Outputs, left_out_label
from fibsem.inference.volume.preflight import (
    check_apart,
    check_reach,
    check_room,
    check_voxel,
    forget_lost,
)
from fibsem.inference.volume.slab import SlabWorker
from fibsem.inference.volume.tested import FilmSquares, porosity_interval
from fibsem.inference.volume.witness import check_unchanged, witnessed
from fibsem.models.dense import why_not_dense
from fibsem.system.files import replace_file, write_json
from fibsem.system.identity import Identity
from fibsem.system.locks import at_work
from fibsem.system.processes import peak_rss_gib

Show = Callable[[str, int, int], None]


def segment_volume(
    volume: Volume,
    segmenter: Segmenter,
    folder: Path,
    options: Options,
    *,
    voxel_nm: VoxelNm = (None, None, None),
    load: Load | None = None,
    provenance: Mapping[str, Any] | None = None,
    trained: Sequence[Trained] = (),
    tested: Sequence[FilmSquares] = (),
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
        ``probabilities`` and ``uncertainty``, ``previews/``, ``porosity.csv`` by slice,
        ``ledger.json`` and ``summary.json``.
    options
        Format, precision, memory budget, workers and so on.
    voxel_nm
        Written with the labels; on axes where it is None, the volume's own, else that of
        ``trained``.
    load
        Gives the segmenter in another process; needed for workers.
    provenance
        What the summary says of the models' origin and of the run, with its ``code`` version.
    trained
        What each model was trained on; what differs in this volume is said.
    tested
        Squares of the films that the model was tested on: they correct the porosity of their own.
    progress, say
        Called after every slice or slab, and with warnings.

    Returns
    -------
    dict
        The record of ``summary.json``.

    Raises
    ------
    UserError
        If the folder holds a different segmentation, other results or the volume, the memory
        budget or the disk is too small for this one, the certificate fails, a slice cannot be read
        or was replaced meanwhile, or the uncertainty of a single model is wanted.

    Notes
    -----
    Memory: the slices of one neighbourhood, a few slices of scores and the feature maps of one
    tile; independent of the number of slices.
    """
    started = time.perf_counter()
    stated = known_nm(voxel_nm, volume.voxel_nm)
    voxel_nm = known_nm(stated, *(one.voxel_nm for one in trained[:1]))
    check_voxel(options, voxel_nm)
    options.check_members(len(segmenter.members))
    segmenter = replace(segmenter, symmetry=options.symmetry)
    check_reach(volume, options, load)
    check_apart(volume, folder)
    held_gib(volume, segmenter.halo[0], options)  # refused before anything is written
    key = _key(volume, segmenter, voxel_nm, options)
    with at_work(folder):
        _check_kind(folder)
        stamps = stamps_of(volume)
        ledger = Ledger.open(folder, key, options, volume)
        volume = witnessed(volume, ledger.read)
        outputs = Outputs(
            folder, volume.shape, voxel_nm, options, segmenter.classes, segmenter.platt
        )
        forget_lost(ledger, outputs, say)
        check_room(volume, folder, options, ledger)
        show = progress or (lambda *_: None)
        decisions = decide(volume, segmenter, options, ledger, say, show)
        likeness = _likeness(decisions.corrected(volume), stated, trained, ledger, say)
        run = _Run(volume, segmenter, outputs, options, decisions, ledger)
        whence = _provenance(ledger, provenance or {}, run.fresh)
        how = run.label(load, show, say) if run.fresh else {}
        run.measure(how, started)  # in case that it is stopped before the end
        pores = run.conclude(show)
        run.measure(how, started)
        check_unchanged(volume, stamps, ledger.read)
        pixels = [decisions.extent.pixels(z) for z in range(volume.shape[0])]
        counts = _counts(volume, pores, pixels)
        record = {
            **counts,
            **porosity_interval(volume, counts["porosity"], tested, options),
            **run.record(),
            "calibration": _calibration(segmenter, trained),
            **likeness,
            **whence,
            **ledger.decided["measured"],
        }
        _write_porosity(folder, ledger.slices(), pores, pixels)
        write_json(folder / "summary.json", record)
    return record


def _key(
    volume: Volume, segmenter: Segmenter, voxel_nm: VoxelNm, options: Options
) -> dict[str, Any]:
    """What the labels follow from: another one in the same folder is refused."""
    key = {
        "volume": volume.signature(),
        "model": segmenter.identity,
        "voxel_nm": list(voxel_nm),
        **options.key,
    }
    known = known_extent(volume, options.valid)
    if known and known.mask:
        key["mask"] = known.mask.signature()
    return key


def _calibration(segmenter: Segmenter, trained: Sequence[Trained]) -> dict[str, Any]:
    """Slope and offset of the probabilities, and the share of solid that they assume."""
    share = trained[0].solid_share if len(trained) == 1 else None
    return {**asdict(segmenter.platt), "solid_share": share}


def _check_kind(folder: Path) -> None:
    """Refuse to write a segmentation beside the results of another command."""
    before = Identity.beside(folder)
    if before is not None:
        Identity("segmentation", {}, {}).check(before, folder, remedy="another output")


class _Run:
    """One run over the slabs that are missing.

    Attributes
    ----------
    fresh, resumed
        Slices that were still to be labelled when it began, and slabs that were done.
    began
        When the first slab was begun, by `time.perf_counter`; None before.
    """

    def __init__(
        self,
        volume: Volume,
        segmenter: Segmenter,
        outputs: Outputs,
        options: Options,
        decisions: Decisions,
        ledger: Ledger,
    ) -> None:
        self.volume, self.segmenter, self.outputs, self.options = (
            volume, segmenter, outputs, options,
        )  # fmt: skip
        self.decisions, self.ledger, self.voxel_nm = decisions, ledger, outputs.voxel_nm
        self.fresh = sum(stop - start for start, stop in ledger.missing(volume.shape[0]))
        self.resumed = len(ledger.slabs)
        self.scorer = Scorer(segmenter, decisions.precision)
        self.began: float | None = None

    def label(self, load: Load | None, show: Show, say: Callable[[str], None]) -> dict[str, Any]:
        """Label the missing slabs, here or elsewhere; says how that was done."""
        if self.scorer.mode == "patch":
            say(patience(self.scorer, self.volume))
        held = held_gib(self.volume, self.segmenter.halo[0], self.options)
        tiling = tiling_of(self.scorer, self.volume.shape, self.options, held)
        if self.options.elsewhere:
            assert load is not None
            return self._elsewhere(load, max(tiling.height, tiling.width), show)
        worker = SlabWorker(
            self.volume, self.decisions.correction, self.segmenter, self.scorer, tiling, say,
            uncertainty=self.options.uncertainty, extent=self.decisions.extent,
        )  # fmt: skip
        with self.outputs.opened():
            slabs = self.ledger.missing(self.volume.shape[0])
            self.began = time.perf_counter()
            worker.run(slabs, self.outputs, self.ledger.finish, show)
        return {
            "stages": dict(worker.stages.seconds),
            "tile": [worker.tiling.height, worker.tiling.width],
            "workers": 1,
        }

    def _elsewhere(self, load: Load, side: int, show: Show) -> dict[str, Any]:
        """Label the missing slabs in other processes."""
        with self.outputs.opened():  # laid out before many open them
            pass
        folder = self.outputs.folder.resolve()
        job = Job(
            f"{folder} {time.time()}", self.volume.path.resolve(),
            self.volume.manner, self.volume.declared, load, self.segmenter.identity, folder,
            self.voxel_nm, self.options, self.decisions.correction, self.decisions.precision, side,
            self.decisions.extent,
        )  # fmt: skip
        self.began = time.perf_counter()
        results = run_elsewhere(job, self.ledger, self.volume.shape[0], show)
        stages: Counter[str] = Counter()
        for result in results:
            stages.update(result.seconds)
        return {
            "peak_rss_gib": max(result.peak_rss_gib for result in results),
            "stages": dict(stages),
            "workers": self.options.workers,
            "scheduler": self.options.scheduler,
        }

    def measure(self, how: dict[str, Any], started: float) -> None:
        """Enter the measurements of this run; one that found all labelled leaves those before."""
        if not self.fresh and "measured" in self.ledger.decided:
            return
        seconds = time.perf_counter() - started
        measured = {
            **how,
            "peak_rss_gib": max(peak_rss_gib(), how.get("peak_rss_gib", 0.0)),
            "seconds": seconds,
            "start_s": None if self.began is None else self.began - started,
            "voxels_per_second": self.fresh * float(np.prod(self.volume.shape[1:])) / seconds,
            "slabs": {"done": len(self.ledger.slabs), "resumed": self.resumed},
        }
        self.ledger.decide(measured=measured)

    def record(self) -> dict[str, Any]:
        """What summaries say of volume, models and outputs."""
        probabilities, uncertainty = self.outputs.probabilities, self.outputs.uncertainty
        slices = list(enumerate(self.ledger.slices()))
        spreads = [entry.uncertainty for _, entry in slices if entry.uncertainty is not None]
        return {
            "volume": str(self.volume.path),
            "volume_hash": _short_hash(self.volume.signature()),
            "picked": self.volume.manner.choice,
            "range": list(self.volume.value_range),
            "why_missing": {z: entry.why_missing for z, entry in slices if entry.why_missing},
            "labels": self.outputs.labels.path.name,
            "classes": list(self.segmenter.classes),
            "probabilities": probabilities and probabilities.path.name,
            "uncertainty": uncertainty and uncertainty.path.name,
            "uncertainty_mean": float(np.mean(spreads)) if spreads else None,
            "voxel_nm": list(self.voxel_nm),
            "model": self.segmenter.identity,
            "members": [f"{m.spec.name} {m.spec.nbhd}" for m in self.segmenter.members],
            "postprocessing": self.segmenter.postprocessing.to_json(),
            "temperature": self.segmenter.temperature,
            "mode": self.scorer.mode,
            "precision": self.decisions.precision,
            "precision_asked": self.options.precision,
            "labels_changed_by_bfloat16": self.decisions.changed,
            "certificate": self.decisions.certificate,
            "correction": self.decisions.correction.to_json(),
            "material": _material(
                self.decisions.extent, self.options.valid, self.segmenter.classes
            ),
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
                        progress=show,
                    )  # fmt: skip
                corrected = self.decisions.corrected(self.volume)
                outputs.redraw(corrected, {z for z, count in enumerate(pores) if count is None})
                self.ledger.decide(pores_3d=cleaned)
            pores = self.ledger.decided["pores_3d"]
        for store in outputs.exported:
            known = self.ledger.decided.get("exported", [])
            if store.name not in known or not store.is_whole(self.volume.shape[0]):
                store.export(self.voxel_nm)
                self.ledger.decide(exported=sorted({*known, store.name}))
        return pores


def _likeness(
    volume: CorrectedVolume,
    stated: VoxelNm,
    trained: Sequence[Trained],
    ledger: Ledger,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """How far a volume is from what the models were trained on, found and said once."""
    if "likeness" not in ledger.decided:
        found = grey_distance(volume, trained)
        warnings = [*size_warnings(stated, trained), *grey_warnings(found)] if trained else []
        for warning in warnings:
            say(f"warning: {warning}")
        ledger.decide(likeness={"grey_distance": found, "warnings": warnings})
    return dict(ledger.decided["likeness"])


def _provenance(ledger: Ledger, given: Mapping[str, Any], fresh: int) -> dict[str, Any]:
    """The origin of the labels: a start that finds them finished does not count.

    Where another version of the code labelled the earlier slabs, ``earlier_code`` names it.
    """
    before = ledger.decided.get("provenance", {}) if ledger.slabs else {}
    if before and not fresh:
        return dict(before)
    codes = [*before.get("earlier_code", []), before.get("code")]
    earlier = [code for code in dict.fromkeys(codes) if code not in (None, given.get("code"))]
    now = {**given, **({"earlier_code": earlier} if earlier else {})}
    ledger.decide(provenance=now)
    return now


def _short_hash(record: dict[str, object]) -> str:
    """Twelve hex digits."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]


def patience(scorer: Scorer, volume: Volume) -> str:
    """Say how long patch by patch will take, from a timed block of 32 x 32 pixels."""
    spec = next(member.spec for member in scorer.members if member.mode == "patch")
    rate = pixels_per_second(scorer, 32)
    hours = np.prod(volume.shape) / rate / 3600
    return (
        f"warning: {why_not_dense(spec)}; patch by patch, at {rate:.0f} pixels a second, this "
        f"volume takes about {hours:.1f} hours"
    )


def _material(extent: Extent, valid: str, classes: tuple[int, int]) -> dict[str, Any]:
    """What the summary says of what was left out: shares of the volume, and its label."""
    size = float(np.prod(extent.shape))
    left = {kind: count / size for kind, count in extent.left_out().items()}
    return {
        "valid": valid,
        "share": 1 - sum(left.values()),
        "left_out": left,
        "label": left_out_label(classes),
        "doubts": list(extent.doubts),
    }


def _counts(volume: Volume, pores: list[int | None], pixels: list[int]) -> dict[str, Any]:
    """Porosity over the material of the slices that are there, its interval over slices.

    A slice counts by its material: one that drifted out of sight says little.
    """
    there = [z for z, count in enumerate(pores) if count is not None and pixels[z]]
    present = [(pores[z] or 0) / pixels[z] for z in there]
    weights = [pixels[z] for z in there]
    if not there:
        raise UserError(
            f"a volume must show material, but {volume.path} shows none; valid=all measures it all."
        )
    missing = [z for z, count in enumerate(pores) if count is None and pixels[z]]
    return {
        "shape": list(volume.shape),
        "voxels": int(np.prod(volume.shape)),
        "porosity": float(np.average(present, weights=weights)),
        "porosity_ci": list(normal_interval(present)),
        "missing": missing,
    }


def _write_porosity(
    folder: Path, slices: list[SliceRecord], pores: list[int | None], pixels: list[int]
) -> None:
    """Porosity of every slice's material as CSV, with the mean uncertainty where it was asked."""
    asked = any(entry.uncertainty is not None for entry in slices)
    rows = ["z,porosity,note" + asked * ",uncertainty"]
    for z, (entry, count) in enumerate(zip(slices, pores, strict=True)):
        note = "beside a missing slice" if entry.beside_missing else ""
        if count is None or not pixels[z]:
            row = f"{z},,{'missing' if pixels[z] else 'no material'}"
        else:
            row = f"{z},{count / pixels[z]:.6f},{note}"
        if asked:
            row += "," if entry.uncertainty is None else f",{entry.uncertainty:.6f}"
        rows.append(row)
    replace_file(folder / "porosity.csv", "\n".join(rows) + "\n")
