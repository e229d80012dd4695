"""Measurement of a segmentation, with a summary, tables, meshes and volumes in one folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from fibsem.analysis import encoding
from fibsem.analysis.structure.mesh import surface_mesh
from fibsem.data.dataset.digests import digest_of
from fibsem.quantification.carried import carried_errors
from fibsem.quantification.folder import begin, check_free
from fibsem.quantification.maps import write_components, write_thickness
from fibsem.quantification.meshes import why_none, write_mesh
from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.sampled import Sampled
from fibsem.quantification.segmented import Segmented
from fibsem.quantification.slices import Thickness, other_mean, read_thickness
from fibsem.quantification.streamed import Streamed
from fibsem.quantification.summary import check_structure, summary_of
from fibsem.quantification.tables import tables_of
from fibsem.system.files import write_json
from fibsem.system.home import home_path
from fibsem.system.processes import peak_rss_gib
from fibsem.system.records import as_record
from fibsem.system.summaries import QuantificationSummary
from fibsem.system.summaries.quantification import Mesh


def quantify(
    segmented: Segmented,
    config: QuantifyConfig,
    folder: Path,
    progress: Callable[[str, int, int], None] | None = None,
) -> QuantificationSummary:
    """Measure a segmentation; write ``summary.json`` and tables as CSV, Markdown and LaTeX.

    Files of a previous quantification in the folder are removed once there is something to measure.

    Parameters
    ----------
    segmented, config
        Segmentation to measure, and options.
    folder
        Output folder.
    progress
        Called with (name of the stage, done, total) after every slab and part.

    Returns
    -------
    QuantificationSummary
        The contents of ``summary.json``.

    Raises
    ------
    UserError
        If there is no structure to measure, the labels change meanwhile, or the folder contains
        other results or user files.

    Notes
    -----
    Memory: a slab of slices, the slices within the longest lag, and one part with its halo; it does
    not grow with the number of slices.

    Examples
    --------
    ```python
    segmented = open_segmented(Path("labels"))
    found = quantify(segmented, QuantifyConfig(blocks=2), Path("structure"))
    found.porosity, found.percolates
    ```
    """
    started = time.perf_counter()
    show = progress or (lambda *_: None)
    check_free(folder)
    thickness = _thickness(segmented, config)
    streamed = Streamed.of(segmented.film, config, show)
    check_structure(segmented, streamed)
    begin(folder, segmented, config)
    sampled = Sampled.of(segmented.film, streamed.cells, config, streamed.chords.widest, show)
    summary = summary_of(segmented, streamed, sampled, config)
    summary = _by_thickness(summary, segmented, streamed, thickness)
    tables = _write_tables(tables_of(segmented, streamed, sampled, thickness), folder)
    summary = _with_surface(summary, segmented, config, folder)
    moved = carried_errors(segmented, sampled.blocks, summary, config, show)
    maps = _write_maps(segmented, config, sampled.sizes.diameters, folder, show)
    segmented.check_unchanged()
    summary = replace(
        summary,
        tables=tables,
        carried=moved,
        maps=maps,
        labels_hash=segmented.labels_hash,
    )
    summary = replace(
        summary,
        measurement=digest_of(as_record(summary), 12),
        seconds=time.perf_counter() - started,
        peak_rss_gib=peak_rss_gib(),
    )
    write_json(folder / "summary.json", as_record(summary))
    return summary


def _thickness(segmented: Segmented, config: QuantifyConfig) -> Thickness | None:
    """Return the thickness of every slice, or None without a file for it."""
    if not config.thickness:
        return None
    depth, z_nm = segmented.film.shape[0], segmented.voxel_nm[0]
    return read_thickness(home_path(config.thickness), depth, z_nm)


def _by_thickness(
    summary: QuantificationSummary,
    segmented: Segmented,
    streamed: Streamed,
    thickness: Thickness | None,
) -> QuantificationSummary:
    """Add the porosity with slices weighted by their thickness, if that is known."""
    if thickness is None:
        return summary
    limit = other_mean(thickness, segmented.voxel_nm[0])
    return replace(
        summary,
        porosity_by_thickness=streamed.cells.porosity(thickness.tolist()),
        limits=(*summary.limits, *([limit] if limit else [])),
    )


def _write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> tuple[str, ...]:
    """Write tables in every format; return the names of their files."""
    return tuple(
        path.name for name, table in tables.items() for path in encoding.write(table, folder, name)
    )


def _with_surface(
    summary: QuantificationSummary, segmented: Segmented, config: QuantifyConfig, folder: Path
) -> QuantificationSummary:
    """Write the surface mesh and add it to the summary, if requested."""
    if config.mesh == "none":
        return summary
    path = folder / f"surface.{config.mesh}"
    surface = surface_mesh(segmented.film, config.mesh_cell)
    triangles = write_mesh(path, surface, config.mesh, segmented.unit_label)
    none = [] if triangles else [why_none(segmented.film, config.mesh_cell, segmented.unit)]
    mesh = Mesh(path.name, triangles, segmented.unit)
    return replace(summary, mesh=mesh, limits=(*summary.limits, *none))


def _write_maps(
    segmented: Segmented,
    config: QuantifyConfig,
    diameters: Sequence[float],
    folder: Path,
    show: Callable[[str, int, int], None],
) -> tuple[str, ...]:
    """Write volumes of components and thickness if requested; return their names."""
    if not config.maps:
        return ()
    film, voxel_nm = segmented.film, segmented.voxel_nm
    return (
        write_components(film, folder, config.connectivity, voxel_nm, show),
        write_thickness(film, folder, diameters, voxel_nm, show),
    )
