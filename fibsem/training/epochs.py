"""How long an epoch is: the pixels that are drawn for it, and the steps that see them."""

from __future__ import annotations

from fibsem.config import TrainConfig
from fibsem.data.sampling import sample_size
from fibsem.training.batches import REFERENCE_BATCH, steps_per_epoch

#: Labelled training pixels of the thesis: 180 squares of 256 x 256.
STUDY = 180 * 256**2


def pixels_of(settings: TrainConfig, labelled: int) -> int:
    """Pixels an epoch of patch mode sees; in grid mode they set the number of steps.

    A share of at most what the thesis had labelled: more labels do not make an epoch longer. Where
    little is labelled patch mode draws what ``train.min_steps`` take, or all there is.

    Parameters
    ----------
    settings
        ``train`` of a model, by whose mode it is.
    labelled
        Labelled training pixels.

    Examples
    --------
    >>> pixels_of(TrainConfig(mode="grid", share=0.005), 200_000)
    1000
    """
    share = sample_size(min(labelled, STUDY), settings.share)
    least = settings.min_steps * settings.batch if settings.mode == "patch" else 0
    return max(2, share, sample_size(min(labelled, least), 1))


def steps_of(settings: TrainConfig, labelled: int) -> int:
    """Steps of an epoch: as given, or to see every drawn pixel once, ``min_steps`` at least.

    Parameters as of :func:`pixels_of`.

    >>> few = TrainConfig(mode="grid", share=0.005, min_steps=100)
    >>> steps_of(few, 200_000), steps_of(few, STUDY)
    (100, 461)
    """
    batch = settings.batch if settings.mode == "patch" else REFERENCE_BATCH
    drawn = pixels_of(settings, labelled)
    return settings.steps or max(settings.min_steps, steps_per_epoch(drawn, batch))
