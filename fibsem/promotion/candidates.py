"""Candidates of a promotion: trials, each with the settings of its final training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from fibsem.config import RunConfig
from fibsem.promotion.trials import Trial


@dataclass(frozen=True)
class Candidates:
    """Trials of a promotion, best first, and the settings of the final training of each."""

    trials: Sequence[Trial]
    finals: Sequence[RunConfig]

    def first(self, count: int) -> Candidates:
        """Return the best ``count`` candidates."""
        return Candidates(self.trials[:count], self.finals[:count])

    @property
    def name(self) -> str:
        """Short name for the folder of the promotion, a hash of the trials' run ids."""
        return hashlib.sha256("".join(t.run_id for t in self.trials).encode()).hexdigest()[:8]

    @property
    def architectures(self) -> tuple[str, ...]:
        """Architecture of each trial."""
        return tuple(trial.architecture for trial in self.trials)

    @property
    def slowest(self) -> int | None:
        """Index of the trial with the slowest network, or None without networks.

        Budgets are planned for it, since the ranking may choose any trial for the final training.
        """
        networks = [k for k, final in enumerate(self.finals) if final.spec.is_network]
        return max(networks, key=lambda k: self.trials[k].epoch_s, default=None)
