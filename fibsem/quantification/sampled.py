"""Pore sizes, intrusion and transport, measured on evenly spread parts of a film."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fibsem.analysis.structure.cells import CellCounts
from fibsem.analysis.structure.film import AXES, NEITHER, PORE, Film, Phases, Spacing
from fibsem.analysis.structure.geodesic import geodesic_tortuosity
from fibsem.analysis.structure.intrusion import intruded
from fibsem.analysis.structure.known import known_blocks
from fibsem.analysis.structure.thickness import (
    PoreSizes,
    diameters_up_to,
    thickness_of_blocks,
)
from fibsem.analysis.structure.transport import Transport, diffuse
from fibsem.geometry import Box
from fibsem.quantification.options import QuantifyConfig
from fibsem.system.summaries.figures import AxisName


@dataclass(frozen=True)
class Passage:
    """Transport through one part of a film along one axis."""

    block: Box
    axis: AxisName
    diffusion: Transport
    geodesic: float

    @classmethod
    def of(cls, phases: Phases, spacing: Spacing, block: Box, axis: AxisName) -> Passage:
        """Measure transport through a block; pores must be connected by faces to percolate."""
        along = AXES.index(axis)
        diffusion = diffuse(phases, spacing, along)
        is_open = diffusion.relative > 0
        way = geodesic_tortuosity(phases, spacing, along) if is_open else float("nan")
        return cls(block, axis, diffusion, way)


@dataclass(frozen=True)
class Sampled:
    """Results from parts of a film.

    Attributes
    ----------
    blocks
        The parts.
    sizes, throats
        Pore volume of all parts by local thickness, and by intrusion from a face of each part.
    passages
        Transport through each part along each axis.
    gaps
        Number of parts with unknown voxels. As these are impassable, such parts are left out of
        ``throats`` and ``passages``. Axes along which a part is a single voxel deep are left out,
        too, as both faces are the same there.

    Examples
    --------
    ```python
    film, config = open_segmented(Path("labels")).film, QuantifyConfig(blocks=4)
    cells = Streamed.of(film, config, lambda *_: None).cells
    Sampled.of(film, cells, config, 1e4, lambda *_: None).blocks
    ```
    """

    blocks: tuple[Box, ...]
    sizes: PoreSizes
    throats: PoreSizes
    passages: tuple[Passage, ...]
    gaps: int = 0

    @classmethod
    def of(
        cls,
        film: Film,
        cells: CellCounts,
        config: QuantifyConfig,
        widest: float,
        progress: Callable[[str, int, int], None],
    ) -> Sampled:
        """Measure the parts of a film.

        Parameters
        ----------
        cells
            Counts of every slice, which determine where parts can lie.
        widest
            Upper bound for the diameter of a ball in the pores.
        progress
            Called with ``"parts"``, the number of measured axes of parts and their total number.
        """
        most, count = config.block_voxels, config.blocks
        blocks = known_blocks(film, cells.known_cells, cells.cell, most, count) if count else []
        diameters = diameters_up_to(min(widest, config.largest), film.spacing)
        none = PoreSizes(diameters, (0,) * (len(diameters) + 1))
        sizes, throats, passages, gaps = none, none, [], 0
        for done, (block, _, block_sizes) in enumerate(
            thickness_of_blocks(film, blocks, diameters)
        ):
            phases, sizes = film.read(block), sizes + block_sizes
            if (phases == NEITHER).any():
                gaps += 1
                continue
            flat = Film.of(phases).flat
            if config.face[0] not in flat:
                filled = intruded(phases, diameters, film.spacing, config.face)
                throats = throats + PoreSizes.of(filled, phases == PORE, diameters)
            for axis, name in enumerate(AXES):
                progress("parts", 3 * done + axis, 3 * len(blocks))
                if name not in flat:
                    passages.append(Passage.of(phases, film.spacing, block, name))
        return cls(tuple(blocks), sizes, throats, tuple(passages), gaps)

    def along(self, axis: str) -> Sequence[Passage]:
        """Return the passages along one axis."""
        return [passage for passage in self.passages if passage.axis == axis]
