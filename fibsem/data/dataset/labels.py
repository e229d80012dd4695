"""What label values mean: pore, solid, and pixels that nobody labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.errors import UserError

#: Label of a pixel that nobody labelled.
IGNORE = 255


LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Classes:
    """Label values of pore and solid, and of pixels to leave out."""

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
        """The label values that may occur."""
        return self.pore, self.solid, *(() if self.ignore is None else (self.ignore,))

    def read(
        self,
        labels: npt.NDArray[np.generic],
        name: str,
        shown: npt.NDArray[np.generic] | None = None,
    ) -> LabelArray:
        """Label values -> 0 pore, 1 solid, ``IGNORE``.

        Parameters
        ----------
        labels
            Whole numbers or truth values.
        name
            What messages call them.
        shown
            The grey value that a palette shows for each of them, where they are its numbers.

        Raises
        ------
        UserError
            If a value is not declared, or a palette shows other declared values than it numbers.
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
        """The numbers of a palette or what it shows, whichever are declared; white is 1 or 255."""
        if labels.dtype == np.bool_:
            return labels.astype(np.uint8) * np.uint8(1 if 1 in (self.pore, self.solid) else 255)
        if shown is None:
            return labels
        fitting = [some for some in (labels, shown[labels]) if np.isin(some, self.values).all()]
        if len(fitting) == 2 and (fitting[0] != fitting[1]).any():
            raise UserError(
                f"labels must have one meaning, but both the numbers of the palette of {name} and "
                "the greys that it shows are declared in `classes`; save it as plain grey values."
            )
        return fitting[0] if fitting else labels
