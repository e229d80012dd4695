"""Length of an epoch: the number of pixels drawn for it, and of steps that process them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fibsem.data.sampling import sample_size

#: Number of labelled training pixels in the thesis: 180 squares of 256 x 256.
STUDY = 180 * 256**2
#: Patches per step in patch mode, by which the length of an epoch in grid mode is defined, too.
REFERENCE_BATCH = 128
#: Minimum steps of an epoch of usual length.
USUAL_STEPS = 100


@dataclass(frozen=True)
class EpochLength:
    """Settings that determine the length of an epoch for any number of labelled pixels.

    Attributes
    ----------
    share
        Share of the labelled training pixels to draw, of at most :data:`STUDY` pixels: more labels
        do not make an epoch longer.
    steps, min_steps
        Steps per epoch if they are given, and the minimum otherwise.
    batch
        Patches per step in patch mode; None in grid mode, where pixels only set the number of
        steps.

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
        """Return the number of pixels to draw per epoch from ``labelled`` pixels.

        With few labels, patch mode draws what ``min_steps`` need, at most all pixels.
        """
        share = sample_size(min(labelled, STUDY), self.share)
        least = self.min_steps * (self.batch or 0)
        return max(2, share, sample_size(min(labelled, least), 1))

    def steps_of(self, labelled: int) -> int:
        """Return ``steps``, or the steps for every drawn pixel once, at least ``min_steps``."""
        drawn = steps_per_epoch(self.pixels_of(labelled), self.batch or REFERENCE_BATCH)
        return self.steps or max(self.min_steps, drawn)

    def usual_steps_of(self, labelled: int) -> int:
        """Return the steps that follow from the labels, at least 100; ``steps`` if they are fewer.

        Unlike :meth:`steps_of` they are the same for all plans that are not shorter.

        >>> few = EpochLength(share=0.005, steps=900, min_steps=20, batch=None)
        >>> few.steps_of(200_000), few.usual_steps_of(200_000)
        (900, 100)
        """
        usual = max(USUAL_STEPS, replace(self, steps=None).steps_of(labelled))
        return min(self.steps or usual, usual)


def steps_per_epoch(samples: int, batch: int = REFERENCE_BATCH) -> int:
    """Return the number of steps that see every sample once, with the last batch filled up."""
    return max(1, -(-samples // batch))
