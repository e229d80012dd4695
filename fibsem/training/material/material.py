"""What one training learns from, in memory: windows of its splits, their weights, what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from fibsem.config import RunConfig
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.dataset import Dataset, check_depth
from fibsem.data.dataset.split import Split
from fibsem.data.greys import FilmGreys, greys_of
from fibsem.data.pieces import Parts, cut_regions
from fibsem.data.sampling import Pixels, balanced_pixels
from fibsem.data.windows import LabelledWindow, labelled_regions, load_windows
from fibsem.training.beginning.teacher import Taught, teacher_of
from fibsem.training.material.cache import Cache
from fibsem.training.material.datasets import corrected_volumes
from fibsem.training.material.epoch_draws import EpochDraws
from fibsem.training.material.grids import GridShape
from fibsem.training.material.reader import WindowReader
from fibsem.training.material.supply import Supply
from fibsem.training.material.weighing import class_weights, pixel_weights

#: Streams of random numbers of a dataset, so that one draw does not move another.
STREAM = {"train": 1, "val": 2, "test": 3}
PIECES, CHANGING, LABELLED = 10, 11, 12
#: Side of the parts of large regions, about; what is around them costs less than around small ones.
SIDE = 256


class Material:
    """Training data of one configuration: windows, samples and weights of a dataset.

    Splits are read when they are first needed. Samples for validation are drawn in
    :mod:`fibsem.training.material.fixed_draws`.

    Parameters
    ----------
    dataset, config
        The data and the configuration; an error if neighbourhoods are deeper than the split's gap.
    cache
        Cache of another material with the same dataset and correction; None: a new one.

    Examples
    --------
    ```python
    config = Configuration(compose("train", ["data=demo", "nbhd=33x33x3"])).run
    material = Material(obtain(config.data, config.split), config)
    material.train[0].image.shape, material.steps
    ```
    """

    def __init__(
        self,
        dataset: Dataset,
        config: RunConfig,
        cache: Cache | None = None,
    ) -> None:
        check_depth(dataset, config.spec.nbhd.z, config.split)
        self.dataset, self.config = dataset, config
        self.cache = cache or Cache(corrected_volumes(dataset, config.preprocess))

    def for_config(self, config: RunConfig) -> Material:
        """The training data of another configuration; what was read is kept if it still fits."""
        fits = config.preprocess == self.config.preprocess
        return Material(self.dataset, config, self.cache if fits else None)

    @property
    def volumes(self) -> Mapping[str, CorrectedVolume]:
        """The corrected volume of every sample."""
        return self.cache.volumes

    @property
    def greys(self) -> Mapping[str, FilmGreys]:
        """Histograms of the corrected grey values of every sample."""
        if not self.cache.greys:
            self.cache.greys = {name: greys_of(volume) for name, volume in self.volumes.items()}
        return self.cache.greys

    @property
    def taught(self) -> Taught | None:
        """Probabilities of a teacher for the training regions, scored once; None without a teacher.

        Grey values are corrected for the teacher by its own recipe.
        """
        address = self.config.train.teacher
        if address is None or not self.config.train.teacher_share:
            return None
        if address not in self.cache.taught:
            teacher = teacher_of(address, self.config.tracking.absolute_uri)
            assert teacher is not None
            teacher.check(self.dataset, self.config.split)
            same = teacher.recipe == self.config.preprocess
            volumes = self.volumes if same else corrected_volumes(self.dataset, teacher.recipe)
            self.cache.taught[address] = teacher.teach(self.dataset, volumes)
        return self.cache.taught[address]

    @cached_property
    def train(self) -> tuple[LabelledWindow, ...]:
        """All training windows, enlarged if a grid would not reach all of their pixels."""
        return self._windows("train", self._smallest)

    @cached_property
    def val(self) -> tuple[LabelledWindow, ...]:
        return self._windows("val")

    @cached_property
    def test(self) -> tuple[LabelledWindow, ...]:
        return self._windows("test")

    def windows(self, split: Split) -> tuple[LabelledWindow, ...]:
        """The labelled windows of a split."""
        windows: tuple[LabelledWindow, ...] = getattr(self, split)
        return windows

    @cached_property
    def training_pixels(self) -> Pixels:
        """The balanced sample of pixels that patch mode trains on."""
        labels = [window.labels for window in self.train]
        return balanced_pixels(labels, self.training_size, self.rng("train"))

    @cached_property
    def steps(self) -> int:
        """Number of steps of an epoch; see :class:`fibsem.config.epochs.EpochLength`."""
        length = self.config.train.epoch_length  # labels are not read for a number that is given
        return length.steps or length.steps_of(int(self.training_parts.counts.sum()))

    @cached_property
    def training_size(self) -> int:
        """Number of pixels in an epoch of patch mode, by :attr:`TrainConfig.epoch_length`."""
        return self.config.train.epoch_length.pixels_of(int(self.training_parts.counts.sum()))

    @property
    def training_parts(self) -> Parts:
        """The training regions cut into parts, with the labelled pixels of each."""
        if self.cache.parts is None:
            regions = labelled_regions(self.dataset, "train")
            self.cache.parts = cut_regions(regions, SIDE)
        return self.cache.parts

    @cached_property
    def grid(self) -> GridShape:
        """Windows of a step in grid mode; around small squares, of a network that sees squares."""
        settings, spec = self.config.train, self.config.spec
        assert settings.windows is not None
        assert settings.grid is not None
        shape = GridShape(settings.windows, settings.grid)
        if spec.family != "squares":
            return shape
        return shape.around(self._largest_side, spec.alignment)

    @cached_property
    def _largest_side(self) -> int:
        """Pixels along the longest side of a training region."""
        return max(max(one.box.shape[1:]) for one in labelled_regions(self.dataset, "train"))

    @property
    def step_shape(self) -> tuple[int, int, int]:
        """Windows of a step, and the height and width that the network sees of each."""
        spec, settings = self.config.spec, self.config.train
        if not self._by_grid:
            return settings.batch, *spec.window
        extent = self.grid.extent(spec.stride)
        side = extent + sum(spec.step_frame(extent))
        return self.grid.windows, side, side

    @property
    def _by_grid(self) -> bool:
        return self.config.train.mode == "grid"

    @property
    def _smallest(self) -> int:
        """Pixels across a window of which each can be one of a grid's."""
        if not self._by_grid:
            return 1
        if self.config.spec.family == "squares":
            return self.grid.framed(self._largest_side, self.config.train.frame)
        return self.config.spec.stride * self.grid.size

    @property
    def _spare(self) -> int | None:
        """By how many pixels windows are grown beyond that, on all sides of small squares."""
        spec = self.config.spec
        return spec.alignment if spec.family == "squares" else None

    def supply(self, epoch: int) -> Supply:
        """The windows from which an epoch of grid mode draws."""
        return self.draws.of(epoch)

    @cached_property
    def draws(self) -> EpochDraws:
        """The supplies of windows for all epochs, which are read when they are needed."""
        reader = WindowReader(
            self.volumes, self.config.spec.halo, self._smallest, self._spare, self.taught
        )
        return EpochDraws(
            labelled_regions(self.dataset, "train"), self.training_parts, reader,
            windows=lambda: self.train, rare_windows=self.config.train.rare_windows,
            drawn=self.steps * self.grid.windows if self._by_grid else self.training_size,
            seed=self.config.seed,
        )  # fmt: skip

    @property
    def class_weights(self) -> tuple[float, float]:
        """Weights of pore and solid that balance the draws of grid mode."""
        return self._weights[0]

    @property
    def pixel_weights(self) -> tuple[float, float]:
        """Weights of labelled pores and solids in a step of grid mode; other pixels have none."""
        return self._weights[1]

    @cached_property
    def _weights(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Weights of classes and of pixels; what is drawn from is read once for both."""
        supply, spec = self.draws.labels(), self.config.spec
        counts, extent = self.training_parts.both_classes(), self.grid.extent(spec.stride)
        classes = class_weights(counts, supply, extent, spec.stride, self.rng("train", PIECES))
        rng = self.rng("train", LABELLED)
        return classes, pixel_weights(classes, supply, spec, self.grid, rng)

    def _windows(self, split: Split, at_least: int = 1) -> tuple[LabelledWindow, ...]:
        halo = self.config.spec.halo
        teaching = self.taught if split == "train" else None
        key = (split, halo, at_least, self._spare, teaching and self.config.train.teacher)
        if key not in self.cache.windows:
            self.cache.windows[key] = load_windows(
                self.dataset, split, self.volumes, halo, at_least=at_least, spare=self._spare,
                teaching=teaching,
            )  # fmt: skip
        return self.cache.windows[key]

    def rng(self, split: Split, *more: int) -> np.random.Generator:
        """Random generator for draws from a split of the dataset."""
        return np.random.default_rng([self.config.sampling.seed, STREAM[split], *more])
