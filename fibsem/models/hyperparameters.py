"""Hyperparameters of every architecture: defaults by neighbourhood, and what is legal.

No Keras in here, so that configurations are checked and refused without loading TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.field import Padding, most_blocks

Hyperparameters = Mapping[str, Any]

#: Filters of block i relative to the first; the last factor holds for all further blocks.
#: "By 1, 2, 4, 5 (then 5) times the first in 2D, by 1, 2, 3, 4, 5 in 3D" (thesis 3.6).
GROWTH = {"2d": (1, 2, 4, 5), "3d": (1, 2, 3, 4, 5), "flat": (1,)}
MOST_DENSE_LAYERS = 4


def block_filters(hp: Hyperparameters) -> tuple[int, ...]:
    """Filters of each block.

    >>> block_filters({"filters": 16, "blocks": 5, "growth": "2d"})
    (16, 32, 64, 80, 80)
    """
    factors = GROWTH[hp["growth"]]
    return tuple(hp["filters"] * factors[min(i, len(factors) - 1)] for i in range(hp["blocks"]))


def dense_widths(hp: Hyperparameters) -> tuple[int, ...]:
    """Units of each dense layer: every one has half of those before.

    >>> dense_widths({"dense_width": 128, "dense_layers": 4})
    (128, 64, 32, 16)
    """
    return tuple(max(1, hp["dense_width"] >> i) for i in range(hp["dense_layers"]))


@dataclass(frozen=True)
class Sizes:
    """Layer sizes of a network of the study."""

    blocks: int
    filters: int
    dropout: float
    dense_width: int = 128
    growth: str = "2d"
    z_pools: int = 0


_2D = {
    11: Sizes(2, 16, 0.10),
    33: Sizes(3, 8, 0.25),
    49: Sizes(4, 16, 0.30),
    65: Sizes(4, 16, 0.30),
    81: Sizes(4, 16, 0.50),
}
#: Of `triplanar` and `multichannel` the thesis gives the first block alone. These sizes are ours:
#: the printed counts within 4 %, with what the counts reveal at 49 and 65 (four pools, z pooled
#: once, last width times first dense width 2048).
_PLANES = {
    11: Sizes(2, 16, 0.10, growth="flat", z_pools=2),
    33: Sizes(3, 16, 0.25, dense_width=32, growth="3d", z_pools=1),
    49: Sizes(4, 16, 0.30, dense_width=32, growth="3d", z_pools=1),
    65: Sizes(4, 16, 0.30, dense_width=32, growth="3d", z_pools=1),
}
#: Sizes with ``padding=same`` by n_x (Tables 4.1 and 4.4). The counts of the 3dcnn say that z is
#: pooled too, twice at 11 and else once. Nothing but counts is known of the 1dcnn: sizes are ours.
THESIS: Mapping[str, Mapping[int, Sizes]] = {
    "2dcnn": _2D,
    "mv2dcnn": _2D,
    "3dcnn": {
        11: Sizes(2, 8, 0.50, dense_width=64, growth="3d", z_pools=2),
        33: Sizes(4, 8, 0.50, dense_width=64, growth="3d", z_pools=1),
        49: Sizes(4, 8, 0.50, growth="3d", z_pools=1),
        65: Sizes(5, 8, 0.50, growth="3d", z_pools=1),
    },
    "triplanar": _PLANES,
    "multichannel": _PLANES,
    "1dcnn": {
        11: Sizes(3, 8, 0.10, dense_width=64, growth="3d"),
        33: Sizes(4, 12, 0.25, dense_width=64, growth="3d"),
        49: Sizes(5, 12, 0.30, dense_width=64, growth="3d"),
        65: Sizes(5, 12, 0.30, dense_width=64, growth="3d"),
    },
}
#: Networks in which z is an axis of the maps, and not their channels.
WITH_Z = ("3dcnn", "triplanar", "multichannel")


def pixel_network(
    name: str, nbhd: Nbhd, padding: Padding, given: Hyperparameters
) -> dict[str, Any]:
    """Hyperparameters of a classifier of single pixels.

    With ``same`` the thesis's sizes are the defaults (those of the nearest n_x), with ``valid`` the
    most blocks that are legal, at most four.
    """
    if nbhd.x != nbhd.y:
        raise UserError(f"`model={name}` needs n_x = n_y, but got nbhd={nbhd}.")
    if name == "1dcnn" and padding == "valid":
        raise UserError(
            "`model=1dcnn` needs model.padding=same: rows and slices follow each other in its "
            "sequence, so that it cannot be evaluated on a larger input; but got valid."
        )
    sizes = THESIS[name]
    thesis = sizes[min(sizes, key=lambda n: abs(n - nbhd.x))]
    hp: dict[str, Any] = {
        "blocks": thesis.blocks,
        "filters": thesis.filters,
        "growth": thesis.growth,
        "kernel": 5 if name == "1dcnn" else 3,
        "convs_per_block": 2,
        "pool": True,
        "dropout": thesis.dropout,
        "spatial_dropout": 0.0,
        "dense_layers": 2,
        "dense_width": thesis.dense_width,
        "l2": 1e-5 if name == "3dcnn" else 1e-6,
        **({"z_pools": thesis.z_pools} if name in WITH_Z else {}),
    }
    known = {**hp, **_known(name, given, hp)}
    _check(known, ODD_KERNEL)
    extent = nbhd.x * nbhd.z if name == "1dcnn" else nbhd.x
    how = (known["kernel"], known["convs_per_block"], known["pool"])
    most = most_blocks(extent, padding, *how)
    if padding == "valid":
        hp |= {"blocks": min(most, 4), "filters": 8 if name == "3dcnn" else 16, "dense_width": 128}
        hp |= {"growth": "2d" if hp["growth"] == "flat" else hp["growth"]}
        hp |= {"z_pools": 1} if hp.get("z_pools") else {}
    hp |= _known(name, given, hp)
    if not 1 <= hp["blocks"] <= most:
        raise UserError(
            f"`model.blocks` must lie in 1..{most} for nbhd={nbhd}, padding={padding} and "
            f"kernel={hp['kernel']}, but got {hp['blocks']}."
        )
    _check(hp, PIXEL_RANGES)
    return hp


def unet(name: str, nbhd: Nbhd, padding: Padding, given: Hyperparameters) -> dict[str, Any]:
    """Hyperparameters of the U-Net; of the neighbourhood only n_z matters."""
    hp = {"blocks": 2, "filters": 16, "kernel": 3, "convs_per_block": 2, "spatial_dropout": 0.0,
          "l2": 1e-6}  # fmt: skip
    hp |= _known(name, given, hp)
    _valid_only(name, padding)
    _check(hp, (*ODD_KERNEL, *UNET_RANGES))
    return hp


def forest(name: str, nbhd: Nbhd, padding: Padding, given: Hyperparameters) -> dict[str, Any]:
    """Hyperparameters of the random forest; of the neighbourhood only n_z matters."""
    hp: dict[str, Any] = {"trees": 100, "sigmas": [1.0, 2.0, 4.0, 8.0, 16.0], "min_samples_leaf": 1,
          "max_features": "sqrt"}  # fmt: skip
    hp |= _known(name, given, hp)
    _valid_only(name, padding)
    _check(hp, FOREST_RANGES)
    return {**hp, "sigmas": [float(sigma) for sigma in hp["sigmas"]]}


def threshold(name: str, nbhd: Nbhd, padding: Padding, given: Hyperparameters) -> dict[str, Any]:
    """Hyperparameters of Otsu's threshold on the smoothed slice."""
    hp = {"sigma": 1.0}
    hp |= _known(name, given, hp)
    _valid_only(name, padding)
    _check(hp, (("sigma", lambda v: 0 <= v <= 50, "lie in [0, 50]"),))
    return hp


Range = tuple[str, Callable[[Any], bool], str]

ODD_KERNEL: tuple[Range, ...] = (
    ("kernel", lambda v: isinstance(v, int) and v > 0 and v % 2 == 1, "be odd and positive"),
    ("convs_per_block", lambda v: v in (1, 2, 3), "be 1, 2 or 3"),
)
PIXEL_RANGES: tuple[Range, ...] = (
    ("filters", lambda v: v >= 1, "be at least 1"),
    ("growth", lambda v: v in GROWTH, f"be one of {', '.join(GROWTH)}"),
    ("pool", lambda v: isinstance(v, bool), "be true or false"),
    ("dense_layers", lambda v: 1 <= v <= MOST_DENSE_LAYERS, f"lie in 1..{MOST_DENSE_LAYERS}"),
    ("dense_width", lambda v: v >= 1, "be at least 1"),
    ("dropout", lambda v: 0 <= v < 1, "lie in [0, 1)"),
    ("spatial_dropout", lambda v: 0 <= v < 1, "lie in [0, 1)"),
    ("l2", lambda v: v >= 0, "not be negative"),
    ("z_pools", lambda v: v >= 0, "not be negative"),
)
UNET_RANGES: tuple[Range, ...] = (
    ("blocks", lambda v: 1 <= v <= 4, "lie in 1..4"),
    ("filters", lambda v: v >= 1, "be at least 1"),
    ("spatial_dropout", lambda v: 0 <= v < 1, "lie in [0, 1)"),
    ("l2", lambda v: v >= 0, "not be negative"),
)
FOREST_RANGES: tuple[Range, ...] = (
    ("trees", lambda v: v >= 1, "be at least 1"),
    ("sigmas", lambda v: len(v) > 0 and all(0 < s <= 50 for s in v), "lie in (0, 50]"),
    ("min_samples_leaf", lambda v: v >= 1, "be at least 1"),
    ("max_features", lambda v: v in ("sqrt", "log2"), "be sqrt or log2"),
)


def _known(name: str, given: Hyperparameters, known: Hyperparameters) -> dict[str, Any]:
    """What is given, without nulls; refused where the architecture has no such thing."""
    values = {key: value for key, value in given.items() if value is not None}
    unknown = sorted(set(values) - set(known))
    if unknown:
        names = ", ".join(sorted(known))
        raise UserError(f"`model={name}` has no hyperparameter {unknown[0]!r}; it has: {names}.")
    return values


def _check(hp: Hyperparameters, ranges: tuple[Range, ...]) -> None:
    for key, legal, constraint in ranges:
        if key in hp and not legal(hp[key]):
            raise UserError(f"`model.{key}` must {constraint}, but got {hp[key]}.")


def _valid_only(name: str, padding: Padding) -> None:
    if padding != "valid":
        raise UserError(
            f"`model={name}` has no padding; model.padding must be valid, not {padding}."
        )
