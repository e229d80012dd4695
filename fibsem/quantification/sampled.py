"""What needs more than some slices of a film: measured on parts of it that are evenly spread."""

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
        """Through the phases of a block; pores that meet at edges or corners alone are no way."""
        along = AXES.index(axis)
        diffusion = diffuse(phases, spacing, along)
        is_open = diffusion.relative > 0
        way = geodesic_tortuosity(phases, spacing, along) if is_open else float("nan")
        return cls(block, axis, diffusion, way)


@dataclass(frozen=True)
class Sampled:
    """What was found on parts of a film.

    Attributes
    ----------
    blocks
        The parts.
    sizes, throats
        Pore volume of all of them by local thickness, and by intrusion from the face of each part.
    passages
        Transport through each part along each axis.
    gaps
        Number of the parts that hold what is not known. Nothing leads through that, whatever was
        there: they are not among ``throats`` and ``passages``; nor is a part among those along an
        axis on which it is a single voxel deep, as all of it lies at both faces there.
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
        """Measure the parts of a film; no ball wider than ``widest`` fits into its pores.

        ``cells`` have seen every slice: they tell where parts may lie.
        """
        most, count = config.block_voxels, config.blocks
        blocks = known_blocks(film, cells.whole, cells.cell, most, count) if count else []
        diameters = diameters_up_to(min(widest, config.largest), film.spacing)
        none = PoreSizes(diameters, (0,) * (len(diameters) + 1))
        sizes, throats, passages, gaps = none, none, [], 0
        for done, (block, _, part) in enumerate(thickness_of_blocks(film, blocks, diameters)):
            phases, sizes = film.read(block), sizes + part
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
        """Passages along one axis."""
        return [one for one in self.passages if one.axis == axis]
