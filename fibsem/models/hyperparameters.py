"""Hyperparameters of every family: defaults by neighbourhood, and legal values.

This module does not import Keras, so that configurations are checked without loading TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from numbers import Integral, Real
from typing import Any

from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.architectures import MODELS, Sizes
from fibsem.models.field import Padding, most_blocks

#: Hyperparameters by name; names and types depend on the architecture.
Hyperparameters = Mapping[str, Any]

#: Filters of block i relative to the first; the last factor holds for all further blocks.
#: "By 1, 2, 4, 5 (then 5) times the first in 2D, by 1, 2, 3, 4, 5 in 3D" (thesis 3.6).
GROWTH = {"2d": (1, 2, 4, 5), "3d": (1, 2, 3, 4, 5), "flat": (1,), "double": (1, 2, 4, 8, 16)}
#: Activations of hidden layers. The leaky ReLU has a slope of 0.2 below zero.
ACTIVATIONS = ("leaky_relu", "elu", "relu", "silu")
NORMS = ("batch", "none")
#: Upsampling methods of a U-Net.
UPS = ("transpose", "nearest")
#: How the first convolution of a U-Net treats the slices of a window.
SLICES = ("channels", "3d")
#: Depth in slices of a first convolution in three dimensions.
DEPTH = 3
MOST_DENSE_LAYERS = 4
MOST_UNET_POOLS = 4


def block_filters(hp: Hyperparameters) -> tuple[int, ...]:
    """Return the number of filters of each block.

    >>> block_filters({"filters": 16, "blocks": 5, "growth": "2d"})
    (16, 32, 64, 80, 80)
    """
    return grown(hp, hp["blocks"])


def level_filters(hp: Hyperparameters) -> tuple[int, ...]:
    """Return the filters of each level of a U-Net, from the finest to the one below the last pool.

    >>> level_filters({"filters": 16, "blocks": 2, "growth": "2d"})
    (16, 32, 64)
    """
    return grown(hp, hp["blocks"] + 1)


def grown(hp: Hyperparameters, count: int) -> tuple[int, ...]:
    """Return ``count`` numbers of filters, each a multiple of the first."""
    factors = GROWTH[hp["growth"]]
    return tuple(hp["filters"] * factors[min(i, len(factors) - 1)] for i in range(count))


def dense_widths(hp: Hyperparameters) -> tuple[int, ...]:
    """Return the units of each dense layer, halved from layer to layer.

    >>> dense_widths({"dense_width": 128, "dense_layers": 4})
    (128, 64, 32, 16)
    """
    return tuple(max(1, hp["dense_width"] >> i) for i in range(hp["dense_layers"]))


#: Defaults of all pixel networks; the other defaults depend on the neighbourhood.
PIXEL = {"kernel": 3, "convs_per_block": 2, "pool": True, "activation": "leaky_relu",
         "spatial_dropout": 0.0, "dense_layers": 2, "l2": 1e-6}  # fmt: skip
#: Defaults of all networks on squares, which use only n_z of the neighbourhood.
SQUARES = {"blocks": 3, "filters": 16, "growth": "3d", "kernel": 3, "convs_per_block": 2,
           "stem": 2, "slices": "channels", "residual": True, "up": "transpose",
           "activation": "leaky_relu", "norm": "batch", "spatial_dropout": 0.0,
           "l2": 1e-6}  # fmt: skip
#: Values of models from before these hyperparameters existed; their records lack them.
FORMER = {"activation": "elu", "growth": "2d", "norm": "none", "residual": False, "stem": 1,
          "slices": "channels", "up": "nearest"}  # fmt: skip


def as_recorded(name: str, hyperparameters: Hyperparameters) -> Hyperparameters:
    """Complete the hyperparameters of a record with former values of missing ones.

    A value of None in the record stands for the default.
    """
    family = {"pixel": PIXEL, "squares": SQUARES}.get(MODELS[name].family, {})
    return {key: value for key, value in FORMER.items() if key in family} | dict(hyperparameters)


def of_pixels(
    name: str, nbhd: Nbhd, padding: Padding, hyperparameters: Hyperparameters
) -> Hyperparameters:
    """Return the hyperparameters of a pixel network; raise UserError for illegal values.

    The defaults with ``same`` are ELU and the sizes of the thesis for the nearest n_x, with
    ``valid`` the largest legal number of blocks up to four.
    """
    if nbhd.x != nbhd.y:
        raise UserError(f"`model={name}` needs n_x = n_y, but got nbhd={nbhd}.")
    architecture = MODELS[name]
    sizes = architecture.sizes[min(architecture.sizes, key=lambda n: abs(n - nbhd.x))]
    usual = PIXEL if padding == "valid" else {**PIXEL, "activation": "elu"}
    defaults = {**usual, **_chosen_sizes(sizes), **architecture.hyperparameters}
    values = _checked(name, hyperparameters, defaults)
    hp = {**defaults, **values}
    extent = nbhd.x * nbhd.z if architecture.sequence else nbhd.x
    most = most_blocks(extent, padding, hp["kernel"], hp["convs_per_block"], hp["pool"])
    if padding == "valid":
        hp |= _valid_sizes(sizes, min(most, 4), architecture.filters)
        hp |= {**architecture.hyperparameters, **values}
    if not 1 <= hp["blocks"] <= most:
        raise UserError(
            f"`model.blocks` must lie in 1..{most} for nbhd={nbhd}, padding={padding} and "
            f"kernel={hp['kernel']}, but got {hp['blocks']}."
        )
    return hp


def _chosen_sizes(sizes: Sizes) -> Hyperparameters:
    return {key: value for key, value in asdict(sizes).items() if value is not None}


def _valid_sizes(sizes: Sizes, blocks: int, filters: int) -> Hyperparameters:
    """Return the sizes of a valid network that replace those of the thesis."""
    growth = "2d" if sizes.growth == "flat" else sizes.growth
    z_pools = {"z_pools": 1} if sizes.z_pools else {}
    return {"blocks": blocks, "filters": filters, "dense_width": 128, "growth": growth, **z_pools}


def of_squares(name: str, hyperparameters: Hyperparameters) -> Hyperparameters:
    """Return the hyperparameters of a network on squares; raise UserError for illegal values."""
    hp = {**SQUARES, **MODELS[name].hyperparameters}
    hp |= _checked(name, hyperparameters, hp)
    if not 1 <= hp["blocks"] <= MOST_UNET_POOLS:
        raise UserError(f"`model.blocks` must lie in 1..{MOST_UNET_POOLS}, but got {hp['blocks']}.")
    return hp


def of_features(name: str, hyperparameters: Hyperparameters) -> Hyperparameters:
    """Return the hyperparameters of a model that is not a network; raise UserError if illegal."""
    defaults = MODELS[name].hyperparameters
    return {**defaults, **_checked(name, hyperparameters, defaults)}


def _checked(
    name: str, hyperparameters: Hyperparameters, defaults: Hyperparameters
) -> Hyperparameters:
    """Return the given values without None; raise UserError for unknown names or illegal values."""
    values = {key: value for key, value in hyperparameters.items() if value is not None}
    for key, value in values.items():
        if key not in defaults:
            names = ", ".join(sorted(defaults))
            raise UserError(f"`model={name}` has no hyperparameter {key!r}; it has: {names}.")
        kind, is_of_kind = KINDS.get(type(defaults[key]), ANY)
        if not is_of_kind(value):
            raise UserError(f"`model.{key}` must be {kind}, but got {value!r}.")
        constraint, legal = RANGES.get(key, ANY)
        if not legal(value):
            raise UserError(f"`model.{key}` must {constraint}, but got {value}.")
    return values


def check_value(key: str, value: Any) -> None:
    """Raise UserError if no model has the hyperparameter, or the value is illegal for all.

    None stands for a default and is legal.

    >>> check_value("kernel", 3)
    >>> check_value("kernel", 4)
    Traceback (most recent call last):
    fibsem.errors.UserError: `model.kernel` must be odd and positive, but got 4.
    """
    sizes = {"blocks": 1, "filters": 1, "dense_width": 1, "growth": "2d", "dropout": 0.0}
    defaults = {
        name: default
        for model in MODELS.values()
        for name, default in model.hyperparameters.items()
    }
    _checked("any", {key: value}, {**sizes, "z_pools": 1, **PIXEL, **SQUARES, **defaults})


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


Check = tuple[str, Callable[[Any], bool]]

#: Required type of a value, by the type of its default.
KINDS: Mapping[type, Check] = {
    bool: ("true or false", lambda v: isinstance(v, bool)),
    int: ("a whole number", lambda v: isinstance(v, Integral) and not isinstance(v, bool)),
    float: ("a number", _is_number),
    str: ("a text", lambda v: isinstance(v, str)),
    list: ("a list of numbers", lambda v: isinstance(v, list | tuple) and all(map(_is_number, v))),
}
ANY: Check = ("anything", lambda v: True)
#: Legal values by name, for all models. Hyperparameters without an entry are not restricted.
RANGES: Mapping[str, Check] = {
    "kernel": ("be odd and positive", lambda v: v > 0 and v % 2 == 1),
    "convs_per_block": ("be 1, 2 or 3", lambda v: v in (1, 2, 3)),
    "filters": ("be at least 1", lambda v: v >= 1),
    "growth": (f"be one of {', '.join(GROWTH)}", lambda v: v in GROWTH),
    "activation": (f"be one of {', '.join(ACTIVATIONS)}", lambda v: v in ACTIVATIONS),
    "norm": (f"be one of {', '.join(NORMS)}", lambda v: v in NORMS),
    "up": (f"be one of {', '.join(UPS)}", lambda v: v in UPS),
    "stem": ("be 1 or 2", lambda v: v in (1, 2)),
    "slices": (f"be one of {', '.join(SLICES)}", lambda v: v in SLICES),
    "dense_layers": (f"lie in 1..{MOST_DENSE_LAYERS}", lambda v: 1 <= v <= MOST_DENSE_LAYERS),
    "dense_width": ("be at least 1", lambda v: v >= 1),
    "dropout": ("lie in [0, 1)", lambda v: 0 <= v < 1),
    "spatial_dropout": ("lie in [0, 1)", lambda v: 0 <= v < 1),
    "l2": ("not be negative", lambda v: v >= 0),
    "z_pools": ("not be negative", lambda v: v >= 0),
    "trees": ("be at least 1", lambda v: v >= 1),
    "sigmas": ("lie in (0, 50]", lambda v: len(v) > 0 and all(0 < s <= 50 for s in v)),
    "min_samples_leaf": ("be at least 1", lambda v: v >= 1),
    "max_features": ("be sqrt or log2", lambda v: v in ("sqrt", "log2")),
    "sigma": ("lie in [0, 50]", lambda v: 0 <= v <= 50),
}
