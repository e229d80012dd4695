"""What is read again of a quantification."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fibsem.system.summaries.figures import Ends, Shape, Text
from fibsem.system.summaries.lineage import WrittenLineage
from fibsem.system.summaries.porosity import FilmPorosity, Interval

AxisName = Literal["z", "y", "x"]


@dataclass(frozen=True)
class SizeFigures:
    """Sizes in one unit; null where no ball covers so much of the pores.

    Attributes
    ----------
    median, p10, p90
        Half of the pore volume, a tenth, and nine tenths are not larger.
    median_between
        Balls that were tried around the median.
    largest
        The largest ball that was tried.
    none_fits_share
        Share of the pore volume that is too small for any.
    face
        From which pores were intruded.
    """

    median: float | None
    p10: float | None
    p90: float | None
    median_between: Ends | None = None
    largest: float | None = None
    none_fits_share: float | None = None
    face: Text = None

    def __post_init__(self) -> None:
        if self.median is not None and self.p90 is None:
            raise ValueError("it lacks p90")


@dataclass(frozen=True)
class Carried:
    """What the error of the labels moves, or why it cannot be told."""

    why: Text = None
    draws: int | None = None
    range: dict[str, Ends] | None = None


@dataclass(frozen=True)
class Bounds(Interval):
    """Intervals of a film and of its material."""

    volume: Ends | None = field()
    material: Ends | None = field(kw_only=True)


@dataclass(frozen=True, kw_only=True)
class QuantificationSummary(FilmPorosity):
    """Record of ``fibsem.quantify``."""

    segmentation: str
    labelling: Text = None
    shape: Shape | None = None
    unit: Literal["nm", "voxels"]
    connectivity: int
    components: int
    percolates: dict[AxisName, bool | None]
    tortuosity_factor: dict[AxisName, float | None]
    parts_through: dict[AxisName, tuple[int, int]] | None = None
    porosity_per_px_of_boundary: float | None = field()
    limits: tuple[str, ...]
    porosity_corrected: float | None = field()
    porosity_interval: Bounds = field()
    porosity_ci: Ends | None = None
    lineage: tuple[WrittenLineage, ...] | None = None
    surface_per_um: float | None = None
    surface_per_voxel: float | None = None
    pore_size_nm: SizeFigures | None = None
    pore_size_voxels: SizeFigures | None = None
    throat_size_nm: SizeFigures | None = None
    throat_size_voxels: SizeFigures | None = None
    carried: Carried | None = None
    blocks: tuple[tuple[Shape, Shape], ...] = ()
    porosity_by_thickness: float | None = None
    tables: tuple[str, ...] | None = None
    command: Text = None

    @property
    def pore_sizes(self) -> SizeFigures:
        """Sizes of pores in the unit of the film."""
        sizes: SizeFigures = getattr(self, f"pore_size_{self.unit}")
        return sizes

    @property
    def throat_sizes(self) -> SizeFigures:
        """Sizes of throats, by intrusion, in the unit of the film."""
        sizes: SizeFigures = getattr(self, f"throat_size_{self.unit}")
        return sizes

    @property
    def surface(self) -> float | None:
        """Surface of the pores by volume: per um, or per voxel where a voxel's size is unknown."""
        return self.surface_per_um if self.unit == "nm" else self.surface_per_voxel

    def __post_init__(self) -> None:
        for key in (f"pore_size_{self.unit}", f"throat_size_{self.unit}"):
            if getattr(self, key) is None:
                raise ValueError(f"it lacks {key}")
