"""Candidates of a promotion: settings of final trainings, and times of their trials in the sweep.

A promotion is planned by them, before any trial is trained again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from fibsem.config import RunConfig, TrainConfig


@dataclass(frozen=True)
class Candidate:
    """A trial that may be trained finally.

    Attributes
    ----------
    run_id
        Id of its run in MLflow.
    trained, final
        Settings of its training in the sweep, and of the final training.
    epoch_s, train_s
        Seconds of an epoch, and of the whole training, in the sweep; 0 if MLflow does not have
        them.
    seconds_per_gigapixel
        Cost of its network; 0 if the sweep did not measure it.
    """

    run_id: str
    trained: TrainConfig
    final: RunConfig
    epoch_s: float = 0.0
    train_s: float = 0.0
    seconds_per_gigapixel: float = 0.0


@dataclass(frozen=True)
class Candidates:
    """All candidates of a promotion, best first."""

    each: Sequence[Candidate]

    def first(self, count: int) -> Candidates:
        """Return the best ``count`` candidates."""
        return Candidates(self.each[:count])

    @property
    def name(self) -> str:
        """Short name for the folder of the promotion, a hash of the trials' run ids."""
        return hashlib.sha256("".join(c.run_id for c in self.each).encode()).hexdigest()[:8]

    @property
    def finals(self) -> list[RunConfig]:
        """Settings of the final training of each candidate."""
        return [candidate.final for candidate in self.each]

    @property
    def architectures(self) -> tuple[str, ...]:
        """Architecture of each candidate."""
        return tuple(final.spec.name for final in self.finals)

    @property
    def fewest(self) -> int:
        """Number of the best candidates that include a network; one of all must be a network."""
        return [final.spec.is_network for final in self.finals].index(True) + 1

    @property
    def views(self) -> bool:
        """Whether one of the candidates is a network that can be scored with several views."""
        return any(final.spec.is_network and final.spec.convertible for final in self.finals)

    @property
    def slowest(self) -> int | None:
        """Index of the candidate with the slowest network, or None without networks.

        Budgets are planned for it, since the ranking may choose any trial for the final training.
        """
        networks = [k for k, final in enumerate(self.finals) if final.spec.is_network]
        return max(networks, key=lambda k: self.each[k].epoch_s, default=None)
