"""Specification of a model: name, neighbourhood, padding, hyperparameters and geometry.

This module does not import Keras, so that configurations are checked without loading TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Annotated, Any

from fibsem.errors import UserError
from fibsem.geometry import Nbhd, Triple
from fibsem.models import hyperparameters
from fibsem.models.architectures import MODELS, Architecture, Family
from fibsem.models.field import Field, Padding, UNetGeometry, unet_squares, valid_field
from fibsem.models.hyperparameters import Hyperparameters
from fibsem.system.records import Record, WrittenAs, typed

__all__ = ["MAX_HEAD", "MODELS", "Field", "ModelSpec", "Padding", "resolve"]

#: Maximum head width in search spaces, for ``valid``; wider heads have millions of weights and make
#: the dense form slow.
MAX_HEAD = 9


@dataclass(frozen=True)
class _StoredSpec:
    """Record of a spec as it is stored."""

    name: str
    nbhd: str
    padding: Padding
    hyperparameters: Hyperparameters


@dataclass(frozen=True)
class ModelSpec:
    """Everything that determines a model except its weights.

    Examples
    --------
    >>> spec = resolve("2dcnn", Nbhd.parse("33x33x3"), "valid")
    >>> spec.is_network, spec.halo, spec.hyperparameters["filters"]
    (True, (1, 16, 16), 16)
    """

    name: str
    nbhd: Nbhd
    padding: Padding
    hyperparameters: Hyperparameters

    @property
    def architecture(self) -> Architecture:
        """Registry entry of the architecture."""
        return MODELS[self.name]

    @property
    def family(self) -> Family:
        """Family of the architecture: ``pixel``, ``squares`` or ``features``."""
        return self.architecture.family

    @property
    def is_network(self) -> bool:
        """Whether the model is a Keras network, trained by gradients."""
        return self.family != "features"

    @cached_property
    def field(self) -> Field | None:
        """Field of a valid-padded pixel network in the slice; None for all other models."""
        if self.padding == "same" or self.family != "pixel":
            return None
        hp = self.hyperparameters
        field = valid_field(
            self.nbhd.x, hp["blocks"], hp["kernel"], hp["convs_per_block"], hp["pool"]
        )
        assert field is not None  # `resolve` checked it
        return field

    @property
    def convertible(self) -> bool:
        """Whether the model is a network with a dense form, for inputs larger than a window."""
        return self.is_network and self.padding == "valid"

    @property
    def stride(self) -> int:
        """Distance in pixels between neighbouring outputs on a larger input."""
        return self.field.stride if self.field else 1

    @property
    def alignment(self) -> int:
        """Blocks that start at multiples of these pixels get the scores that larger blocks get."""
        return self.squares.multiple if self.family == "squares" else 1

    @cached_property
    def squares(self) -> UNetGeometry:
        """Geometry of a network on squares: position of its outputs on the input."""
        hp = self.hyperparameters
        return unet_squares(hp["blocks"], hp["kernel"], hp["convs_per_block"], hp["stem"])

    @cached_property
    def halo(self) -> Triple:
        """Pixels to grow a block by on each side, (z, y, x), to get outputs of its size."""
        if self.family == "pixel":
            return self.nbhd.halo
        if self.family == "squares":
            # margin lost to convolutions, plus what rounds an odd block up to the pools
            reach = self.squares.margin + self.alignment
        else:
            assert self.architecture.reach is not None
            reach = self.architecture.reach(self.hyperparameters)
        return self.nbhd.halo[0], reach, reach

    @property
    def reach(self) -> Triple:
        """Pixels on each side that one output depends on, (z, y, x).

        This is the halo without pixels that only round a block up, or are cropped.
        """
        px = self.squares.margin if self.family == "squares" else self.sees // 2
        return self.nbhd.halo[0], px, px

    def step_frame(self, extent: int) -> tuple[int, int]:
        """Return how many pixels a training step needs before and after ``extent`` pixels.

        A network on squares pads with zeros in training, and needs only enough to fill its pools.
        """
        if self.family != "squares":
            return self.halo[1], self.halo[1]
        lacking = -extent % self.alignment
        return lacking // 2, lacking - lacking // 2

    @property
    def window(self) -> tuple[int, int]:
        """Size (y, x) in pixels of an input with one output."""
        return 2 * self.halo[1] + 1, 2 * self.halo[2] + 1

    @property
    def sees(self) -> int:
        """Width in pixels that one output depends on: ``field`` in tables and summaries."""
        return self.field.width if self.field else self.window[1]

    @property
    def head(self) -> int | None:
        """Width of the map that the head of a pixel network sees; None for other models."""
        if self.family != "pixel" or self.architecture.sequence:
            return None
        if self.field:
            return self.field.head
        return self.nbhd.x >> (self.hyperparameters["blocks"] * self.hyperparameters["pool"])

    def why_unused(self, name: str) -> str | None:
        """Explain why a hyperparameter has no effect, or return None if it has one.

        Examples
        --------
        >>> resolve("unet", Nbhd.parse("33x33x3"), "valid").why_unused("slices")
        'it is of windows deeper than 3 slices, and here nbhd is 33x33x3'
        """
        if name != "slices" or self.family != "squares" or self.nbhd.z > hyperparameters.DEPTH:
            return None
        deep = f"windows deeper than {hyperparameters.DEPTH} slices"
        return f"it is of {deep}, and here nbhd is {self.nbhd}"

    def to_json(self) -> Record:
        """Return the stored record, with the neighbourhood as text."""
        return {**asdict(self), "nbhd": str(self.nbhd)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ModelSpec:
        """Read a record of :meth:`to_json`; missing hyperparameters get their former values."""
        written = typed(_StoredSpec, record)
        values = hyperparameters.as_recorded(written.name, written.hyperparameters)
        return resolve(written.name, Nbhd.parse(written.nbhd), written.padding, values)


#: A spec as it is stored.
WrittenSpec = Annotated[ModelSpec, WrittenAs(Record, ModelSpec.from_json)]


def resolve(
    name: str, nbhd: Nbhd, padding: Padding, values: Hyperparameters | None = None
) -> ModelSpec:
    """Complete hyperparameters with the defaults for a neighbourhood, and check them.

    Parameters
    ----------
    name
        Architecture, a key of :data:`~fibsem.models.architectures.MODELS`.
    nbhd, padding
        Neighbourhood and padding.
    values
        Some of the architecture's hyperparameters, see :mod:`fibsem.models.hyperparameters`; None
        stands for the default.

    Raises
    ------
    UserError
        If the name, padding or a hyperparameter is not supported, the neighbourhood of a pixel
        network has different n_x and n_y, or the network has more blocks than it admits.

    Examples
    --------
    >>> resolve("unet", Nbhd.parse("65x65x3"), "valid", {"filters": 8}).family
    'squares'
    """
    if name not in MODELS:
        raise UserError(f"`model` must be one of {', '.join(MODELS)}, but got {name}.")
    if padding not in ("same", "valid"):
        raise UserError(f"`model.padding` must be same or valid, but got {padding}.")
    family, paddings = MODELS[name].family, MODELS[name].paddings
    if padding not in paddings:
        raise UserError(f"`model={name}` needs model.padding={paddings[0]}, but got {padding}.")
    if family == "pixel":
        hp = hyperparameters.of_pixels(name, nbhd, padding, values or {})
    elif family == "squares":
        hp = hyperparameters.of_squares(name, values or {})
    else:
        hp = hyperparameters.of_features(name, values or {})
    return ModelSpec(name, nbhd, padding, hp)
