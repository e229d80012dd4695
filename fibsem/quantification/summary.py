"""The figures of a quantification by name, in the units that their names say."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

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
from fibsem.quantification.passages import figures_by_axis, tortuosity_text
from fibsem.quantification.sampled import Sampled
from fibsem.quantification.segmented import Segmented
from fibsem.quantification.shift import shifted_porosity
from fibsem.quantification.streamed import Streamed
from fibsem.system.records import typed
from fibsem.system.summaries.figures import Labelled

Record = dict[str, Any]

#: Relative errors of porosity for which the representative volume is told.
ERRORS = (0.1, 0.05, 0.01)
#: Shares of the pore volume, or of the chords, at which sizes are told.
SHARES = {"p10": 0.1, "median": 0.5, "p90": 0.9}
#: Share of the pore volume from which it is said that an intrusion does not reach it.
UNREACHED = 0.01


def check_structure(segmented: Segmented, streamed: Streamed) -> None:
    """Refuse a film in which there is nothing to measure."""
    pores, known = int(streamed.cells.pores.sum()), int(streamed.cells.known.sum())
    if 0 < pores < known:
        return
    only = "no material" if not known else f"only {'pores' if pores else 'solid'}"
    raise UserError(
        f"`segmentation` must hold pores and solid to have a structure, but {segmented.folder} "
        f"holds {only}."
    )


def summary_of(
    segmented: Segmented, streamed: Streamed, sampled: Sampled, config: QuantifyConfig
) -> Record:
    """Every figure; lengths end in ``_nm``, or in ``_voxels`` where a voxel's size is not known.

    Parameters
    ----------
    segmented, config
        What is measured, and how.
    streamed
        Figures of all slices.
    sampled
        Figures of some parts: pore sizes, intrusion and transport.

    Examples
    --------
    Of a film that was streamed and sampled before, as :func:`fibsem.quantification.quantify` does:

    ```python
    segmented, config = open_segmented(Path("labels")), QuantifyConfig()
    streamed = Streamed.of(segmented.film, config, show)
    sampled = Sampled.of(segmented.film, streamed.cells, config, widest=1000.0, progress=show)
    summary_of(segmented, streamed, sampled, config)["porosity"]
    ```
    """
    unit, missing = segmented.unit, segmented.missing
    connections = streamed.components.result
    gaps = streamed.cells.gaps
    untold = {"z": None} if gaps else {}
    material = integral_range(streamed.cells.cells)
    porosity, surface = streamed.cells.porosity(), _surface(segmented, streamed)
    return {
        "segmentation": str(segmented.folder),
        "labelling": segmented.record.get("labelling"),
        "lineage": segmented.record.get("lineage"),
        "unit": unit,
        "voxel_nm": list(segmented.record["voxel_nm"]),
        "voxel_nm_assumed": list(segmented.voxel_assumed),
        "shape": list(segmented.film.shape),
        "material_share": float(streamed.cells.known.sum() / np.prod(segmented.film.shape)),
        "missing": list(missing),
        "porosity": porosity,
        **_intervals(segmented, porosity, material, surface),
        "connectivity": config.connectivity,
        "components": connections.components,
        "percolates": dict(connections.percolates) | untold,
        "connected_share": dict(connections.connected_share) | untold,
        "reachable_share": connections.reachable_share,
        "largest_share": connections.largest_share,
        **surface,
        f"chord_{unit}": {name: _chords(streamed, name) for name in AXES},
        f"pore_size_{unit}": _sizes(sampled.sizes),
        f"throat_size_{unit}": {**_sizes(sampled.throats), "face": config.face},
        **figures_by_axis(sampled),
        "blocks": [[list(b.start), list(b.stop)] for b in sampled.blocks],
        f"integral_range_{unit}3": material.volume,
        "porosity_sd_of_such_volumes": material.sd,
        f"representative_side_{unit}": _representative(material, porosity),
        "spread_by_size": [asdict(part) for part in spread_by_size(streamed.cells.cells)],
        "limits": list(limits_of(segmented, sampled, config, material, gaps)),
    }


def _intervals(
    segmented: Segmented, porosity: float, material: IntegralRange, surface: Record
) -> Record:
    """The interval that the segmentation tells of the film, and with it that of the material.

    What outlines that are drawn one pixel off would change follows from the outlines in all slices.
    """
    before = segmented.stated_interval(porosity)
    own = before.get("porosity_interval") or {
        "volume": None, "why": "the segmentation was made by an older version"
    }  # fmt: skip
    corrected = before.get("porosity_corrected")
    interval = {**own, "material": None}
    if own["volume"]:
        per_px = surface["porosity_per_px_of_boundary"]
        interval["one_pixel_off"] = list(one_pixel_off(own["volume"], per_px))
        if beside := own.get("post_stratified"):
            wide = list(one_pixel_off(beside["volume"], per_px))
            interval["post_stratified"] = {**beside, "one_pixel_off": wide}
    if corrected is not None and 0 < corrected < 1 and np.isfinite(material.sd):
        estimate = PorosityEstimate(corrected, own["error"], own["degrees"])
        both = with_sampling(estimate, *_sampling(own, corrected, porosity, material))
        interval["material"] = list(widened(both.interval, own.get("widened_by", 0.0)))
    return {
        "porosity_corrected": corrected,
        "porosity_ci": before.get("porosity_ci"),
        "porosity_interval": interval,
        "porosity_by_member": before.get("porosity_by_member"),
        "porosity_by_seed": before.get("porosity_by_seed"),
        "porosity_assuming_label_shift": shifted_porosity(segmented),
    }


def _sampling(
    interval: Record, corrected: float, porosity: float, material: IntegralRange
) -> tuple[float, float]:
    """What films of the material vary by, and its degrees of freedom.

    The map's variation, corrected as the squares say. Where they do not, as in segmentations of
    older versions, it is taken for that of the pores but for their share.
    """
    ratio = interval.get("labelled_over_mapped")
    if ratio is not None:
        return sampling_of(material.sd, material.degrees, ratio, interval["degrees"])
    spread = np.sqrt(corrected * (1 - corrected) / (porosity * (1 - porosity)))
    return float(spread) * material.sd, material.degrees


def _surface(segmented: Segmented, streamed: Streamed) -> Record:
    """Specific surface, and the porosity that moves with it."""
    surface = streamed.surface.per_volume
    name, scale = ("um", 1000.0) if segmented.unit == "nm" else ("voxel", 1.0)
    per_px = porosity_per_px(streamed.surface.outline_per_area, segmented.film.spacing)
    return {f"surface_per_{name}": scale * surface, "porosity_per_px_of_boundary": per_px}


def _chords(streamed: Streamed, axis: str) -> Record:
    chords = streamed.chords.result[axis]
    sizes = {name: chords.quantile(share) for name, share in SHARES.items()}
    return {"mean": chords.mean, **sizes, "count": chords.count, "cut_off_share": chords.beyond}


def _sizes(sizes: PoreSizes) -> Record:
    """Sizes by pore volume, and what is too small for any ball or as large as the largest."""
    total = sum(sizes.volumes)
    quantiles = {name: sizes.quantile(share) for name, share in SHARES.items()}
    if not total:
        none = ("median_between", "none_fits_share", "largest", "largest_share")
        return {**quantiles, **dict.fromkeys(none)}
    return {
        **quantiles,
        "median_between": list(sizes.around(SHARES["median"])),
        "none_fits_share": sizes.volumes[0] / total,
        "largest": sizes.diameters[-1],
        "largest_share": sizes.volumes[-1] / total,
    }


def _representative(material: IntegralRange, porosity: float) -> Record:
    """Side of the cube whose porosity is within a share of the material's, 95 % of the time."""
    return {f"{100 * error:g}%": side_for(error, porosity, material.volume) for error in ERRORS}


def in_words(record: Record) -> str:
    """The figures that a user wants to see first, a line each."""
    unit = record["unit"]
    through = [
        f"{axis} {'cannot be told' if leads is None else 'yes' if leads else 'no'}"
        for axis, leads in record["percolates"].items()
    ]
    sizes, throats = record[f"pore_size_{unit}"], record[f"throat_size_{unit}"]
    weighed = record.get("porosity_by_thickness")
    by_thickness = f"; map by thickness of the slices {100 * weighed:.2f} %" if weighed else ""
    lines = [
        f"porosity {porosity_text(typed(Labelled, record))}{by_thickness}",
        f"pores lead through ({record['connectivity']} neighbours): {', '.join(through)}; "
        f"{record['components']} components",
    ]
    if record["blocks"]:
        factors = [
            f"{axis} {tortuosity_text(record, axis)}" for axis in record["tortuosity_factor"]
        ]
        lines += [
            f"{_sizes_text(sizes, unit)}{_throats_text(throats, unit)}",
            f"tortuosity factor {', '.join(factors)}",
        ]
    if error := carried_text(record):
        lines.append(error)
    return "\n".join(lines)


def _sizes_text(sizes: Record, unit: str) -> str:
    """Median of the pore volume, what lies between its tenths, and the largest ball tried."""
    most = sizes["largest"]
    tried = f"; balls up to {most:.0f} {unit} were tried" if most else ""
    if most and not np.isnan(sizes["median"]):
        around = " and ".join(map(size_text, sizes["median_between"]))
        tried = f"; balls of {around} {unit} were tried around it, the largest {most:.0f}"
    median, low, high = (size_text(sizes[key]) for key in ("median", "p10", "p90"))
    return f"pore size {median} {unit} (80 % of their volume: {low} to {high}{tried})"


def _throats_text(throats: Record, unit: str) -> str:
    """Median throat size in words; nothing where no part was intruded."""
    if throats["largest"] is None:
        return ""
    missed = throats["none_fits_share"]
    reach = f", which does not reach {100 * missed:.0f} % of it" if missed > UNREACHED else ""
    return f", by intrusion from {throats['face']} {size_text(throats['median'])} {unit}{reach}"


def size_text(size: float | None) -> str:
    """A size as people read it; a dash where no ball covers so much of the pores.

    >>> size_text(168.2), size_text(None), size_text(float("nan"))
    ('168', '-', '-')
    """
    return "-" if size is None or np.isnan(size) else f"{size:.0f}"
