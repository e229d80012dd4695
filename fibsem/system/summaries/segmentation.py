"""Summary of a segmentation, as far as it is read again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from fibsem.system.records import UNLESS_NONE, Record, as_record, refuse_unknown_keys
from fibsem.system.summaries.figures import AxisName, Ends, Shape, Text
from fibsem.system.summaries.lineage import WrittenLineage
from fibsem.system.summaries.measured import Measured
from fibsem.system.summaries.porosity import Corrected, FilmPorosity
from fibsem.system.summaries.provenance import Provenance


@refuse_unknown_keys
@dataclass(frozen=True)
class PickedVolume:
    """Options with which a volume was opened, None for those that were not given."""

    pattern: Text = field(default=None, metadata=UNLESS_NONE)
    series: int | str | None = field(default=None, metadata=UNLESS_NONE)
    sparse: bool | None = field(default=None, metadata=UNLESS_NONE)

    @property
    def choice(self) -> Record:
        """The given options, as arguments of :func:`fibsem.data.volumes.open_volume`."""
        record: Record = as_record(self)
        return record


@dataclass(frozen=True, kw_only=True)
class FilmPlace:
    """Path of a labelled film, how it was opened, and its shape; None where it is not recorded."""

    volume: Text = None
    picked: PickedVolume | None = None
    shape: Shape | None = None


@dataclass(frozen=True)
class AppliedCalibration:
    """Temperature and offset of the logits, smoothing before it, and share of solid in the fit."""

    temperature: float | None = None
    offset: float | None = None
    smoothed_px: float | None = None
    solid_share: float | None = None


@dataclass(frozen=True, kw_only=True)
class BesideTraining:
    """What a volume takes over from the training of its models, and how it differs from it.

    Attributes
    ----------
    voxel_nm_assumed
        Axes along which the voxel size was taken from the model.
    calibration
        Calibration of the probabilities.
    grey_distance
        Distance of the grey values from those of the training data.
    warnings
        Warnings, a sentence each.
    """

    voxel_nm_assumed: tuple[AxisName, ...] = ()
    calibration: AppliedCalibration | None = None
    grey_distance: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MaterialShares:
    """Voxels that were left out because they are not material: shares by kind, and their label."""

    valid: Text = None
    share: float | None = None
    left_out: Mapping[str, float] = field(default_factory=dict)
    label: int | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LabelledVolume:
    """The volume that was labelled.

    Attributes
    ----------
    volume_hash, grey_hash
        Digests of its files, and of the grey values that were read.
    labelling
        Digest of everything that determines the labels.
    picked
        Options with which it was opened.
    range
        Grey values that are mapped to 0 and 1.
    why_missing
        Reason for each missing slice, by its index.
    """

    volume: Text = None
    shape: Shape
    voxels: int | None = None
    volume_hash: Text = None
    grey_hash: Text = None
    labelling: Text = None
    picked: PickedVolume | None = None
    range: tuple[float, float] | None = None
    why_missing: Mapping[int, str] = field(default_factory=dict)
    material: MaterialShares | None = None

    @property
    def material_share(self) -> float:
        """Share of the voxels that were labelled; earlier versions labelled all of them."""
        share = None if self.material is None else self.material.share
        return 1.0 if share is None else share


@dataclass(frozen=True, kw_only=True)
class LabelFiles:
    """Files that were written, and their voxel size.

    ``uncertainty`` names the volume of the spread between members, 255 times 2 s.d.;
    ``uncertainty_mean`` is the mean spread over the material, 1 s.d. from 0 to 0.5.
    """

    labels: str
    classes: tuple[int, int] = (0, 255)
    probabilities: Text = None
    uncertainty: Text = None
    uncertainty_mean: float | None = None
    voxel_nm: tuple[float | None, float | None, float | None] | None = None

    @property
    def files(self) -> dict[str, str]:
        """File names of the labels, probabilities and uncertainty that were written."""
        stores = ("labels", "probabilities", "uncertainty")
        return {name: file for name in stores if (file := getattr(self, name))}


@dataclass(frozen=True, kw_only=True)
class LabelledBy:
    """Models and how they were applied; ``labels_changed_by_bfloat16`` is a share."""

    model: Text = None
    members: tuple[str, ...] = ()
    postprocessing: Mapping[str, Any] | None = None
    temperature: float | None = None
    mode: Text = None
    symmetry: int | None = None
    precision: Text = None
    precision_asked: Text = None
    labels_changed_by_bfloat16: float | None = None
    certificate: Mapping[str, Any] | None = None
    correction: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class FilmOfDataset:
    """Missing slices that have material, and the name of the film in the dataset.

    ``sample`` is None unless the model was tested on the film.
    """

    missing: tuple[int, ...] = ()
    sample: Text = None


#: A part of the record of a segmentation.
SegmentationPart = (
    FilmPorosity | FilmOfDataset | BesideTraining | Provenance | LabelledVolume | LabelFiles
    | LabelledBy | Measured
)  # fmt: skip
#: All parts, in the order in which they are written.
PARTS: tuple[type[SegmentationPart], ...] = (
    FilmPorosity, FilmOfDataset, BesideTraining, Provenance, LabelledVolume, LabelFiles, LabelledBy,
    Measured,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SegmentedFilm(
    Measured, LabelledBy, LabelFiles, LabelledVolume, Provenance, BesideTraining, FilmOfDataset,
    FilmPlace, Corrected,
):  # fmt: skip
    """Record of ``fibsem.segment``, whose keys without a default all versions wrote.

    Examples
    --------
    ```python
    from fibsem.system.records import typed

    film = typed(SegmentedFilm, read_json(Path("segmentation/summary.json")))
    film.shape, film.porosity, film.lineage
    ```
    """

    porosity_ci: Ends | None = None
    lineage: tuple[WrittenLineage, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        depth, (pore, solid) = self.shape[0], self.classes
        legal = {
            "shape": min(self.shape) >= 1,
            "classes": pore != solid and {pore, solid} <= set(range(256)),
            "voxel_nm": all(nm is None or 0 < nm < math.inf for nm in self.voxel_nm or ()),
            "missing": all(0 <= z < depth for z in self.missing),
            "weights": not self.weights or len(self.weights) == len(self.lineage or ()),
            "versions": not self.versions or len(self.versions) == len(self.lineage or ()),
        }
        for key, fine in legal.items():
            if not fine:
                raise ValueError(f"{key}: cannot be {getattr(self, key)}")

    def to_json(self) -> Record:
        """Return the record of ``summary.json``, part by part, without what is not known."""
        keys = [entry.name for kind in PARTS for entry in fields(kind)]
        left_out = {"agreement"} | self.unknown | self.unmeasured
        return {key: as_record(getattr(self, key)) for key in keys if key not in left_out}


@dataclass(frozen=True, kw_only=True)
class SegmentationSummary(SegmentedFilm):
    """Record of ``fibsem.segment``, with the keys that a report shows.

    Examples
    --------
    ```python
    from fibsem.system.records import typed

    record = read_json(Path("segmentation/summary.json"))
    segmented = typed(SegmentationSummary, record)
    segmented.porosity, segmented.porosity_ci, segmented.seconds
    ```
    """

    porosity_ci: Ends = field()
    members: tuple[str, ...] = field()
    missing: tuple[int, ...] = field()
    mode: str
    precision: str
    seconds: float
