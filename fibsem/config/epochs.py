"""How long an epoch is: the pixels that are drawn for it, and the steps that see them."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.data.sampling import sample_size

#: Labelled training pixels of the thesis: 180 squares of 256 x 256.
STUDY = 180 * 256**2
#: Patches a step in patch mode from which the length of an epoch in grid mode is taken.
REFERENCE_BATCH = 128


@dataclass(frozen=True)
class EpochLength:
    """What says how long an epoch is, whatever is labelled.

    Attributes
    ----------
    share
        Of the labelled training pixels; of at most what the thesis had: more labels do not make an
        epoch longer.
    steps, min_steps
        Those that are given, if any, and the fewest.
    batch
        Patches a step in patch mode; None in grid mode, where pixels set the number of steps alone.

    Examples
    --------
    >>> few = EpochLength(share=0.005, steps=None, min_steps=100, batch=None)
    >>> few.pixels_of(200_000), few.steps_of(200_000), few.steps_of(STUDY)
    (1000, 100, 461)
    """

    share: float
    steps: int | None
    min_steps: int
    batch: int | None

    def pixels_of(self, labelled: int) -> int:
        """Pixels an epoch sees of so many that are labelled.

        Where little is labelled patch mode draws what ``min_steps`` take, or all there is.
        """
        share = sample_size(min(labelled, STUDY), self.share)
        least = self.min_steps * (self.batch or 0)
        return max(2, share, sample_size(min(labelled, least), 1))

    def steps_of(self, labelled: int) -> int:
        """Steps as given, or to see every drawn pixel once, ``min_steps`` at least."""
        drawn = steps_per_epoch(self.pixels_of(labelled), self.batch or REFERENCE_BATCH)
        return self.steps or max(self.min_steps, drawn)


def steps_per_epoch(samples: int, batch: int = REFERENCE_BATCH) -> int:
    """Steps that see every sample once, the last batch filled up."""
    return max(1, -(-samples // batch))
