"""Registry of architectures, with the facts that are needed without importing their files.

Keras takes seconds to load, and configurations are checked and sampled without it. The layers of a
network are therefore defined in its own file, and only a few facts here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fibsem.models.field import Padding

#: ``pixel``: a network with one output per neighbourhood, that is blocks of convolutions and pools,
#: then a head. ``squares``: a network with an output for every pixel of a square, that is a valid
#: U-Net. ``features``: not a network.
Family = Literal["pixel", "squares", "features"]


#: Radius of a Gaussian filter in standard deviations, the default of scipy.
TRUNCATE = 4.0


def gaussian_reach(sigma: float) -> int:
    """Return the radius in pixels of scipy's Gaussian filter."""
    return int(TRUNCATE * sigma + 0.5)


@dataclass(frozen=True)
class Sizes:
    """Layer sizes of a network of the thesis; ``z_pools`` only if z is an axis of its maps."""

    blocks: int
    filters: int
    dropout: float
    dense_width: int = 128
    growth: str = "2d"
    z_pools: int | None = None


_2D = {
    11: Sizes(2, 16, 0.10),
    33: Sizes(3, 8, 0.25),
    49: Sizes(4, 16, 0.30),
    65: Sizes(4, 16, 0.30),
    81: Sizes(4, 16, 0.50),
}
#: The parameter counts of the 3dcnn imply that z is pooled as well, twice at 11 and once otherwise.
_3D = {
    11: Sizes(2, 8, 0.50, dense_width=64, growth="3d", z_pools=2),
    33: Sizes(4, 8, 0.50, dense_width=64, growth="3d", z_pools=1),
    49: Sizes(4, 8, 0.50, growth="3d", z_pools=1),
    65: Sizes(5, 8, 0.50, growth="3d", z_pools=1),
}
#: The thesis gives only the first block of `triplanar` and `multichannel`. These sizes are our
#: choice: they match the printed parameter counts within 4 %, and what the counts imply at 49 and
#: 65 (four pools, z pooled once, last width times first dense width 2048).
_PLANES = {
    11: Sizes(2, 16, 0.10, growth="flat", z_pools=2),
    33: Sizes(3, 16, 0.25, dense_width=32, growth="3d", z_pools=1),
    49: Sizes(4, 16, 0.30, dense_width=32, growth="3d", z_pools=1),
    65: Sizes(4, 16, 0.30, dense_width=32, growth="3d", z_pools=1),
}
#: Only parameter counts of the 1dcnn are known; these sizes are our choice.
_1D = {
    11: Sizes(3, 8, 0.10, dense_width=64, growth="3d"),
    33: Sizes(4, 12, 0.25, dense_width=64, growth="3d"),
    49: Sizes(5, 12, 0.30, dense_width=64, growth="3d"),
    65: Sizes(5, 12, 0.30, dense_width=64, growth="3d"),
}


@dataclass(frozen=True)
class Architecture:
    """Facts about an architecture that are available without loading it.

    Attributes
    ----------
    module
        Name of its file in ``fibsem/models``.
    family
        Kind of output, which determines hyperparameters and geometry.
    paddings
        Supported paddings; a network with ``valid`` has a dense form.
    sizes
        For pixel networks: layer sizes by n_x with padding ``same`` (Tables 4.1 and 4.4). Networks
        that are not in the thesis use those of the ``2dcnn``.
    filters
        For pixel networks: filters of the first block with padding ``valid``.
    hyperparameters
        Hyperparameters that the family lacks, or for which it has another default.
    sequence
        Whether the window is read as one sequence of length n_x * n_z.
    weights
        Name of the weights file, in the format of Keras or skops, never a pickle; None if nothing
        is learned.
    reach
        For models that are not networks: function from hyperparameters to the number of pixels on
        each side that a score depends on.
    needs_slice
        Whether a whole slice must be analysed before its blocks are scored.
    quick_in_bfloat16
        Whether training steps are faster with bfloat16 feature maps on processors that multiply
        bfloat16, as measured by ``experiments/benchmarks/precision_of_steps.py``.
    """

    module: str
    family: Family = "pixel"
    paddings: tuple[Padding, ...] = ("valid", "same")
    sizes: Mapping[int, Sizes] = field(default_factory=lambda: _2D)
    filters: int = 16
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    sequence: bool = False
    weights: str | None = "model.keras"
    reach: Callable[[Mapping[str, Any]], int] | None = None
    needs_slice: bool = False
    quick_in_bfloat16: bool = False


#: Architectures by the name that users type.
MODELS: Mapping[str, Architecture] = {
    "2dcnn": Architecture("cnn2d", quick_in_bfloat16=True),
    "mv2dcnn": Architecture("mv2dcnn", quick_in_bfloat16=True),
    "triplanar": Architecture("triplanar", sizes=_PLANES, quick_in_bfloat16=True),
    "multichannel": Architecture("multichannel", sizes=_PLANES),
    "3dcnn": Architecture("cnn3d", sizes=_3D, filters=8, hyperparameters={"l2": 1e-5}),
    "1dcnn": Architecture(
        "cnn1d", paddings=("same",), sizes=_1D, hyperparameters={"kernel": 5}, sequence=True
    ),
    "unet": Architecture("unet", "squares", ("valid",)),
    "forest": Architecture(
        "forest", "features", ("valid",),
        hyperparameters={"trees": 100, "sigmas": [1.0, 2.0, 4.0, 8.0, 16.0], "min_samples_leaf": 1,
                         "max_features": "sqrt"},
        weights="model.skops",
        reach=lambda hp: gaussian_reach(max(hp["sigmas"])) + 2,  # plus two for differences
    ),
    "threshold": Architecture(
        "threshold", "features", ("valid",), hyperparameters={"sigma": 1.0}, weights=None,
        reach=lambda hp: gaussian_reach(hp["sigma"]), needs_slice=True,
    ),
}  # fmt: skip
