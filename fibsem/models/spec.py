"""What a network is before it is built: name, neighbourhood, padding, hyperparameters, field.

No Keras in here, so that configurations are checked and refused without loading TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fibsem.errors import UserError
from fibsem.geometry import Nbhd, Triple

Padding = Literal["same", "valid"]
Hyperparameters = Mapping[str, Any]

DENSE_WIDTHS = (128, 64, 32, 16)
#: Filters of block i relative to the first: "filters grow by 1, 2, 4, 5 (then 5)" (thesis 3.6).
GROWTH = (1, 2, 4, 5)
#: Heads wider than this have millions of weights and make the dense form slow.
MAX_HEAD = 9


@dataclass(frozen=True)
class Field:
    """The part of the neighbourhood that a valid-padded network sees, and its stride.

    A block is ``convs`` valid convolutions, then a 2 x 2 pool as long as the map is at least two
    pixels wide; the head is a convolution whose kernel is what is left of the map. Pools that
    floor leave pixels unused: those are cropped from the neighbourhood, symmetrically, the odd one
    at the end.
    """

    width: int
    stride: int
    head: int
    pooled: tuple[bool, ...]

    def crop(self, n: int) -> tuple[int, int]:
        """Unused pixels before and after the field in a neighbourhood n wide."""
        unused = n - self.width
        return unused // 2, unused - unused // 2


def valid_field(n: int, blocks: int, kernel: int = 3, convs: int = 2) -> Field | None:
    """Field of a valid-padded network of that many blocks, or None where the map runs out.

    >>> [valid_field(n, b).width for n, b in ((11, 1), (33, 3), (49, 3), (65, 3), (81, 4))]
    [10, 32, 44, 60, 76]
    """
    width, pooled = n, []
    for _ in range(blocks):
        width -= convs * (kernel - 1)
        if width < 1:
            return None
        pooled.append(width >= 2)
        width = width // 2 if width >= 2 else width
    head = field = width
    for pool in reversed(pooled):
        field = field * (2 if pool else 1) + convs * (kernel - 1)
    return Field(field, 2 ** sum(pooled), head, tuple(pooled))


def most_blocks(n: int, padding: Padding, kernel: int = 3, convs: int = 2) -> int:
    """Largest number of blocks that a neighbourhood n wide admits (0: none)."""
    if padding == "same":  # every pool halves, and the last map keeps at least one pixel
        return n.bit_length() - 1
    blocks = 0
    while valid_field(n, blocks + 1, kernel, convs) is not None:
        blocks += 1
    return blocks


@dataclass(frozen=True)
class ModelSpec:
    """Everything that determines a network, weights apart."""

    name: str
    nbhd: Nbhd
    padding: Padding
    hyperparameters: Hyperparameters

    @property
    def field(self) -> Field | None:
        """The valid field in the slice; None for ``padding=same``."""
        if self.padding == "same":
            return None
        hp = self.hyperparameters
        field = valid_field(self.nbhd.x, hp["blocks"], hp["kernel"])
        assert field is not None  # `resolve` refused it
        return field

    @property
    def convertible(self) -> bool:
        """Whether the network can be evaluated as grid and dense with the same weights."""
        return self.padding == "valid"

    @property
    def stride(self) -> int:
        """Pixels between neighbouring outputs of the network on a larger input."""
        return self.field.stride if self.field else 1

    @property
    def halo(self) -> Triple:
        """Pixels that a block must be grown by, (z, y, x), to give its own size back."""
        return self.nbhd.halo

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "nbhd": str(self.nbhd)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ModelSpec:
        return cls(**{**record, "nbhd": Nbhd.parse(record["nbhd"])})


#: The thesis's sizes for the 2dcnn by n_x (Tables 4.1 and 4.4): blocks, first filters, dropout.
THESIS_2D: Mapping[int, tuple[int, int, float]] = {
    11: (2, 16, 0.10),
    33: (3, 8, 0.25),
    49: (4, 16, 0.30),
    65: (4, 16, 0.30),
    81: (4, 16, 0.50),
}


def resolve(
    name: str, nbhd: Nbhd, padding: Padding, given: Hyperparameters | None = None
) -> ModelSpec:
    """Fill what is not given (None) with the defaults of this neighbourhood, and check it.

    Parameters
    ----------
    name
        Architecture, a key of :data:`fibsem.models.MODELS`.
    nbhd, padding
        Neighbourhood and padding. With ``same`` the thesis's sizes are the defaults (those of the
        nearest n_x), with ``valid`` the most blocks that are legal, at most four, and 16 filters.
    given
        Any of ``blocks``, ``filters``, ``kernel``, ``dropout``, ``dense_layers``, ``l2``.

    Raises
    ------
    UserError
        Where the map runs out, or a value is outside its range.
    """
    hp: dict[str, Any] = {k: v for k, v in (given or {}).items() if v is not None}
    kernel = hp.get("kernel", 3)
    if nbhd.x != nbhd.y:
        raise UserError(f"`model={name}` needs n_x = n_y, but got nbhd={nbhd}.")
    if not isinstance(kernel, int) or kernel < 1 or kernel % 2 == 0:
        raise UserError(f"`model.kernel` must be odd and positive, but got {kernel}.")
    most = most_blocks(nbhd.x, padding, kernel)
    blocks, filters, dropout = THESIS_2D[min(THESIS_2D, key=lambda n: abs(n - nbhd.x))]
    if padding == "valid":
        blocks, filters = min(most, 4), 16
    defaults = {
        "blocks": blocks,
        "filters": filters,
        "kernel": 3,
        "dropout": dropout,
        "dense_layers": 2,
        "l2": 1e-6,
    }
    unknown = sorted(set(hp) - set(defaults))
    if unknown:
        known = ", ".join(sorted(defaults))
        raise UserError(f"`model={name}` has no hyperparameter {unknown[0]!r}; it has: {known}.")
    hp = {**defaults, **hp}
    _check(hp, nbhd, padding, most)
    return ModelSpec(name, nbhd, padding, hp)


def _check(hp: dict[str, Any], nbhd: Nbhd, padding: Padding, most: int) -> None:
    """Refuse hyperparameters that no network of this neighbourhood can have."""
    if not 1 <= hp["blocks"] <= most:
        raise UserError(
            f"`model.blocks` must lie in 1..{most} for nbhd={nbhd}, padding={padding} and "
            f"kernel={hp['kernel']}, but got {hp['blocks']}."
        )
    if hp["filters"] < 1:
        raise UserError(f"`model.filters` must be at least 1, but got {hp['filters']}.")
    if not 1 <= hp["dense_layers"] <= len(DENSE_WIDTHS):
        raise UserError(
            f"`model.dense_layers` must lie in 1..{len(DENSE_WIDTHS)}, but "
            f"got {hp['dense_layers']}."
        )
    if not 0 <= hp["dropout"] < 1:
        raise UserError(f"`model.dropout` must lie in [0, 1), but got {hp['dropout']}.")
    if hp["l2"] < 0:
        raise UserError(f"`model.l2` must not be negative, but got {hp['l2']}.")


def head_width(spec_nbhd: Nbhd, padding: Padding, blocks: int, kernel: int) -> int | None:
    """Width of the map that the head sees; None where the geometry is impossible."""
    if padding == "same":
        width = spec_nbhd.x >> blocks
        return width or None
    field = valid_field(spec_nbhd.x, blocks, kernel)
    return field.head if field else None


def block_filters(first: int, blocks: int) -> tuple[int, ...]:
    """Filters of each block in 2D.

    >>> block_filters(16, 5)
    (16, 32, 64, 80, 80)
    """
    return tuple(first * GROWTH[min(i, len(GROWTH) - 1)] for i in range(blocks))
