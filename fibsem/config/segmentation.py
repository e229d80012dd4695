"""Read and check keys of `segment`: models, voxel size, and whether only to estimate the work."""

from __future__ import annotations

from fibsem.config.reading import Tree
from fibsem.data.volumes import VoxelNm
from fibsem.data.volumes.lengths import LARGEST_NM, SMALLEST_NM, voxel_size
from fibsem.errors import UserError
from fibsem.system.advice import WEIGHTS


def estimate_of(tree: Tree) -> bool:
    """Return whether only an estimate of the work is asked for.

    Examples
    --------
    >>> estimate_of({"estimate": False})
    False
    """
    if tree["estimate"] == "table":
        raise UserError(
            "`estimate` must be true or false; its table is printed by "
            "experiments/benchmarks/patch_vs_dense.py now."
        )
    if not isinstance(tree["estimate"], bool):
        raise UserError(f"`estimate` must be true or false, but got {tree['estimate']}.")
    return tree["estimate"]


def weights_of(tree: Tree) -> list[str]:
    """Return the names or folders of the models, one or several.

    Examples
    --------
    >>> weights_of({"weights": "models:/fibsem@champion"})
    ['models:/fibsem@champion']
    """
    value = tree["weights"]
    weights = value if isinstance(value, list) else [value]
    if not weights or not all(isinstance(name, str) and name for name in weights):
        raise UserError(
            f"`{WEIGHTS}` must be a registered model (models:/fibsem@champion), a bundle's folder "
            f"or a list of them, but got {value}."
        )
    return weights


def voxel_nm_of(tree: Tree) -> VoxelNm:
    """Return the voxel size (z, y, x) in nm as given, with None for unknown axes.

    Examples
    --------
    >>> voxel_nm_of({"voxel_nm": [50, 10, 10]})
    (50, 10, 10)
    """
    if tree["voxel_nm"] is None:
        return None, None, None
    lengths = tree["voxel_nm"]
    if not (isinstance(lengths, list) and len(lengths) == 3 and all(map(_is_size, lengths))):
        raise UserError(
            "`voxel_nm` must be three sizes [z, y, x] in nm, no less than an atom "
            f"({SMALLEST_NM}) and no more than a millimetre ({LARGEST_NM:g}), null where the "
            f"volume or the model knows it, but got {lengths}."
        )
    return lengths[0], lengths[1], lengths[2]


def _is_size(nm: object) -> bool:
    """Return whether a value is a legal voxel size in nm, or None."""
    return nm is None or voxel_size(nm) is not None
