"""Summary of a quantification, as far as it is read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fibsem.system.records import UNLESS_NONE, Figure, Figures, Number
from fibsem.system.summaries.figures import AxisName, Ends, Shape, Text
from fibsem.system.summaries.lineage import WrittenLineage
from fibsem.system.summaries.porosity import FilmPorosity, Interval

#: Unit of lengths; voxels for a film with unknown voxel size.
Unit = Literal["nm", "voxels"]


@dataclass(frozen=True)
class SizeFigures:
    """Sizes of pores or throats in one unit.

    Attributes
    ----------
    p10, median, p90
        Sizes that a tenth, half, and nine tenths of the pore volume do not exceed; None if at
        least that share is too small for any ball.
    median_between
        Tested ball sizes around the median.
    none_fits_share
        Share of the pore volume that is too small for any ball.
    largest, largest_share
        The largest tested ball, and the share of the pore volume that it fits.
    face
        Face of the volume from which pores were intruded.
    """

    p10: float | None
    median: float | None
    p90: float | None
    median_between: Ends | None = None
    none_fits_share: float | None = None
    largest: float | None = None
    largest_share: float | None = None
    face: Text = field(default=None, metadata=UNLESS_NONE)

    def __post_init__(self) -> None:
        if self.median is not None and self.p90 is None:
            raise ValueError("it lacks p90")


@dataclass(frozen=True)
class ChordFigures:
    """Chord lengths along one axis, their number, and the share cut off by the volume's edge."""

    mean: Number
    p10: Number
    median: Number
    p90: Number
    count: int
    cut_off_share: Number


#: Ends of the shift of each figure, by its name.
EndsByFigure = Mapping[str, Ends]


@dataclass(frozen=True)
class Carried:
    """Effect of label errors on each figure, over parts of a film, or why it is unknown.

    Attributes
    ----------
    why
        Reason why it cannot be estimated; all other fields are None then.
    length_px
        Correlation length of label errors within a slice.
    draws, share
        How many times the labels were redrawn, and the coverage of the intervals.
    independent, as_in_slice
        Interval of each figure minus its value for the labels as they are, averaged over the
        parts: with errors independent between slices, or correlated as far as within a slice.
    smooth
        ``as_in_slice`` without the mean roughness that redrawn outlines add, as if the outlines
        of annotators were as smooth as those of the labels.
    range
        Interval that contains all three.
    """

    why: Text = field(default=None, metadata=UNLESS_NONE)
    length_px: float | None = field(default=None, metadata=UNLESS_NONE)
    draws: int | None = field(default=None, metadata=UNLESS_NONE)
    share: float | None = field(default=None, metadata=UNLESS_NONE)
    independent: EndsByFigure | None = field(default=None, metadata=UNLESS_NONE)
    as_in_slice: EndsByFigure | None = field(default=None, metadata=UNLESS_NONE)
    smooth: EndsByFigure | None = field(default=None, metadata=UNLESS_NONE)
    range: EndsByFigure | None = field(default=None, metadata=UNLESS_NONE)


@dataclass(frozen=True)
class Mesh:
    """Triangle mesh of the surface: file, number of triangles, and unit of the coordinates."""

    file: str
    triangles: int
    unit: str


@dataclass(frozen=True, kw_only=True)
class MeasuredFilm:
    """The labels that were measured, and the size of the film."""

    segmentation: str
    labelling: Text = None
    lineage: tuple[WrittenLineage, ...] | None = None
    unit: Unit
    voxel_nm: tuple[float | None, float | None, float | None] | None = None
    voxel_nm_assumed: tuple[AxisName, ...] = ()
    shape: Shape | None = None
    material_share: float | None = None
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class QuantificationSummary(FilmPorosity, MeasuredFilm):
    """Record of ``fibsem.quantify``; lengths are given only in the unit of the film.

    Attributes
    ----------
    components, percolates, connected_share, reachable_share, largest_share
        As in :class:`~fibsem.analysis.structure.components.Connections`.
    tortuosity_factor, geodesic_tortuosity
        Medians over the parts that percolate along the axis; None if none does.
    parts_through
        Number of parts that percolate, and number of parts.
    blocks
        The parts, (start, stop) each.
    porosity_sd_of_such_volumes
        Standard deviation of the porosity between volumes of this size in the same material.
    limits
        Limitations of the figures, a sentence each.
    porosity_by_thickness
        Porosity weighted by slice thickness, if the thickness of every slice is known.
    labels_hash, measurement
        Digests of the labels that were measured, and of all results.

    Examples
    --------
    ```python
    from fibsem.system.records import typed

    record = read_json(Path("quantification/summary.json"))
    measured = typed(QuantificationSummary, record)
    measured.porosity, measured.surface, measured.unit, measured.limits
    ```
    """

    porosity_corrected: float | None = field()
    porosity_interval: Interval = field()
    porosity_per_px_of_boundary: float | None = field()
    connectivity: int
    components: int
    percolates: Mapping[AxisName, bool | None]
    connected_share: Mapping[AxisName, Figure | None] | None = None
    reachable_share: Figure | None = None
    largest_share: Figure | None = None
    surface_per_um: float | None = field(default=None, metadata=UNLESS_NONE)
    surface_per_voxel: float | None = field(default=None, metadata=UNLESS_NONE)
    chord_nm: Mapping[AxisName, ChordFigures] | None = field(default=None, metadata=UNLESS_NONE)
    chord_voxels: Mapping[AxisName, ChordFigures] | None = field(default=None, metadata=UNLESS_NONE)
    pore_size_nm: SizeFigures | None = field(default=None, metadata=UNLESS_NONE)
    pore_size_voxels: SizeFigures | None = field(default=None, metadata=UNLESS_NONE)
    throat_size_nm: SizeFigures | None = field(default=None, metadata=UNLESS_NONE)
    throat_size_voxels: SizeFigures | None = field(default=None, metadata=UNLESS_NONE)
    tortuosity_factor: Mapping[AxisName, float | None]
    geodesic_tortuosity: Mapping[AxisName, float | None] | None = None
    parts_through: Mapping[AxisName, tuple[int, int]] | None = None
    blocks: tuple[tuple[Shape, Shape], ...] = ()
    integral_range_nm3: Number | None = field(default=None, metadata=UNLESS_NONE)
    integral_range_voxels3: Number | None = field(default=None, metadata=UNLESS_NONE)
    porosity_sd_of_such_volumes: Figure | None = None
    representative_side_nm: Figures | None = field(default=None, metadata=UNLESS_NONE)
    representative_side_voxels: Figures | None = field(default=None, metadata=UNLESS_NONE)
    spread_by_size: tuple[Figures, ...] = ()
    limits: tuple[str, ...]
    porosity_by_thickness: float | None = None
    tables: tuple[str, ...] | None = None
    mesh: Mesh | None = None
    carried: Carried | None = None
    maps: tuple[str, ...] = ()
    labels_hash: Text = None
    measurement: Text = field(default=None, metadata=UNLESS_NONE)
    seconds: float | None = field(default=None, metadata=UNLESS_NONE)
    peak_rss_gib: float | None = field(default=None, metadata=UNLESS_NONE)
    command: Text = field(default=None, metadata=UNLESS_NONE)

    @property
    def pore_sizes(self) -> SizeFigures:
        """Pore sizes in the unit of the film."""
        sizes: SizeFigures = getattr(self, f"pore_size_{self.unit}")
        return sizes

    @property
    def throat_sizes(self) -> SizeFigures:
        """Throat sizes, by intrusion, in the unit of the film."""
        sizes: SizeFigures = getattr(self, f"throat_size_{self.unit}")
        return sizes

    @property
    def surface(self) -> float | None:
        """Pore surface per volume: per um, or per voxel if the voxel size is unknown."""
        return self.surface_per_um if self.unit == "nm" else self.surface_per_voxel

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in (f"pore_size_{self.unit}", f"throat_size_{self.unit}"):
            if getattr(self, key) is None:
                raise ValueError(f"it lacks {key}")
