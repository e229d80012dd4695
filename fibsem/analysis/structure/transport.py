r"""Tortuosity factor: how much diffusion is slowed beyond what the porosity explains.

.. math:: \tau = \phi \, D_0 / D_\mathrm{eff}

The steady diffusion equation is solved on the pore voxels, with fixed concentrations at both faces
of an axis and no flux at solid and at the other faces. The conductance between neighbouring voxels
is the area of their common face over their distance, so that voxels need not be cubes. Cooper et
al., SoftwareX 5 (2016) 203, for cubes.

The equations are solved by conjugate gradients. Long-range errors, which single steps only pass on
between neighbours, are removed by a coarse correction on boxes of voxels (Nicolaides, SIAM J.
Numer. Anal. 24, 1987, 355): this takes twenty times fewer steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import LinearOperator, cg, splu

from fibsem.analysis.structure.film import PORE, Phases, Spacing
from fibsem.analysis.structure.intrusion import FACES, reached

Array = npt.NDArray[np.float64]

#: Residual, relative to the right-hand side, at which the equations count as solved.
TOLERANCE = 1e-6
#: Number of steps after which the solver gives up.
MOST_STEPS = 20_000
#: Smallest side of a box, in units of a voxel's shortest side, and largest number of boxes, whose
#: equations are solved directly.
BOX, MOST_BOXES = 3, 20_000
#: Options of SuperLU for symmetric positive matrices: no pivoting.
SYMMETRIC = {"SymmetricMode": True, "DiagPivotThresh": 0.0}


@dataclass(frozen=True)
class Transport:
    """Diffusion through a block of a film along one axis.

    Attributes
    ----------
    porosity
        Porosity of the block.
    relative
        Effective diffusivity over that of free space; 0 if no pore connects the faces.
    """

    porosity: float
    relative: float

    @property
    def tortuosity_factor(self) -> float:
        """Porosity over relative diffusivity; infinite if no pore connects the faces."""
        return self.porosity / self.relative if self.relative > 0 else float("inf")


def diffuse(phases: Phases, spacing: Spacing, axis: int) -> Transport:
    """Solve the steady diffusion equation along an axis of a block.

    Parameters
    ----------
    phases : (z, y, x) uint8
        0 pore; everything else is impermeable.
    axis
        0, 1 or 2.

    Raises
    ------
    ArithmeticError
        If the equations are not solved after 20 000 steps.

    Notes
    -----
    Pore voxels are neighbours by faces. Memory: about 400 bytes for every pore voxel.
    """
    pores = phases == PORE
    porosity = float(pores.mean())
    through = reached(pores, FACES[2 * axis], 6) & reached(pores, FACES[2 * axis + 1], 6)
    if not through.any():
        return Transport(porosity, 0.0)
    matrix, entry, conductance = _equations(through, spacing, axis)
    places = np.nonzero(through)
    start = 1 - (places[axis] + 0.5) / through.shape[axis]  # as in free space
    nearly = _nearly_inverse(matrix, _boxes(places, through.shape, spacing))
    solution, steps = cg(matrix, entry, start, rtol=TOLERANCE, maxiter=MOST_STEPS, M=nearly)
    if steps:
        raise ArithmeticError(f"diffusion must be solved in {MOST_STEPS} steps, but was not")
    flow = float((conductance * (1 - solution[entry > 0])).sum())
    length = through.shape[axis] * spacing[axis]
    area = float(np.prod(spacing)) * through.size / length
    return Transport(porosity, flow * length / area)


def _equations(
    through: npt.NDArray[np.bool_], spacing: Spacing, axis: int
) -> tuple[csr_array, Array, float]:
    """Return matrix and right-hand side of the balance equations, and the conductance of a face.

    The concentration is 1 at the first face and 0 at the last, half a voxel from the centres.
    """
    number = np.full(through.shape, -1, np.int32)
    number[through] = np.arange(np.count_nonzero(through), dtype=np.int32)
    conductances = [float(np.prod(spacing)) / step**2 for step in spacing]
    size = int(number.max()) + 1
    rows, columns, values = [], [], []
    for along, conductance in enumerate(conductances):
        lines = np.moveaxis(number, along, 0)
        both = (lines[:-1] >= 0) & (lines[1:] >= 0)
        rows.append(lines[:-1][both])
        columns.append(lines[1:][both])
        values.append(np.full(len(rows[-1]), conductance))
    ends = np.concatenate(rows), np.concatenate(columns)
    upper = coo_array((np.concatenate(values), ends), (size, size)).tocsr()
    links = upper + upper.T
    ours = 2 * conductances[axis]
    faces = np.moveaxis(number, axis, 0)
    diagonal, entry = links.sum(axis=1), np.zeros(size)
    for face, value in ((faces[0], ours), (faces[-1], 0.0)):
        pores = face[face >= 0]
        diagonal[pores] += ours
        entry[pores] += value
    return csr_array(diags_array(diagonal) - links), entry, ours


def _boxes(
    places: tuple[npt.NDArray[np.intp], ...], shape: tuple[int, ...], spacing: Spacing
) -> csr_array:
    """Return a matrix that is 1 where a pore voxel (row) lies in a box (column).

    Boxes are nearly cubes, and as small as ``MOST_BOXES`` allows.
    """
    length = BOX * min(spacing)
    while True:
        sides = [max(1, round(length / step)) for step in spacing]
        indices = tuple(at // side for at, side in zip(places, sides, strict=True))
        room = [-(-n // side) for n, side in zip(shape, sides, strict=True)]
        boxes, box = np.unique(np.ravel_multi_index(indices, room), return_inverse=True)
        if len(boxes) <= MOST_BOXES:
            rows = np.arange(len(box))
            return csr_array((np.ones(len(box)), (rows, box)), (len(box), len(boxes)))
        length *= 1.25


def _nearly_inverse(matrix: csr_array, boxes: csr_array) -> LinearOperator:
    """Return the preconditioner: the inverse diagonal plus a coarse solution on boxes."""
    summed = boxes.T.tocsr()
    coarse = splu((summed @ matrix @ boxes).tocsc(), "MMD_AT_PLUS_A", options=SYMMETRIC)
    inverse = 1 / matrix.diagonal()

    def solve(residual: Array) -> Array:
        moved: Array = inverse * residual + boxes @ coarse.solve(summed @ residual)
        return moved

    return LinearOperator(matrix.shape, matvec=solve, dtype=np.float64)
