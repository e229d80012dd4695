"""Summary of a quantification, and its description in words."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TypeVar

import numpy as np

from fibsem.analysis.intervals import (
    PorosityEstimate,
    one_pixel_off,
    sampling_of,
    widened,
    with_sampling,
)
from fibsem.analysis.porosity_told import porosity_text
from fibsem.analysis.structure.film import AXES
from fibsem.analysis.structure.integral_range import IntegralRange, integral_range
from fibsem.analysis.structure.representative import side_for, spread_by_size
from fibsem.analysis.structure.surface import porosity_per_px
from fibsem.analysis.structure.thickness import PoreSizes
from fibsem.errors import UserError
from fibsem.quantification.carried import carried_text
from fibsem.quantification.limits import limits_of
from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.passages import median_through, parts_through, tortuosity_text
from fibsem.quantification.sampled import Sampled
from fibsem.quantification.segmented import Segmented
from fibsem.quantification.shift import shifted_porosity
from fibsem.quantification.streamed import Streamed
from fibsem.system.records import Record
from fibsem.system.summaries import QuantificationSummary
from fibsem.system.summaries.porosity import FilmPorosity, Interval, SquaresEstimate
from fibsem.system.summaries.quantification import ChordFigures, SizeFigures, Unit

#: Relative errors of porosity for which the representative volume is reported.
ERRORS = (0.1, 0.05, 0.01)
#: Quantiles of the pore volume and of the chords that are reported.
SHARES = 0.1, 0.5, 0.9
#: Share of the pore volume not reached by intrusion above which it is mentioned.
UNREACHED = 0.01


def check_structure(segmented: Segmented, streamed: Streamed) -> None:
    """Raise ``UserError`` if a film does not have both pores and solid, or its axes are turned."""
    segmented.check_order(streamed.cells.pores.tolist())
    pores, voxels = (int(n.sum()) for n in (streamed.cells.pores, streamed.cells.known_voxels))
    if 0 < pores < voxels:
        return
    only = "no material" if not voxels else f"only {'pores' if pores else 'solid'}"
    raise UserError(
        f"`segmentation` must hold pores and solid to have a structure, but {segmented.folder} "
        f"holds {only}."
    )


def summary_of(
    segmented: Segmented, streamed: Streamed, sampled: Sampled, config: QuantifyConfig
) -> QuantificationSummary:
    """Collect all results; names of lengths end in ``_nm``, or in ``_voxels`` without a voxel size.

    Parameters
    ----------
    segmented, config
        Measured segmentation, and options.
    streamed
        Measures of all slices.
    sampled
        Measures of some parts: pore sizes, intrusion and transport.

    Examples
    --------
    For a film that was streamed and sampled before, as in :func:`fibsem.quantification.quantify`:

    ```python
    segmented, config = open_segmented(Path("labels")), QuantifyConfig()
    streamed = Streamed.of(segmented.film, config, show)
    sampled = Sampled.of(segmented.film, streamed.cells, config, widest=1000.0, progress=show)
    summary_of(segmented, streamed, sampled, config).porosity
    ```
    """
    connections, gaps = streamed.components.result, streamed.cells.gaps
    untold = dict.fromkeys((*connections.untold, *(AXES[:1] if gaps else ())))
    material = integral_range(streamed.cells.cells)
    porosity = streamed.cells.porosity()
    per_px = porosity_per_px(streamed.surface.outline_per_area, segmented.film.spacing)
    shares = _porosity(segmented, porosity, material, per_px)
    return QuantificationSummary(
        segmentation=str(segmented.folder),
        labelling=segmented.summary.labelling,
        lineage=segmented.summary.lineage,
        unit=segmented.unit,
        voxel_nm=segmented.voxel_nm,
        voxel_nm_assumed=segmented.voxel_assumed,
        shape=segmented.film.shape,
        material_share=float(streamed.cells.known_voxels.sum() / np.prod(segmented.film.shape)),
        missing=segmented.missing,
        **vars(shares.alone()),
        connectivity=config.connectivity,
        components=connections.components,
        percolates={**connections.percolates, **untold},
        connected_share={**connections.connected_share, **untold},
        reachable_share=connections.reachable_share,
        largest_share=connections.largest_share,
        tortuosity_factor=median_through(
            sampled, lambda passage: passage.diffusion.tortuosity_factor
        ),
        geodesic_tortuosity=median_through(sampled, lambda passage: passage.geodesic),
        parts_through=parts_through(sampled),
        blocks=tuple((block.start, block.stop) for block in sampled.blocks),
        porosity_sd_of_such_volumes=material.sd,
        spread_by_size=tuple(asdict(spread) for spread in spread_by_size(streamed.cells.cells)),
        limits=tuple(limits_of(segmented, connections, sampled, config, material, gaps)),
        **_in_unit(segmented.unit, streamed, sampled, config.face, material.volume, porosity),
    )


def _in_unit(
    unit: Unit, streamed: Streamed, sampled: Sampled, face: str, integral: float, porosity: float
) -> Record:
    """Return the results whose names contain their unit."""
    per, scale = ("um", 1000.0) if unit == "nm" else ("voxel", 1.0)
    return {
        f"surface_per_{per}": scale * streamed.surface.per_volume,
        f"chord_{unit}": {name: _chords(streamed, name) for name in AXES},
        f"pore_size_{unit}": _sizes(sampled.sizes),
        f"throat_size_{unit}": _sizes(sampled.throats, face),
        f"integral_range_{unit}3": integral,
        f"representative_side_{unit}": {
            f"{100 * error:g}%": side_for(error, porosity, integral) for error in ERRORS
        },
    }


def _porosity(
    segmented: Segmented, porosity: float, material: IntegralRange, per_px: float
) -> FilmPorosity:
    """Return the measured porosity with its intervals, including that of the material.

    The effect of outlines drawn one pixel off follows from the outlines in all slices.
    """
    before = segmented.stated_porosity(porosity)
    old = Interval(why="the segmentation was made by an older version")
    interval = _one_pixel_off(before.porosity_interval or old, per_px)
    beside = interval.post_stratified
    if interval.ends and beside:
        interval = replace(interval, post_stratified=_one_pixel_off(beside, per_px))
    estimate = _estimate(before)
    if estimate and 0 < estimate.porosity < 1 and np.isfinite(material.sd):
        combined = with_sampling(estimate, *_sampling(interval, estimate, porosity, material))
        ends = widened(combined.interval, interval.widened_by or 0.0)
        interval = replace(interval, material=ends)
    return replace(
        before,
        porosity=porosity,
        porosity_interval=interval,
        porosity_per_px_of_boundary=per_px,
        porosity_assuming_label_shift=shifted_porosity(segmented),
    )


E = TypeVar("E", bound=SquaresEstimate)


def _one_pixel_off(estimate: E, per_px: float) -> E:
    """Add the interval with outlines drawn one pixel off, if the estimate has an interval."""
    ends = estimate.ends
    return replace(estimate, one_pixel_off=one_pixel_off(ends, per_px)) if ends else estimate


def _estimate(film: FilmPorosity) -> PorosityEstimate | None:
    """Return the corrected porosity of a film with its error, or None if it has none."""
    corrected, interval = film.porosity_corrected, film.porosity_interval
    if corrected is None or interval is None or interval.error is None or interval.degrees is None:
        return None
    return PorosityEstimate(corrected, interval.error, interval.degrees)


def _sampling(
    interval: Interval, estimate: PorosityEstimate, porosity: float, material: IntegralRange
) -> tuple[float, float]:
    """Return the standard deviation of porosity between films, and its degrees of freedom.

    That of the map is scaled by the ratio of labelled to mapped variation over squares. Without the
    ratio, as in segmentations of older versions, it is only adjusted for the corrected porosity.
    """
    corrected, ratio = estimate.porosity, interval.labelled_over_mapped
    if ratio is not None:
        return sampling_of(material.sd, material.degrees, ratio, estimate.degrees)
    spread = np.sqrt(corrected * (1 - corrected) / (porosity * (1 - porosity)))
    return float(spread) * material.sd, material.degrees


def _chords(streamed: Streamed, axis: str) -> ChordFigures:
    chords = streamed.chords.result[axis]
    low, median, high = (chords.quantile(share) for share in SHARES)
    return ChordFigures(chords.mean, low, median, high, chords.count, chords.beyond)


def _sizes(sizes: PoreSizes, face: str | None = None) -> SizeFigures:
    """Return size quantiles by pore volume, and the shares of no ball and of the largest ball."""
    total = sum(sizes.volumes)
    low, median, high = (sizes.quantile(share) for share in SHARES)
    if not total:
        return SizeFigures(low, median, high, face=face)
    return SizeFigures(
        low, median, high,
        median_between=sizes.around(SHARES[1]),
        none_fits_share=sizes.volumes[0] / total,
        largest=sizes.diameters[-1],
        largest_share=sizes.volumes[-1] / total,
        face=face,
    )  # fmt: skip


def in_words(film: QuantificationSummary) -> str:
    """Describe the main results, one per line."""
    through = [
        f"{axis} {'cannot be told' if leads is None else 'yes' if leads else 'no'}"
        for axis, leads in film.percolates.items()
    ]
    weighed = film.porosity_by_thickness
    by_thickness = f"; map by thickness of the slices {100 * weighed:.2f} %" if weighed else ""
    lines = [
        f"porosity {porosity_text(film)}{by_thickness}",
        f"pores lead through ({film.connectivity} neighbours): {', '.join(through)}; "
        f"{film.components} components",
    ]
    if film.blocks:
        factors = [f"{axis} {tortuosity_text(film, axis)}" for axis in film.tortuosity_factor]
        lines += [
            f"{_sizes_text(film.pore_sizes, film.unit)}{_throats_text(film)}",
            f"tortuosity factor {', '.join(factors)}",
        ]
    if error := carried_text(film):
        lines.append(error)
    return "\n".join(lines)


def _sizes_text(sizes: SizeFigures, unit: str) -> str:
    """Format the median pore size, its 10 to 90 % range, and the balls that were tried."""
    most, between = sizes.largest, sizes.median_between
    tried = f"; balls up to {most:.0f} {unit} were tried" if most else ""
    if most and between and sizes.median is not None and not np.isnan(sizes.median):
        around = " and ".join(map(size_text, between))
        tried = f"; balls of {around} {unit} were tried around it, the largest {most:.0f}"
    median, low, high = map(size_text, (sizes.median, sizes.p10, sizes.p90))
    return f"pore size {median} {unit} (80 % of their volume: {low} to {high}{tried})"


def _throats_text(film: QuantificationSummary) -> str:
    """Format the median throat size, or return "" if no part was intruded."""
    throats = film.throat_sizes
    if throats.largest is None:
        return ""
    missed = throats.none_fits_share or 0.0
    reach = f", which does not reach {100 * missed:.0f} % of it" if missed > UNREACHED else ""
    return f", by intrusion from {throats.face} {size_text(throats.median)} {film.unit}{reach}"


def size_text(size: float | None) -> str:
    """Format a size without decimals, or a dash if it is None or nan.

    >>> size_text(168.2), size_text(None), size_text(float("nan"))
    ('168', '-', '-')
    """
    return "-" if size is None or np.isnan(size) else f"{size:.0f}"
