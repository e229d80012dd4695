"""Options of a quantification."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from fibsem.analysis.structure.intrusion import Face
from fibsem.analysis.structure.joined import Connectivity
from fibsem.config import Tree, read, require

#: Largest number of voxels in a part with redrawn labels, which takes several copies in memory.
MOST_DRAWN = 50_000_000


@dataclass(frozen=True)
class QuantifyConfig:
    """Keys of ``fibsem.quantify``.

    Attributes
    ----------
    connectivity
        Neighbours of a pore voxel: 6 by faces, 26 by edges and corners, too.
    face
        Face where intrusion starts: ``z0`` is the first slice, ``x1`` the last column.
    blocks
        Number of parts on which pore sizes, intrusion and transport are measured; 0: none.
    block_voxels
        Largest number of voxels in a part.
    largest
        Diameter of the largest ball in nm, or in voxels if their size is unknown.
    reach
        Longest lag of the correlation, in the same unit.
    slab
        Number of slices that are read at once; None: chosen to limit memory.
    mesh, mesh_cell
        Format of the surface mesh, or ``none``, and the side of the cells that it is coarsened to,
        in the unit of ``largest``.
    maps
        Whether to write volumes of local thickness and components.
    thickness
        CSV with the thickness of every slice; None: slices are equally thick.
    draws
        How often labels are redrawn from the probabilities in every part; 0: never.

    Examples
    --------
    >>> QuantifyConfig(face="x1", draws=20).block_voxels
    1000000
    """

    connectivity: Connectivity = 6
    face: Face = "z0"
    blocks: int = 4
    block_voxels: int = 1_000_000
    largest: float = 1000.0
    reach: float = 1000.0
    slab: int | None = None
    mesh: Literal["none", "stl", "ply"] = "none"
    mesh_cell: float = 50.0
    maps: bool = False
    thickness: str | None = None
    draws: int = 0

    @classmethod
    def of(cls, tree: Tree) -> QuantifyConfig:
        """Read the options from the configuration tree of the command."""
        return read(cls, {field.name: tree[field.name] for field in fields(cls)})

    def __post_init__(self) -> None:
        require("blocks", self.blocks, self.blocks >= 0, "at least 0")
        require("block_voxels", self.block_voxels, self.block_voxels >= 1000, "at least 1000")
        require("largest", self.largest, self.largest > 0, "above 0")
        require("reach", self.reach, self.reach > 0, "above 0")
        require("draws", self.draws, self.draws >= 0, "at least 0")
        fits = not self.draws or self.block_voxels <= MOST_DRAWN
        require(
            "block_voxels", self.block_voxels, fits, f"at most {MOST_DRAWN} where draws are made"
        )
        require("mesh_cell", self.mesh_cell, self.mesh_cell > 0, "above 0")
        require("slab", self.slab, self.slab is None or self.slab >= 1, "at least 1")
