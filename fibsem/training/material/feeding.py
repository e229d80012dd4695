"""Batches of an epoch, and the ``tf.data.Dataset`` that feeds them to the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import tensorflow as tf

from fibsem.config.training import STRENGTHS
from fibsem.training.material.augmentation import Augmentation
from fibsem.training.material.batches import Batch, grid_epoch, patch_epoch
from fibsem.training.material.material import Material

#: Number of batches that are prepared ahead of the one in training.
PREFETCH = 4


class Batches(Protocol):
    """Callable that iterates over an epoch; ``as_scored`` gives the surroundings of scoring."""

    def __call__(self, *, as_scored: bool = False) -> Iterator[Batch]: ...


def epoch_batches(material: Material, epoch: int) -> tuple[Batches, int]:
    """Return a function that iterates over the batches of one epoch, and their number.

    Parameters
    ----------
    material
        Dataset and configuration.
    epoch
        Number of the epoch, from 0. Together with ``seed`` it determines how windows are drawn and
        augmented.

    Returns
    -------
    batches : callable
        Each call starts the epoch from its beginning and yields (inputs, labels, weights), float32,
        inputs (batch, y, x, z). Labels lie between 0 and 1 if a teacher has a share in them.
        With ``as_scored=True`` surroundings and grey values are those used in scoring.
    steps : int
        Number of batches.

    Examples
    --------
    ```python
    batches, steps = epoch_batches(material, epoch=0)
    inputs, labels, weights = next(batches())  # inputs: (batch, y, x, z) float32
    ```
    """
    config = material.config
    settings, seed = config.train, (config.seed, epoch)
    augmentation = Augmentation(
        settings.augment, settings.shift_sd, settings.shift_probability,
        **{name: getattr(settings, name) for name in STRENGTHS},
    )  # fmt: skip
    steps, share = material.steps, settings.teacher_share if settings.teacher else 0.0
    if settings.mode == "grid":
        supply, weights = material.supply(epoch), material.pixel_weights

        def grids(*, as_scored: bool = False) -> Iterator[Batch]:
            variation = augmentation.in_use if as_scored else augmentation
            return grid_epoch(
                supply, config.spec, material.grid, steps, weights, variation, seed,
                as_scored=as_scored, teacher_share=share,
            )  # fmt: skip

        return grids, steps
    windows, pixels = material.epoch_pixels(epoch)

    def patches(*, as_scored: bool = False) -> Iterator[Batch]:  # a patch has its surroundings
        return patch_epoch(
            windows, pixels, config.spec, settings.batch, steps, augmentation, seed,
            teacher_share=share,
        )  # fmt: skip

    return patches, steps


def as_dataset(batches: Callable[[], Iterator[Batch]]) -> tf.data.Dataset:
    """Wrap the batches of an epoch in a dataset that prepares them in a background thread.

    ``batches`` is a function rather than an iterator because TensorFlow may start the iteration
    more than once, as it does with a mirrored strategy.
    """
    return Feed().of(batches)


class Feed:
    """Datasets of the epochs of a training, one per shape of batch.

    A dataset consists of four graphs, which take as long to build as ten steps of a small network.
    Epochs whose batches have the same shapes therefore share one.
    """

    def __init__(self) -> None:
        self._batches: Callable[[], Iterator[Batch]] = lambda: iter(())
        self._datasets: dict[tuple[tf.TensorSpec, ...], tf.data.Dataset] = {}

    def of(self, batches: Callable[[], Iterator[Batch]]) -> tf.data.Dataset:
        """Return the dataset of the next epoch, which replaces the previous one."""
        self._batches = batches
        signature = tuple(tf.TensorSpec(array.shape, tf.float32) for array in next(batches()))
        if signature not in self._datasets:
            self._datasets[signature] = _dataset(lambda: self._batches(), signature)
        return self._datasets[signature]


def _dataset(
    batches: Callable[[], Iterator[Batch]], signature: tuple[tf.TensorSpec, ...]
) -> tf.data.Dataset:
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    options = tf.data.Options()
    # There is nothing to tune, and an iterator is not released before its tuner wakes up, which is
    # 10 ms, 20 ms, ... 2.56 s, 5.12 s after its start: epochs of 2.6 s would take 5.1 s.
    options.autotune.enabled = False
    return dataset.prefetch(PREFETCH).with_options(options)
