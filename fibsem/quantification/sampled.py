"""What needs more than some slices of a film: measured on parts of it that are evenly spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fibsem.analysis.structure.blocks import spread_blocks
from fibsem.analysis.structure.film import AXES, PORE, Film
from fibsem.analysis.structure.geodesic import geodesic_tortuosity
from fibsem.analysis.structure.intrusion import intruded
from fibsem.analysis.structure.thickness import (
    PoreSizes,
    diameters_up_to,
    thickness_of_blocks,
)
from fibsem.analysis.structure.transport import Transport, diffuse
from fibsem.geometry import Box
from fibsem.quantification.options import QuantifyConfig


@dataclass(frozen=True)
class Passage:
    """Transport through one part of a film along one axis."""

    block: Box
    axis: str
    diffusion: Transport
    geodesic: float


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
    """

    blocks: tuple[Box, ...]
    sizes: PoreSizes
    throats: PoreSizes
    passages: tuple[Passage, ...]

    @classmethod
    def of(
        cls,
        film: Film,
        config: QuantifyConfig,
        widest: float,
        progress: Callable[[str, int, int], None],
    ) -> Sampled:
        """Measure the parts of a film; no ball wider than ``widest`` fits into its pores."""
        blocks = spread_blocks(film, config.block_voxels, config.blocks) if config.blocks else []
        diameters = diameters_up_to(min(widest, config.largest), film.spacing)
        none = PoreSizes(diameters, (0,) * (len(diameters) + 1))
        sizes, throats, passages = none, none, []
        for done, (block, _, part) in enumerate(thickness_of_blocks(film, blocks, diameters)):
            phases = film.read(block)
            filled = intruded(phases, diameters, film.spacing, config.face)
            sizes = sizes + part
            throats = throats + PoreSizes.of(filled, phases == PORE, diameters)
            for axis, name in enumerate(AXES):
                progress("parts", 3 * done + axis, 3 * len(blocks))
                passages.append(
                    Passage(
                        block, name, diffuse(phases, film.spacing, axis),
                        geodesic_tortuosity(phases, film.spacing, axis),
                    )
                )  # fmt: skip
        return cls(tuple(blocks), sizes, throats, tuple(passages))

    def along(self, axis: str) -> Sequence[Passage]:
        """Those along one axis."""
        return [one for one in self.passages if one.axis == axis]
