"""Data of one training in memory: windows of the splits, class weights, and supplies of epochs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from fibsem.config import RunConfig
from fibsem.config.epochs import STUDY
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.dataset import Dataset, check_depth
from fibsem.data.dataset.split import Split
from fibsem.data.greys import FilmGreys, greys_of
from fibsem.data.pieces import Parts, Pieces, cut_regions, draw_pieces
from fibsem.data.sampling import Pixels, balanced_pixels
from fibsem.data.windows import LabelledWindow, labelled_regions, load_windows, read_windows
from fibsem.system.identity import Identity
from fibsem.training.beginning.teacher import Taught, teacher_of
from fibsem.training.material.cache import Cache
from fibsem.training.material.datasets import corrected_volumes
from fibsem.training.material.drawn import drawn_pixels
from fibsem.training.material.epoch_draws import EpochDraws
from fibsem.training.material.fixed_draws import PIECES, FixedDraws
from fibsem.training.material.grids import GridShape
from fibsem.training.material.reader import WindowReader
from fibsem.training.material.supply import Supply
from fibsem.training.material.weighing import class_weights, pixel_weights

#: Random streams, one per purpose, so that one draw does not affect another.
STREAM = {"train": 1, "val": 2, "test": 3}
CHANGING, LABELLED = 11, 12
#: Approximate side of the parts of large regions, in pixels; smaller parts have relatively more
#: surroundings to read.
SIDE = 256


#: Windows, and pixels within them.
DrawnPixels = tuple[Sequence[LabelledWindow], Pixels]


class Material:
    """A dataset prepared for one configuration; each split is read on first use.

    Samples for training come from :attr:`draws`, those for scoring from :meth:`fixed`.

    Parameters
    ----------
    dataset, config
        Dataset and configuration of a training. UserError is raised if the neighbourhood is deeper
        than the gap of the split allows.
    cache
        Cache of another material with the same dataset and correction; by default the correction
        is fitted here.

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
        """Return material for another configuration; the cache is shared if it still applies."""
        fits = config.preprocess == self.config.preprocess
        return Material(self.dataset, config, self.cache if fits else None)

    @property
    def identity(self) -> Identity:
        """Settings that affect the result of a training, and the digests of its data."""
        return Identity("training", self.config.settings, self.dataset.digests)

    @property
    def volumes(self) -> Mapping[str, CorrectedVolume]:
        """Corrected volume of every sample, by name."""
        return self.cache.volumes

    @property
    def greys(self) -> Mapping[str, FilmGreys]:
        """Grey value statistics of every corrected sample, by name."""
        if not self.cache.greys:
            self.cache.greys = {name: greys_of(volume) for name, volume in self.volumes.items()}
        return self.cache.greys

    @property
    def taught(self) -> Taught | None:
        """Probabilities that the teacher gives the training regions; None without a teacher.

        The teacher scores each region once, on grey values corrected by its own recipe.
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
            self.cache.taught[address] = taught = teacher.teach(self.dataset, volumes)
            for warning in taught.against(self.dataset.regions("train")):
                print(f"warning: {warning}", file=sys.stderr)
        return self.cache.taught[address]

    @cached_property
    def train(self) -> tuple[LabelledWindow, ...]:
        """All training windows; small ones are grown so that a grid reaches all their pixels."""
        return self._windows("train", self._smallest)

    @cached_property
    def val(self) -> tuple[LabelledWindow, ...]:
        """All validation windows."""
        return self._windows("val")

    @cached_property
    def test(self) -> tuple[LabelledWindow, ...]:
        """All test windows."""
        return self._windows("test")

    def windows(self, split: Split) -> tuple[LabelledWindow, ...]:
        """Return the labelled windows of a split."""
        windows: tuple[LabelledWindow, ...] = getattr(self, split)
        return windows

    @cached_property
    def training_pixels(self) -> Pixels:
        """Balanced pixels of patch mode, drawn from all training windows."""
        labels = [window.labels for window in self.train]
        return balanced_pixels(labels, self.training_size, self.rng("train"))

    def epoch_pixels(self, epoch: int) -> DrawnPixels:
        """Return the balanced pixels of an epoch in patch mode, and their windows.

        All epochs share one draw, unless the windows do not all fit in memory: then each epoch has
        its own.
        """
        if self.draws.changing is None:
            return self.train, self.training_pixels
        return self._drawn(self.draws.of(epoch), epoch)

    def pixels_to_fit(self) -> DrawnPixels:
        """Return the balanced pixels for a model that is fitted at once, and their windows.

        The windows cover at most the area of the thesis's squares, because features are computed
        for every pixel of them.
        """
        if sum(region.box.size for region in self.training_parts.regions) <= STUDY:
            return self.epoch_pixels(0)
        return self._drawn(self.draws.few(STUDY), 0)

    def _drawn(self, supply: Supply, epoch: int) -> DrawnPixels:
        rng = self.rng("train", CHANGING, epoch)
        return supply.windows, drawn_pixels(supply, self.training_size, rng)

    @cached_property
    def steps(self) -> int:
        """Number of steps per epoch; see :class:`fibsem.config.epochs.EpochLength`."""
        length = self.config.train.epoch_length  # a given number needs no labels to be read
        return length.steps or length.steps_of(int(self.training_parts.counts.sum()))

    @cached_property
    def training_size(self) -> int:
        """Pixels per epoch in patch mode; see :class:`fibsem.config.epochs.EpochLength`."""
        return self.config.train.epoch_length.pixels_of(int(self.training_parts.counts.sum()))

    @property
    def usual_pixels(self) -> int:
        """Pixels, of one slice, of all inputs of an epoch of usual length in usual windows."""
        train, n = self.config.train, self.config.spec.window
        number, size = (train.windows, train.grid) if self._by_grid else (train.batch, 1)
        assert number is not None
        assert size is not None
        steps = train.epoch_length.usual_steps_of(int(self.training_parts.counts.sum()))
        more = GridShape(number, size).extent(self.config.spec.stride) - 1
        return steps * number * (n[0] + more) * (n[1] + more)

    @property
    def training_parts(self) -> Parts:
        """Training regions cut into parts, with the label counts of each part."""
        if self.cache.parts is None:
            regions = labelled_regions(self.dataset, "train")
            self.cache.parts = cut_regions(regions, SIDE)
        return self.cache.parts

    @cached_property
    def grid(self) -> GridShape:
        """Windows of a step in grid mode; for networks on squares adapted to small squares."""
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
        return max(max(region.box.shape[1:]) for region in labelled_regions(self.dataset, "train"))

    @property
    def step_shape(self) -> tuple[int, int, int]:
        """Windows per step, and the height and width of the network's input."""
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
        """Minimum side of a training window, in pixels, so that a grid can reach each pixel."""
        if not self._by_grid:
            return 1
        if self.config.spec.family == "squares":
            return self.grid.framed(self._largest_side, self.config.train.frame)
        return self.config.spec.stride * self.grid.size

    @property
    def _spare(self) -> int | None:
        """Extra pixels on all sides of small squares; None if they grow below and right only."""
        spec = self.config.spec
        return spec.alignment if spec.family == "squares" else None

    def supply(self, epoch: int) -> Supply:
        """Return the supply that the windows of an epoch are drawn from in grid mode."""
        return self.draws.of(epoch)

    @cached_property
    def draws(self) -> EpochDraws:
        """Supplies of all epochs; each is read on use."""
        reader = WindowReader(
            self.volumes, self.config.spec.halo, self._smallest, self._spare, self.taught
        )
        return EpochDraws(
            labelled_regions(self.dataset, "train"), self.training_parts, reader,
            windows=lambda: self.train, rare_windows=self.config.train.rare_windows,
            drawn=self.steps * self.grid.windows if self._by_grid else self.training_size,
            seed=self.config.seed,
        )  # fmt: skip

    def fixed(self, split: Split) -> FixedDraws:
        """Return the fixed samples of a split on which the network is scored."""
        train, seed = self.config.train, (self.config.sampling.seed, STREAM[split])
        pieces = self.pieces(split) if train.validation == "pieces" else None
        windows = self._piece_windows(pieces, split) if pieces is not None else self.windows(split)
        return FixedDraws(self.config.spec, windows, pieces, train.share, seed)

    def pieces(self, split: Split) -> Pieces:
        """Return the pieces that represent a split; see :mod:`fibsem.data.pieces`."""
        drawn, key = self.cache.pieces, (split, self.config.sampling.seed)
        if key not in drawn:
            regions = labelled_regions(self.dataset, split)
            drawn[key] = draw_pieces(regions, self.rng(split, PIECES))
        return drawn[key]

    def _piece_windows(self, pieces: Pieces, split: Split) -> tuple[LabelledWindow, ...]:
        """Return pieces with their surroundings, aligned to the network's pooling.

        Memory: 64 pieces of 208 x 208 x 11 at 81 x 81 x 11 are 122 MB for any split.
        """
        read, spec = self.cache.windows, self.config.spec
        key = ("pieces", split, self.config.sampling.seed, spec.halo, spec.alignment)
        if key not in read:
            read[key] = read_windows(
                pieces.regions, self.volumes, spec.halo, multiple=spec.alignment
            )
        return read[key]

    @property
    def class_weights(self) -> tuple[float, float]:
        """Class weights of pore and solid that balance the windows drawn in grid mode."""
        return self._weights[0]

    @property
    def pixel_weights(self) -> tuple[float, float]:
        """Weights of labelled pore and solid pixels in grid mode; unlabelled pixels weigh 0."""
        return self._weights[1]

    @cached_property
    def _weights(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Weights of classes and of pixels, computed together so that labels are read once."""
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
        """Return the random generator of a split, and of one purpose given by ``more``."""
        return np.random.default_rng([self.config.sampling.seed, STREAM[split], *more])
