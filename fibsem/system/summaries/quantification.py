"""What is read again of a quantification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fibsem.system.records import UNLESS_NONE, Figure, Figures, Number
from fibsem.system.summaries.figures import AxisName, Ends, Shape, Text
from fibsem.system.summaries.lineage import WrittenLineage
from fibsem.system.summaries.porosity import FilmPorosity, Interval

#: Of lengths: voxels of a film whose voxels nobody knows the size of.
Unit = Literal["nm", "voxels"]


@dataclass(frozen=True)
class SizeFigures:
    """Sizes in one unit; null where no ball covers so much of the pores.

    Attributes
    ----------
    p10, median, p90
        A tenth of the pore volume, half, and nine tenths are not larger.
    median_between
        Balls that were tried around the median.
    none_fits_share
        Share of the pore volume that is too small for any.
    largest, largest_share
        The largest ball that was tried, and the share of the pore volume that it fits.
    face
        From which pores were intruded.
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
    """Lengths of chords along one axis, how many there are, and the share that was cut off."""

    mean: Number
    p10: Number
    median: Number
    p90: Number
    count: int
    cut_off_share: Number


#: What figures are moved by, by their names.
EndsByFigure = Mapping[str, Ends]


@dataclass(frozen=True)
class Carried:
    """How far the error of the labels moves each figure of parts of a film, or why nobody knows.

    Attributes
    ----------
    why
        The reason where it cannot be told; nothing else is, then.
    length_px
        How far neighbours in a slice err together.
    draws, share
        How often labels were drawn again, and what share of what figures may be that spans.
    independent, as_in_slice
        Ends of it, less the figure of the labels as they are, on average over the parts: where
        slices err by themselves, and together as far as in the slice.
    smooth
        The latter without what drawn outlines are rougher on average, as if people's were as smooth
        as those of the labels.
    range
        What holds all three.
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
    """The surface as triangles: their file and number, and the unit of their corners."""

    file: str
    triangles: int
    unit: str


@dataclass(frozen=True, kw_only=True)
class MeasuredFilm:
    """Which labels were measured, and how large the film is."""

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
    """Record of ``fibsem.quantify``; lengths are told in the unit of the film alone.

    Attributes
    ----------
    components, percolates, connected_share, reachable_share, largest_share
        As in :class:`~fibsem.analysis.structure.components.Connections`.
    tortuosity_factor, geodesic_tortuosity
        Medians over the parts that let through; None where none does.
    parts_through
        How many parts let through, of how many.
    blocks
        The parts, (start, stop) each.
    porosity_sd_of_such_volumes
        Standard deviation of the porosity of volumes like this film, from place to place.
    limits
        What a reader has to know, a sentence each.
    porosity_by_thickness
        Where the thickness of every slice is known.
    labels_hash, measurement
        Digits of the labels that were measured, and of all that was found.
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
