"""Length of a training, and its learning rate at every step (thesis 3.7)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

#: Share of a training at its end in which the learning rate of ``wsd`` falls.
FALLING = 0.2
#: Kinds of which every rate, or those at the end, depend on the length of the training.
ENDING = ("cosine", "wsd")

ScheduleKind = Literal["step", "cyclic", "cosine", "wsd", "constant"]


@dataclass(frozen=True)
class Schedule:
    """Learning rates of a training of some length.

    Attributes
    ----------
    epochs, max_seconds
        Length of the training in epochs, and in seconds; None for no limit of time.
    rate
        Highest learning rate.
    kind
        How the rate changes; see :meth:`at`.
    lowest
        Lowest learning rate of the kinds that decay.
    decay, decay_every
        Factor of ``step``, and its epochs; a cycle of ``cyclic`` has twice as many.
    warmup
        Share of the training in which the rate grows from 0.

    Examples
    --------
    >>> halved = Schedule(epochs=20, rate=0.1, kind="step", decay=0.5, decay_every=8)
    >>> [halved.at(epoch) for epoch in (0, 7, 8, 16)]
    [0.1, 0.1, 0.05, 0.025]
    """

    epochs: int
    rate: float
    kind: ScheduleKind
    max_seconds: float | None = None
    lowest: float = 0.0
    decay: float = 1.0
    decay_every: int = 1
    warmup: float = 0.0

    def done(self, epoch: float, seconds: float = 0.0) -> float:
        """Return the share of the training that is done after some epochs and seconds, at most 1.

        The larger of the shares of ``epochs`` and of ``max_seconds`` counts.
        """
        in_time = 0.0 if self.max_seconds is None else seconds / self.max_seconds
        return min(1.0, max(epoch / self.epochs, in_time))

    def at(self, epoch: float, seconds: float = 0.0) -> float:
        """Return the learning rate after some epochs, fractions included, and seconds.

        ``step``: multiplied by ``decay`` every ``decay_every`` epochs (0.75 and 8 in the thesis),
        not below ``lowest`` (1e-5). ``cyclic``: linear from a tenth of the rate up to it and
        back, ``2 * decay_every`` epochs a cycle. ``cosine``: half a cosine from the rate to
        ``lowest`` over ``epochs``, or ``max_seconds`` if these are over sooner.
        ``wsd``: constant, and over the last fifth of the training down to ``lowest`` by
        a square root [1]_: before that, the rate does not depend on the length of the training.

        References
        ----------
        .. [1] A. Haegele et al., Scaling laws and compute-optimal training beyond fixed training
           durations, Advances in Neural Information Processing Systems 37 (2024).
        """
        top, low = self.rate, min(self.lowest, self.rate)
        if self.kind == "step":
            return max(low, top * self.decay ** (epoch // self.decay_every))
        if self.kind == "cyclic":
            phase = abs((epoch / self.decay_every + 1) % 2 - 1)  # 0 at the start, 1 in the middle
            return top * (0.1 + 0.9 * phase)
        if self.kind == "cosine":
            wave = math.cos(math.pi * self.done(epoch, seconds))
            return low + (top - low) * (1 + wave) / 2
        if self.kind == "wsd":
            falling = max(0.0, self.done(epoch, seconds) - (1 - FALLING)) / FALLING
            return top - (top - low) * math.sqrt(falling)
        return top

    def of_step(self, epoch: int, step: int, steps: int, seconds: float = 0.0) -> float:
        """Return the learning rate of a step in an epoch, warm-up included; both count from 0."""
        rate = self.at(epoch + step / steps, seconds)
        if self.warmup:
            rate *= min(1.0, self.done(epoch + (step + 1) / steps, seconds) / self.warmup)
        return rate
