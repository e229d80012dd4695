"""Caveats on the results of a quantification, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fibsem.analysis.structure import Film
from fibsem.analysis.structure.blocks import block_shape
from fibsem.analysis.structure.components import Connections
from fibsem.analysis.structure.integral_range import IntegralRange
from fibsem.analysis.structure.thickness import diameters_up_to
from fibsem.data.volumes.lengths import unlikely
from fibsem.inference.volume.ledger.witness import listed
from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.sampled import Sampled
from fibsem.quantification.segmented import Segmented, limits_of_labels

#: Parts count as cut by gaps if a side is below this share of the planned one.
CUT = 0.75


def limits_of(
    segmented: Segmented,
    connections: Connections,
    sampled: Sampled,
    config: QuantifyConfig,
    material: IntegralRange,
    gaps: Sequence[int],
) -> Sequence[str]:
    """Return all caveats on the results, one sentence each."""
    return [
        *limits_of_labels(segmented.summary),
        *_caveats_of_film(segmented, connections, material, gaps),
        *_caveats_of_parts(segmented.film, connections, sampled, config),
        *_caveats_of_settings(segmented, sampled, config),
        *unlikely(segmented.given_nm),
    ]


def _caveats_of_film(
    segmented: Segmented, connections: Connections, material: IntegralRange, gaps: Sequence[int]
) -> Iterator[str]:
    """Yield caveats on gaps in the film, and on measures that it is too thin or too small for."""
    if gaps:
        yield (
            f"nothing is known of slice {listed(gaps)}, between others: whether pores lead through "
            "along z cannot be told, and components are cut there"
        )
    if cut := [axis for axis in connections.cut if not (gaps and axis == "z")]:
        yield (
            f"what is not known lies across most lines along {' and '.join(cut)}: components are "
            "cut there, and where no pore leads through what is known, none can be told to"
        )
    if flat := connections.flat:
        limit = "" if flat == segmented.film.flat else ", as far as it is known"
        yield (
            f"the film is a single voxel deep along {' and '.join(flat)}{limit}: whether pores "
            "lead through along it, tortuosity and intrusion from its faces (face=) are not "
            "measured"
        )
    if not np.isfinite(material.sd):
        yield (
            "the film is too small to tell how its porosity varies from place to place: no "
            "interval of the material is told, and no representative volume"
        )
    if thin := thin_axes(segmented.film, material):
        yield (
            f"the film is thinner along {', '.join(thin)} than the {material.cutoff:.0f} "
            f"{segmented.unit} over which its pores are alike: how porosity varies is that of so "
            "thin a film, the representative volume of a thick one is larger, and whether pores "
            "lead through along it, and how far, tells nothing of one"
        )


def _caveats_of_parts(
    film: Film, connections: Connections, sampled: Sampled, config: QuantifyConfig
) -> Iterator[str]:
    """Yield caveats on measures of parts that are missing or limited."""
    if cut := cut_axes(film, sampled, config):
        yield (
            f"parts are {', '.join(cut)}, as what is not known lies between: sizes, intrusion and "
            "transport are those of pieces so thin"
        )
    if alone := flat_parts(sampled, connections.flat):
        yield (
            f"every part is a single voxel deep along {' and '.join(alone)}: tortuosity along it "
            "and intrusion from its faces (face=) are not measured"
        )
    if not sampled.blocks:
        yield "pore sizes, intrusion and transport were not measured (blocks=0)"
    if sampled.gaps:
        yield (
            f"{sampled.gaps} of {len(sampled.blocks)} parts hold what is not known, and are left "
            "out of intrusion and transport: no part of 1000 voxels is known as a whole"
        )


def _caveats_of_settings(
    segmented: Segmented, sampled: Sampled, config: QuantifyConfig
) -> Iterator[str]:
    """Yield caveats on the cells of the mesh and on the largest ball, if its size was asked for.

    Otherwise the longest chords bound the balls, and no pore is larger.
    """
    unit, calibration = segmented.unit, segmented.summary.calibration
    used = config.draws or (calibration and calibration.solid_share)
    if segmented.summary.probabilities and used and isinstance(segmented.probabilities, str):
        yield f"{segmented.probabilities}; nothing is told by them"
    if config.mesh != "none" and unit != "nm":  # the default of mesh_cell is in nm
        yield f"the surface is coarsened to cells of {config.mesh_cell:g} {unit} (mesh_cell=)"
    volumes = sampled.sizes.volumes
    share = volumes[-1] / sum(volumes) if any(volumes) else 0.0
    asked = diameters_up_to(config.largest, segmented.film.spacing)
    if share > 0.01 and sampled.sizes.diameters == asked:
        yield (
            f"{100 * share:.0f} % of the pore volume holds the largest ball that was tried: larger "
            "pores count as that large (largest=)"
        )


def thin_axes(film: Film, material: IntegralRange) -> list[str]:
    """Return axes along which the film is thinner than the correlation length of its pores."""
    sides = zip("zyx", film.shape, film.spacing, strict=True)
    if not np.isfinite(material.sd):
        return []
    return [axis for axis, n, nm in sides if n * nm < material.cutoff]


def flat_parts(sampled: Sampled, flat: Sequence[str]) -> list[str]:
    """Return axes along which all parts, but not the film, are a single voxel deep."""
    shapes = [block.shape for block in sampled.blocks]
    deepest = zip("zyx", map(max, zip(*shapes, strict=True)), strict=True) if shapes else ()
    return [axis for axis, n in deepest if n == 1 and axis not in flat]


def cut_axes(film: Film, sampled: Sampled, config: QuantifyConfig) -> list[str]:
    """Describe the sides of parts along axes on which gaps made them smaller than planned."""
    if not sampled.blocks:
        return []
    planned = block_shape(film, config.block_voxels)
    sides = [max(block.shape[axis] for block in sampled.blocks) for axis in range(3)]
    return [
        f"{side} of {wanted} voxels along {axis}"
        for axis, side, wanted in zip("zyx", sides, planned, strict=True)
        if side < CUT * wanted
    ]
