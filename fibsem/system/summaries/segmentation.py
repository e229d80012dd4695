"""What is read again of a segmentation."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from fibsem.system.records import whole
from fibsem.system.summaries.figures import Ends, Shape, Text
from fibsem.system.summaries.lineage import WrittenLineage
from fibsem.system.summaries.porosity import Corrected


@whole
@dataclass(frozen=True)
class PickedVolume:
    """How a volume was opened, where that was told."""

    pattern: Text = None
    series: int | str | None = None
    sparse: bool | None = None

    @property
    def choice(self) -> dict[str, Any]:
        """What was told, as :func:`fibsem.data.volumes.open_volume` takes it."""
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class FilmPlace:
    """Where a film lay that was labelled, how it was opened, and its shape; None where untold."""

    volume: Text = None
    picked: PickedVolume | None = None
    shape: Shape | None = None


@dataclass(frozen=True)
class CalibrationPixels:
    """Pixels that a model was calibrated on: their share of solid."""

    solid_share: float | None = None


@dataclass(frozen=True, kw_only=True)
class SegmentedFilm(Corrected, FilmPlace):
    """Record of ``fibsem.segment``, as all versions wrote it."""

    labels: str
    shape: Shape = field()
    porosity_ci: Ends | None = None
    members: tuple[str, ...] = ()
    missing: tuple[int, ...] = ()
    classes: tuple[int, int] = (0, 255)
    voxel_nm: tuple[float | None, float | None, float | None] | None = None
    voxel_nm_assumed: tuple[Literal["z", "y", "x"], ...] = ()
    sample: Text = None
    volume_hash: Text = None
    grey_hash: Text = None
    labelling: Text = None
    model: Text = None
    calibration: CalibrationPixels | None = None
    probabilities: Text = None
    uncertainty: Text = None
    warnings: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    versions: tuple[Text, ...] = ()
    lineage: tuple[WrittenLineage, ...] | None = None
    code: Text = None
    command: Text = None
    earlier_code: tuple[str, ...] = ()

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


@dataclass(frozen=True, kw_only=True)
class SegmentationSummary(SegmentedFilm):
    """Record of ``fibsem.segment``, with what a report shows."""

    porosity_ci: Ends = field()
    members: tuple[str, ...] = field()
    missing: tuple[int, ...] = field()
    mode: str
    precision: str
    seconds: float
    voxels_per_second: float | None = None
