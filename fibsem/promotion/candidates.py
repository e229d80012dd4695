"""The trials of which a promotion makes a model, each with its final training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from fibsem.config import RunConfig
from fibsem.promotion.trials import Trial


@dataclass(frozen=True)
class Candidates:
    """The trials that are promoted, best first, and the final training of each."""

    trials: Sequence[Trial]
    finals: Sequence[RunConfig]

    def first(self, count: int) -> Candidates:
        """The best of them."""
        return Candidates(self.trials[:count], self.finals[:count])

    @property
    def name(self) -> str:
        """Short name of these trials, which the folder of a promotion has."""
        return hashlib.sha256("".join(one.run_id for one in self.trials).encode()).hexdigest()[:8]

    @property
    def architectures(self) -> tuple[str, ...]:
        """Architecture of each trial."""
        return tuple(one.architecture for one in self.trials)

    @property
    def slowest(self) -> int | None:
        """Which one a budget is planned by; None where all models are fitted at once.

        The ranking may make any of the trials the one that is trained finally.
        """
        networks = [k for k, final in enumerate(self.finals) if final.spec.is_network]
        return max(networks, key=lambda k: self.trials[k].epoch_s, default=None)
