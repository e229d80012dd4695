"""The trials that a promotion may make its model of, each with the settings of a final training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from fibsem.config import RunConfig
from fibsem.promotion.trials import Trial


@dataclass(frozen=True)
class Candidates:
    """The trials of a promotion, best first, and the settings of a final training of each."""

    trials: Sequence[Trial]
    finals: Sequence[RunConfig]

    def first(self, count: int) -> Candidates:
        """The first so many candidates, which are the best."""
        return Candidates(self.trials[:count], self.finals[:count])

    @property
    def name(self) -> str:
        """Short name of these trials, for the folder of their promotion."""
        return hashlib.sha256("".join(one.run_id for one in self.trials).encode()).hexdigest()[:8]

    @property
    def architectures(self) -> tuple[str, ...]:
        """Architecture of each trial."""
        return tuple(one.architecture for one in self.trials)

    @property
    def slowest(self) -> int | None:
        """Index of the slowest network, by which a budget is planned; None without a network.

        The ranking may choose any of the trials for the final training.
        """
        networks = [k for k, final in enumerate(self.finals) if final.spec.is_network]
        return max(networks, key=lambda k: self.trials[k].epoch_s, default=None)
