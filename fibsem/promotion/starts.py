"""Squares that the starting models and teachers of final trainings were trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fibsem.config import RunConfig
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.learned import Edges, Learned, learned_before, merged
from fibsem.geometry import Triple
from fibsem.promotion.setting import Promotion
from fibsem.system.records import Stored
from fibsem.training.beginning.origin import learned_by_any
from fibsem.training.beginning.start import origins


@dataclass(frozen=True)
class Starts(Stored):
    """Squares that the starting models and teachers of some trainings were trained on.

    Attributes
    ----------
    learned, complete
        Squares by the digest of their slice, and whether every starting model lists its squares.
    test_squares
        Number of the promotion's test squares among them, or None if unknown for a starting model.
    """

    learned: Mapping[str, tuple[Edges, ...]]
    complete: bool
    test_squares: int | None

    def with_own(self, learned: Learned) -> Learned | None:
        """Add the squares of these trainings; None if a starting model does not list its own."""
        return merged([learned, self.learned]) if self.complete else None

    def squares(self, dataset: Dataset) -> set[tuple[str, Triple]]:
        """Return sample and first voxel of the squares that a starting model was trained on."""
        return {
            (region.sample, region.box.start) for region in learned_before(dataset, self.learned)
        }


def starts_of(promotion: Promotion, configs: Sequence[RunConfig]) -> Starts:
    """Find the squares of starting models, and store them as the models may be moved later."""
    return promotion.finished.once("starts", Starts, lambda: _read(promotion.dataset, configs))


def _read(dataset: Dataset, configs: Sequence[RunConfig]) -> Starts:
    uris = {
        (config.train.init, config.train.teacher): config.tracking.absolute_uri
        for config in configs
    }
    before = [origin for addresses, uri in uris.items() for origin in origins(*addresses, uri)]
    learned = merged(origin.learned for origin in before if origin.learned is not None)
    return Starts(
        {digest: tuple(places) for digest, places in learned.items()},
        all(origin.learned is not None for origin in before),
        learned_by_any(before, dataset),
    )
