"""Length of an epoch in pixels and in steps."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.data.sampling import sample_size

#: Labelled training pixels of the thesis: 180 squares of 256 x 256.
STUDY = 180 * 256**2
#: Batch size of patch mode, by which the length of an epoch in grid mode is defined, too.
REFERENCE_BATCH = 128


@dataclass(frozen=True)
class EpochLength:
    """Settings that determine the length of an epoch for a number of labelled pixels.

    Attributes
    ----------
    share
        Share of the labelled training pixels; of no more pixels than the thesis had, so that
        further labels do not make an epoch longer.
    steps, min_steps
        Number of steps, if it is given, and the fewest.
    batch
        Batch size in patch mode; None in grid mode.

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
        """Pixels of an epoch, for a number of labelled pixels.

        With few labels patch mode draws enough for ``min_steps``, or all labelled pixels.
        """
        share = sample_size(min(labelled, STUDY), self.share)
        least = self.min_steps * (self.batch or 0)
        return max(2, share, sample_size(min(labelled, least), 1))

    def steps_of(self, labelled: int) -> int:
        """Steps of an epoch: as given, or to see every drawn pixel once, ``min_steps`` at least."""
        drawn = steps_per_epoch(self.pixels_of(labelled), self.batch or REFERENCE_BATCH)
        return self.steps or max(self.min_steps, drawn)


def steps_per_epoch(samples: int, batch: int = REFERENCE_BATCH) -> int:
    """Steps that see every sample once; the last batch is filled up."""
    return max(1, -(-samples // batch))
