"""Every architecture by its name, with what must be known of it before its file is imported.

Keras takes seconds to load, and configurations are checked, drawn and refused without it. So the
layers of a network stand in its own file, and these few facts here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fibsem.models.field import Padding

#: ``pixel``: a network that gives one probability for one neighbourhood; blocks of convolutions and
#: pools, then a head. ``squares``: a network that gives one for every pixel of a square at once; a
#: valid U-Net. ``features``: not a network.
Family = Literal["pixel", "squares", "features"]


#: Reach of a Gaussian in standard deviations, scipy's own.
TRUNCATE = 4.0


def gaussian_reach(sigma: float) -> int:
    """Pixels on each side that a Gaussian of scipy reads."""
    return int(TRUNCATE * sigma + 0.5)


@dataclass(frozen=True)
class Sizes:
    """Layer sizes of a network of the thesis; ``z_pools`` where z is an axis of its maps."""

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
#: The counts of the 3dcnn say that z is pooled too, twice at 11 and else once.
_3D = {
    11: Sizes(2, 8, 0.50, dense_width=64, growth="3d", z_pools=2),
    33: Sizes(4, 8, 0.50, dense_width=64, growth="3d", z_pools=1),
    49: Sizes(4, 8, 0.50, growth="3d", z_pools=1),
    65: Sizes(5, 8, 0.50, growth="3d", z_pools=1),
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
#: Nothing but counts is known of the 1dcnn: sizes are ours.
_1D = {
    11: Sizes(3, 8, 0.10, dense_width=64, growth="3d"),
    33: Sizes(4, 12, 0.25, dense_width=64, growth="3d"),
    49: Sizes(5, 12, 0.30, dense_width=64, growth="3d"),
    65: Sizes(5, 12, 0.30, dense_width=64, growth="3d"),
}


@dataclass(frozen=True)
class Architecture:
    """What is known of an architecture without loading it.

    Attributes
    ----------
    module
        Name of its file in ``fibsem/models``.
    family
        What comes out of it; hyperparameters and geometry follow from that.
    paddings
        Those that it can have; a network with ``valid`` has a dense form.
    sizes
        Of a pixel network: layer sizes by n_x with padding ``same`` (Tables 4.1 and 4.4). A network
        that the thesis does not have takes those of the ``2dcnn``.
    filters
        Of a pixel network: those of the first block with padding ``valid``.
    own
        Hyperparameters that its family lacks, or has another default for.
    sequence
        Whether the window is read as one sequence n_x * n_z long.
    weights
        Name of the file that holds what was learned: Keras' own format, or skops; none is a pickle.
        None: nothing is learned.
    reach
        Of a model that is no network: pixels on each side that the score of one depends on, by its
        hyperparameters.
    needs_slice
        Whether a whole slice is looked at before its blocks are scored.
    quick_in_bfloat16
        Whether a step of training is quicker with its maps in bfloat16, where the processor
        multiplies that: measured by ``experiments/benchmarks/precision_of_steps.py``.
    """

    module: str
    family: Family = "pixel"
    paddings: tuple[Padding, ...] = ("valid", "same")
    sizes: Mapping[int, Sizes] = field(default_factory=lambda: _2D)
    filters: int = 16
    own: Mapping[str, Any] = field(default_factory=dict)
    sequence: bool = False
    weights: str | None = "model.keras"
    reach: Callable[[Mapping[str, Any]], int] | None = None
    needs_slice: bool = False
    quick_in_bfloat16: bool = False


#: By the name that users type.
MODELS: Mapping[str, Architecture] = {
    "2dcnn": Architecture("cnn2d", quick_in_bfloat16=True),
    "mv2dcnn": Architecture("mv2dcnn", quick_in_bfloat16=True),
    "triplanar": Architecture("triplanar", sizes=_PLANES, quick_in_bfloat16=True),
    "multichannel": Architecture("multichannel", sizes=_PLANES),
    "3dcnn": Architecture("cnn3d", sizes=_3D, filters=8, own={"l2": 1e-5}),
    "1dcnn": Architecture(
        "cnn1d", paddings=("same",), sizes=_1D, own={"kernel": 5}, sequence=True
    ),
    "unet": Architecture("unet", "squares", ("valid",)),
    "forest": Architecture(
        "forest", "features", ("valid",),
        own={"trees": 100, "sigmas": [1.0, 2.0, 4.0, 8.0, 16.0], "min_samples_leaf": 1,
             "max_features": "sqrt"},
        weights="model.skops",
        reach=lambda hp: gaussian_reach(max(hp["sigmas"])) + 2,  # two differences on top
    ),
    "threshold": Architecture(
        "threshold", "features", ("valid",), own={"sigma": 1.0}, weights=None,
        reach=lambda hp: gaussian_reach(hp["sigma"]), needs_slice=True,
    ),
}  # fmt: skip
