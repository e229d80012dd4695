"""Write the records of a segmentation: ``summary.json``, and ``porosity.csv`` by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fibsem.analysis.intervals import normal_interval
from fibsem.data.material import Extent
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Precision
from fibsem.inference.volume.ledger.entries import SliceRecord
from fibsem.inference.volume.ledger.hashes import grey_hash, short_hash
from fibsem.inference.volume.ledger.outputs import Outputs, Store, left_out_label
from fibsem.inference.volume.plan import SegmentationPlan
from fibsem.inference.volume.work import Work
from fibsem.system.advice import VALID
from fibsem.system.files import replace_file, write_json
from fibsem.system.summaries.measured import Measured
from fibsem.system.summaries.segmentation import (
    LabelFiles,
    LabelledBy,
    LabelledVolume,
    MaterialShares,
    PickedVolume,
    SegmentationPart,
    SegmentationSummary,
)

#: Keys of a ledger with paths, which do not enter the hash of a labelling.
OF_PLACES = ("volume", "valid", "mask")


@dataclass(frozen=True)
class MappedPorosity:
    """Porosity of a volume by its labels, with an interval.

    Attributes
    ----------
    porosity
        Porosity over the material of all slices that are not missing.
    interval
        95 % interval from the variation between slices.
    missing
        Missing slices that have material.
    """

    porosity: float
    interval: tuple[float, float]
    missing: tuple[int, ...]


def write_records(
    work: Work, pores: Sequence[int | None], *parts: SegmentationPart
) -> SegmentationSummary:
    """Write ``porosity.csv`` and ``summary.json``, and return the content of the latter.

    It contains the given parts, and volume, outputs, models, time and memory.
    """
    outputs, slices = work.outputs, work.ledger.slices()
    measured = work.ledger.decided.measured or Measured()
    files = _files(outputs, slices, work.plan.extent)
    models = _models(work.segmenter, work.plan, work.options.precision)
    parts = (*parts, _volume(work), files, models, measured)
    summary = SegmentationSummary(
        **{key: value for record in parts for key, value in vars(record).items()}
    )
    write_porosity(outputs.folder / "porosity.csv", slices, pores, work.pixels)
    write_json(outputs.folder / "summary.json", summary.to_json(), again=False)
    return summary


def _volume(work: Work) -> LabelledVolume:
    volume, manner, ledger = work.volume, work.volume.manner, work.ledger
    film = grey_hash(volume.shape, str(volume.dtype), ledger.read)
    valid = ledger.decided.mask or work.options.valid
    return LabelledVolume(
        volume=str(volume.path),
        shape=volume.shape,
        voxels=int(np.prod(volume.shape)),
        volume_hash=short_hash(volume.signature()),
        grey_hash=film,
        labelling=_labelling(ledger.key, film, volume.value_range, valid),
        picked=PickedVolume(manner.pattern, manner.series, manner.sparse or None),
        range=volume.value_range,
        why_missing={
            z: entry.why_missing for z, entry in enumerate(ledger.slices()) if entry.why_missing
        },
        material=_material(work.plan.extent, work.options.valid, work.segmenter.classes),
    )


def _files(outputs: Outputs, slices: Sequence[SliceRecord], extent: Extent) -> LabelFiles:
    return LabelFiles(
        labels=outputs.labels.path.name,
        classes=outputs.classes,
        probabilities=_named(outputs.probabilities),
        uncertainty=_named(outputs.uncertainty),
        uncertainty_mean=mean_spread(slices, extent),
        voxel_nm=outputs.voxel_nm,
    )


def _named(store: Store | None) -> str | None:
    return store.path.name if store else None


def mean_spread(slices: Sequence[SliceRecord], extent: Extent) -> float | None:
    """Return the mean spread (1 s.d.) over the material, or None if it was not requested."""
    by_slice = [(record.spread, extent.pixels(z)) for z, record in enumerate(slices)]
    spreads = [(spread, pixels) for spread, pixels in by_slice if spread is not None and pixels]
    if not spreads:
        return None
    values, weights = np.array(spreads).T
    return float(np.average(values, weights=weights))


def _models(segmenter: Segmenter, plan: SegmentationPlan, requested: Precision) -> LabelledBy:
    return LabelledBy(
        model=segmenter.identity,
        members=tuple(f"{m.spec.name} {m.spec.nbhd}" for m in segmenter.members),
        postprocessing=segmenter.postprocessing.to_json(),
        temperature=segmenter.temperature,
        mode=plan.mode,
        symmetry=segmenter.symmetry,
        precision=plan.precision,
        precision_asked=requested,
        labels_changed_by_bfloat16=plan.changed,
        certificate=plan.certificate.to_json() if plan.certificate else None,
        correction=plan.correction.to_json(),
    )


def _labelling(
    key: Mapping[str, object], film: str, value_range: tuple[float, float], valid: str
) -> str:
    """Hash everything that determines the labels, independently of paths."""
    key = {name: value for name, value in key.items() if name not in OF_PLACES}
    scale = list(value_range)
    return short_hash({**key, "volume": film, "range": scale, "valid": valid})


def _material(extent: Extent, valid: str, classes: tuple[int, int]) -> MaterialShares:
    """Return the shares of the volume that are not material, by kind, and their label value."""
    size = float(np.prod(extent.shape))
    left: dict[str, float] = {kind: count / size for kind, count in extent.left_out().items()}
    return MaterialShares(
        valid=valid,
        share=1 - sum(left.values()),
        left_out=left,
        label=left_out_label(classes),
        doubts=extent.doubts,
    )


def porosity_of(volume: Path, pores: Sequence[int | None], pixels: Sequence[int]) -> MappedPorosity:
    """Compute the porosity of a volume from pore pixels and pixels of material in every slice.

    Slices are weighted by their pixels of material.

    Raises
    ------
    UserError
        If every slice is missing or has no material.
    """
    with_material = [z for z, count in enumerate(pores) if count is not None and pixels[z]]
    present = [(pores[z] or 0) / pixels[z] for z in with_material]
    weights = [pixels[z] for z in with_material]
    if not with_material:
        raise UserError(
            f"a volume must show material, but {volume} shows none; {VALID.at('all')} "
            "measures it all."
        )
    missing = [z for z, count in enumerate(pores) if count is None and pixels[z]]
    porosity = float(np.average(present, weights=weights))
    return MappedPorosity(porosity, normal_interval(present, weights), tuple(missing))


def write_porosity(
    path: Path, slices: Sequence[SliceRecord], pores: Sequence[int | None], pixels: Sequence[int]
) -> None:
    """Write the porosity of every slice as CSV, with the mean spread (1 s.d.) if requested."""
    with_spread = any(entry.spread is not None for entry in slices)
    rows = ["z,porosity,note" + with_spread * ",uncertainty"]
    for z, (entry, count) in enumerate(zip(slices, pores, strict=True)):
        note = "beside a missing slice" if entry.beside_missing else ""
        if count is None or not pixels[z]:
            row = f"{z},,{'missing' if pixels[z] else 'no material'}"
        else:
            row = f"{z},{count / pixels[z]:.6f},{note}"
        if with_spread:
            row += "," if entry.spread is None else f",{entry.spread:.6f}"
        rows.append(row)
    replace_file(path, "\n".join(rows) + "\n")
