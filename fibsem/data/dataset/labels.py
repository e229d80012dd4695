"""The meaning of label values: pore, solid, and unlabelled pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.errors import UserError

#: Label of an unlabelled pixel.
IGNORE = 255


LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Classes:
    """Label values of pore and solid, and optionally of pixels to ignore."""

    pore: int = 0
    solid: int = 255
    ignore: int | None = None

    def __post_init__(self) -> None:
        values = [self.pore, self.solid, *([] if self.ignore is None else [self.ignore])]
        if len(set(values)) != len(values):
            raise UserError(
                f"`classes` and `ignore` must name different label values, but got pore "
                f"{self.pore}, solid {self.solid}, ignore {self.ignore}."
            )

    @property
    def values(self) -> tuple[int, ...]:
        """All declared label values: pore, solid and, if given, ignore."""
        return self.pore, self.solid, *(() if self.ignore is None else (self.ignore,))

    def read(
        self,
        labels: npt.NDArray[np.generic],
        name: str,
        shown: npt.NDArray[np.generic] | None = None,
    ) -> LabelArray:
        """Convert label values to 0 (pore), 1 (solid) and ``IGNORE``.

        Parameters
        ----------
        labels
            Integers or booleans.
        name
            Name of the labels in error messages.
        shown
            For a paletted picture, the grey value that the palette shows for each index.

        Raises
        ------
        UserError
            If a value is not declared, or if both the indices and the greys of a palette are
            declared values and they disagree.
        """
        labels = self._meant(labels, name, shown)
        read = np.full(labels.shape, IGNORE, np.uint8)
        read[labels == self.pore] = 0
        read[labels == self.solid] = 1
        stray = read == IGNORE
        if self.ignore is not None:
            stray &= labels != self.ignore
        if stray.any():
            declared = f"{self.pore} (pore), {self.solid} (solid)"
            declared += "" if self.ignore is None else f", {self.ignore} (ignore)"
            raise UserError(
                f"label values must be declared in `classes` or `ignore`, but {name} holds "
                f"{labels[stray][0]}; declared are {declared}. A third material is drawn as "
                "solid, or its value is that of `ignore`."
            )
        return read

    def _meant(
        self,
        labels: npt.NDArray[np.generic],
        name: str,
        shown: npt.NDArray[np.generic] | None,
    ) -> npt.NDArray[np.generic]:
        """Return palette indices or their greys, whichever are declared; True becomes 1 or 255."""
        if labels.dtype == np.bool_:
            return labels.astype(np.uint8) * np.uint8(1 if 1 in (self.pore, self.solid) else 255)
        if shown is None:
            return labels
        fitting = [
            values for values in (labels, shown[labels]) if np.isin(values, self.values).all()
        ]
        if len(fitting) == 2 and (fitting[0] != fitting[1]).any():
            raise UserError(
                f"labels must have one meaning, but both the numbers of the palette of {name} and "
                "the greys that it shows are declared in `classes`; save it as plain grey values."
            )
        return fitting[0] if fitting else labels
