"""Which grey values a model maps to 0 and 1: the ranges that its training samples declared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from fibsem.data.dataset.dataset import Dataset
from fibsem.errors import UserError
from fibsem.system.advice import RANGE
from fibsem.system.records import WrittenAs


@dataclass(frozen=True)
class Scale:
    """The dtype of a volume's grey values, and the two values declared to map to 0 and 1."""

    dtype: str
    declared: tuple[float, float] | None = None

    def to_json(self) -> list[Any]:
        """Return a list that `Scale.of_json` reads."""
        return [self.dtype, self.declared and list(self.declared)]

    @classmethod
    def of_json(cls, record: list[Any]) -> Scale:
        """Read the list that :meth:`to_json` returns."""
        dtype, declared = record
        return cls(dtype, declared and (declared[0], declared[1]))


#: A `Scale` as it is written to JSON.
WrittenScale = Annotated[Scale, WrittenAs(tuple[str, tuple[float, float] | None], Scale.of_json)]


def scales_of(dataset: Dataset) -> tuple[Scale, ...]:
    """Return the distinct scales of a dataset's samples; empty if no sample declares a range."""
    volumes = [sample.volume for sample in dataset.samples]
    scales = dict.fromkeys(Scale(str(volume.dtype), volume.declared) for volume in volumes)
    return tuple(scales) if any(scale.declared for scale in scales) else ()


def learned_range(dtype: np.dtype[Any], *models: Collection[Scale]) -> tuple[float, float] | None:
    """Return the grey-value range for a volume of ``dtype``, given the scales of each model.

    Returns None if the models map the whole range of the dtype.

    Raises
    ------
    UserError
        If the models declared ranges, but none or several for this dtype.
    """
    fitting = {declared for scales in models for declared in _ranges(dtype, scales)}
    if len(fitting) == 1:
        return fitting.pop()
    ranges = ", ".join(
        f"{scale.dtype} of {list(scale.declared) if scale.declared else 'its whole range'}"
        for scale in dict.fromkeys(scale for scales in models for scale in scales)
    )
    raise UserError(
        f"`{RANGE}` must be given where the model does not tell it: it was trained on {ranges}, "
        f"and the volume is {dtype}; {RANGE.at('[low,high]')} are the grey values "
        "that map to 0 and 1."
    )


def _ranges(dtype: np.dtype[Any], scales: Collection[Scale]) -> set[tuple[float, float] | None]:
    """Return the ranges one model declared for a dtype; ``{None}`` if it declared no scales."""
    if not scales:
        return {None}
    return {scale.declared for scale in scales if scale.dtype == str(dtype)}
