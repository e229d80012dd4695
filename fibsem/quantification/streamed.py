"""Measures that one pass over the slices of a film computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fibsem.analysis.structure.cells import CellCounts
from fibsem.analysis.structure.chords import ChordLengths
from fibsem.analysis.structure.components import PoreComponents
from fibsem.analysis.structure.correlation import PairCounts
from fibsem.analysis.structure.film import Film
from fibsem.analysis.structure.surface import Surface
from fibsem.analysis.structure.walk import Accumulator, walk
from fibsem.quantification.options import QuantifyConfig


@dataclass(frozen=True)
class Streamed:
    """Accumulators that have seen every slice.

    Examples
    --------
    ```python
    film = open_segmented(Path("labels")).film
    Streamed.of(film, QuantifyConfig(), lambda *_: None).surface.per_volume
    ```
    """

    cells: CellCounts
    components: PoreComponents
    surface: Surface
    chords: ChordLengths
    pairs: PairCounts

    @classmethod
    def of(
        cls, film: Film, config: QuantifyConfig, progress: Callable[[str, int, int], None]
    ) -> Streamed:
        """Add every slice of a film to all accumulators, in one pass."""
        streamed = cls(
            CellCounts(film),
            PoreComponents(config.connectivity),
            Surface(film),
            ChordLengths(film),
            PairCounts(film, config.reach),
        )
        everything: list[Accumulator] = [
            streamed.cells,
            streamed.components,
            streamed.surface,
            streamed.chords,
            streamed.pairs,
        ]
        walk(film, everything, slab=config.slab, progress=progress)
        return streamed
