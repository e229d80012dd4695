"""What the models that final trainings began with, or learned from, had seen of test squares."""

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
class Begun(Stored):
    """Squares that the starts and teachers of some trainings had learned from.

    Attributes
    ----------
    learned, complete
        By the digest of their slice; and whether every start knows its own.
    test_squares
        Test squares of the promotion among them; None where some may be, and nobody knows.
    """

    learned: Mapping[str, tuple[Edges, ...]]
    complete: bool
    test_squares: int | None

    def with_own(self, own: Learned) -> Learned | None:
        """Squares of the starts and of these trainings; None where a start tells no squares."""
        return merged([own, self.learned]) if self.complete else None

    def squares(self, dataset: Dataset) -> set[tuple[str, Triple]]:
        """Squares of a dataset that a start has learned from: sample, and where they begin."""
        return {(one.sample, one.box.start) for one in learned_before(dataset, self.learned)}


def begun_with(work: Promotion, configs: Sequence[RunConfig]) -> Begun:
    """What the starts of final trainings had learned from; kept, for a start may be moved."""
    return work.steps.once("starts", Begun, lambda: _begun(work.dataset, configs))


def _begun(dataset: Dataset, configs: Sequence[RunConfig]) -> Begun:
    uris = {(one.train.init, one.train.teacher): one.tracking.absolute_uri for one in configs}
    before = [one for addresses, uri in uris.items() for one in origins(*addresses, uri)]
    learned = merged(one.learned for one in before if one.learned is not None)
    return Begun(
        {digest: tuple(places) for digest, places in learned.items()},
        all(one.learned is not None for one in before),
        learned_by_any(before, dataset),
    )
