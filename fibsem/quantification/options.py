"""What a user may choose of a quantification."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from fibsem.analysis.structure.intrusion import Face
from fibsem.analysis.structure.joined import Connectivity
from fibsem.config import Tree, read, require

#: Voxels of a part in which labels are drawn again, at most: all of it is held, several times.
MOST_DRAWN = 50_000_000


@dataclass(frozen=True)
class QuantifyConfig:
    """Keys of ``fibsem.quantify``.

    Attributes
    ----------
    connectivity
        Neighbours of a pore voxel: 6 by faces, 26 by edges and corners, too.
    face
        Where intrusion comes in: ``z0`` is the first slice, ``x1`` the last column.
    blocks
        Parts on which pore sizes, intrusion and transport are measured; 0: none.
    block_voxels
        Voxels of a part.
    largest
        Diameter of the largest ball that is tried, nm; of a film of unknown size, voxels.
    reach
        Longest lag of the correlation, in the same unit.
    slab
        Slices that are read at once; None: as many as are cheap.
    mesh, mesh_cell
        Format in which the surface is written as triangles, or ``none``. Side of the cells that it
        is coarsened to, in the unit of ``largest``.
    maps
        Whether local thickness and components of every voxel are written, too.
    thickness
        CSV with the thickness of every slice, where it varies; None: slices are equally thick.
    draws
        How often labels are drawn again from the probabilities, in every part; 0: not.

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
        """Read it from the tree of the command."""
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
