"""What one training learns from and is scored on, in memory: windows, drawn pixels, weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from fibsem.config import RunConfig
from fibsem.config.epochs import STUDY
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset import Dataset, check_depth
from fibsem.data.labels import IGNORE
from fibsem.data.lattices import Lattices, draw_lattices
from fibsem.data.pieces import Parts, Pieces, cut_regions, draw_pieces
from fibsem.data.samples import Region
from fibsem.data.sampling import LatticeSample, Pixels, balanced_pixels, lattice_pixels, sample_size
from fibsem.data.split import Split
from fibsem.data.windows import LabelledWindow, labelled_regions, load_windows, read_windows
from fibsem.training.cache import Cache
from fibsem.training.changing import PLACES, Changing, by_size
from fibsem.training.datasets import corrected_volumes
from fibsem.training.drawn import drawn_pixels
from fibsem.training.supply import (
    FOR_RARE,
    MOST_BYTES,
    RARE,
    SIDE,
    Supply,
    balancing,
    labelled_share,
    share_at_rare,
)
from fibsem.training.teacher import Taught, teacher_of

#: Streams of random numbers of a dataset, so that one draw does not move another.
STREAM = {"train": 1, "val": 2, "test": 3}
PIECES, CHANGING, LABELLED = 10, 11, 12
#: Pixels around small squares that steps of a network on squares see.
CONTEXT = 16


class Material:
    """A dataset seen through one configuration; splits are read when they are first asked for.

    The fixed balanced samples depend on the dataset, its split, the share and the sampling seed
    alone: two networks with different neighbourhoods are scored on the same pixels.

    Parameters
    ----------
    dataset, config
        What is learned, and how; refused where neighbourhoods are deeper than the split's gap.
    cache
        Of another material of the same dataset and correction; by default these are fitted.

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
        """The dataset for another configuration; what was read is kept where it still fits."""
        fits = config.preprocess == self.config.preprocess
        return Material(self.dataset, config, self.cache if fits else None)

    @property
    def volumes(self) -> Mapping[str, CorrectedVolume]:
        """The corrected volume of every sample."""
        return self.cache.volumes

    @property
    def taught(self) -> Taught | None:
        """What a teacher says of the training regions, which it scores once; None without one.

        It sees grey values that are corrected as it has learned them.
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
        """All training windows, grown where a grid would not reach all of their pixels."""
        return self._windows("train", self._smallest)

    @property
    def _extent(self) -> int:
        """Pixels of labels across a grid; a single one in patch mode."""
        if self.config.train.mode != "grid":
            return 1
        return 1 + self.config.spec.stride * (self.grid[1] - 1)

    @property
    def _smallest(self) -> int:
        """Pixels across a window of which each can be one of a grid's."""
        more = self.config.spec.stride - 1 if self.config.train.mode == "grid" else 0
        return self._extent + more

    @property
    def _spare(self) -> int | None:
        """By how many pixels windows are grown beyond that, on all sides of small squares."""
        spec = self.config.spec
        return spec.alignment if spec.family == "squares" else None

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Windows of a step in grid mode, and pixels across each.

        Those of a network on squares are not much larger than what is labelled: of squares of 64
        there are four of 96 in place of two of 128, where three of four pixels had no label.
        """
        settings, spec = self.config.train, self.config.spec
        assert settings.windows is not None
        assert settings.grid is not None
        if spec.family != "squares":
            return settings.windows, settings.grid
        sides = (max(box.box.shape[1:]) for box in labelled_regions(self.dataset, "train"))
        size = min(settings.grid, -(-(max(sides) + 2 * CONTEXT) // spec.alignment) * spec.alignment)
        return round(settings.windows * (settings.grid / size) ** 2), size

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
        """The balanced draw of patch mode."""
        labels = [window.labels for window in self.train]
        return balanced_pixels(labels, self.training_size, self._rng("train"))

    def patches(self, epoch: int) -> tuple[Sequence[LabelledWindow], Pixels]:
        """The balanced draw of an epoch of patch mode, and the windows that it is from.

        One draw for all epochs; another one of each where not all windows fit.
        """
        if self._changing is None:
            return self.train, self.training_pixels
        return self._patches_of(self._changing.of(epoch), epoch)

    def to_fit(self) -> tuple[Sequence[LabelledWindow], Pixels]:
        """The balanced draw that a model is fitted to at once, and the windows that it is from.

        They cover no more than the thesis's squares: every pixel of them has to be looked at.
        """
        if sum(region.box.size for region in self.training_parts.regions) <= STUDY:
            return self.patches(0)
        largest = max(part.box.size for part in self.training_parts.regions)
        most = max(2, min(self._most_parts, STUDY // largest))
        return self._patches_of(self._changing_parts(most, places=most).read(0), 0)

    def _patches_of(self, supply: Supply, epoch: int) -> tuple[Sequence[LabelledWindow], Pixels]:
        rng = self._rng("train", CHANGING, epoch)
        return supply.windows, drawn_pixels(supply, self.training_size, rng)

    @cached_property
    def steps(self) -> int:
        """Steps of an epoch; see :class:`fibsem.config.epochs.EpochLength`."""
        length = self.config.train.epoch_length  # labels are not read for a number that is given
        return length.steps or length.steps_of(int(self.training_parts.counts.sum()))

    @cached_property
    def training_size(self) -> int:
        """Pixels an epoch of patch mode sees; see :class:`fibsem.config.epochs.EpochLength`."""
        return self.config.train.epoch_length.pixels_of(int(self.training_parts.counts.sum()))

    @property
    def training_parts(self) -> Parts:
        """The training regions cut into parts, and what is labelled in each."""
        if self.cache.parts is None:
            regions = labelled_regions(self.dataset, "train")
            self.cache.parts = cut_regions(regions, SIDE)
        return self.cache.parts

    def supply(self, epoch: int) -> Supply:
        """What the windows of an epoch are drawn from in grid mode."""
        return self._changing.of(epoch) if self._changing else self._whole

    @cached_property
    def _whole(self) -> Supply:
        """All training windows; a rare class by the places that it has in them."""
        even, (rare, share) = Supply.evenly(self.train), self.rare
        if rare is None:
            return even
        counts = np.array([(window.labels == rare).sum() for window in self.train], np.float64)
        return replace(even, rare=rare, for_rare=share, rare_chance=counts / counts.sum())

    @cached_property
    def _changing(self) -> Changing | None:
        """Other parts in every epoch, where all windows would not fit; else None.

        A window has its whole region, of which no more than a part may be labelled.
        """
        whole = sum(map(self._bytes, labelled_regions(self.dataset, "train")))
        if max(whole, sum(self._bytes_of_parts)) <= MOST_BYTES:
            return None
        by_grid = self.config.train.mode == "grid"
        drawn = self.steps * self.grid[0] if by_grid else self.training_size
        return self._changing_parts(max(2, min(self._most_parts, drawn)))

    def _changing_parts(self, most: int, places: int = PLACES) -> Changing:
        seed = self.config.seed
        return Changing(self.training_parts, self._load, most, *self.rare, seed, places)

    @cached_property
    def _bytes_of_parts(self) -> list[int]:
        """Memory of each part with its surroundings."""
        return [self._bytes(part) for part in self.training_parts.regions]

    def _bytes(self, region: Region) -> int:
        """Memory of a region with its surroundings."""
        return 4 * math.prod(region.box.grow(self.config.spec.halo).shape)

    @property
    def _most_parts(self) -> int:
        """Parts of an epoch that fit beside those of the next."""
        return max(2, MOST_BYTES // 2 // max(self._bytes_of_parts))

    def _load(self, regions: Sequence[Region]) -> tuple[LabelledWindow, ...]:
        return read_windows(
            regions, self.volumes, self.config.spec.halo, at_least=self._smallest,
            spare=self._spare, teaching=self.taught,
        )  # fmt: skip

    @cached_property
    def rare(self) -> tuple[int | None, float]:
        """The class that windows are drawn for in grid mode, and which share of them."""
        counts = self.training_parts.both_classes()
        share = self.config.train.rare_windows
        if share is None:
            share = FOR_RARE if counts.min() < RARE * counts.sum() else 0.0
        return (int(counts.argmin()), share) if share else (None, 0.0)

    @cached_property
    def class_weights(self) -> tuple[float, float]:
        """Weights of pore and solid that balance what is drawn.

        They come from the whole training set: weights per batch blow up where a class is rare.
        """
        counts = self.training_parts.both_classes()
        share, (rare, for_rare) = counts / counts.sum(), self.rare
        if rare is None:
            return 0.5 / float(share[0]), 0.5 / float(share[1])
        rng = self._rng("train", PIECES)
        chosen, chance = by_size(self.training_parts.counts[:, rare], 64, rng)
        labels = [self.training_parts.regions[k].read() for k in chosen]
        among = share_at_rare(labels, chance, rare, self._extent, rng)
        share = (1 - for_rare) * share + for_rare * np.where(np.arange(2) == rare, among, 1 - among)
        return balancing(share.tolist())

    @cached_property
    def pixel_weights(self) -> tuple[float, float]:
        """Weights of labelled pores and solids in a step of grid mode; all others weigh nothing.

        The loss of a step is divided by all of its pixels: so that it is the mean over those with a
        label, the weights of the classes are over the share of these, as is expected of any step.
        """
        spec, (_, size) = self.config.spec, self.grid
        changing = self._changing
        supply = changing.drawn(0, self._labels_alone) if changing else self._whole
        share = labelled_share(supply, self._extent, spec.stride, self._rng("train", LABELLED))
        if spec.family == "squares":
            share *= (size / (size + sum(spec.step_frame(size)))) ** 2
        pore, solid = self.class_weights
        return pore / share, solid / share

    def _labels_alone(self, regions: Sequence[Region]) -> list[LabelledWindow]:
        """Regions as they are drawn from, without grey values: these take long to read."""
        windows, unread = [], np.empty((0, 0, 0), np.float32)
        for region in regions:
            labels = region.read()
            lacking = [(0, max(0, self._smallest - side)) for side in labels.shape]
            framed = np.pad(labels, lacking, constant_values=IGNORE)
            windows.append(LabelledWindow(region, unread, framed, (0, 0, 0)))
        return windows

    def sample(self, split: Split) -> LatticeSample:
        """The fixed balanced sample of a split."""
        labels = [window.labels for window in self.windows(split)]
        labelled = sum(int((window != IGNORE).sum()) for window in labels)
        size = max(2, sample_size(labelled, self.config.train.share))
        return lattice_pixels(labels, size, self._rng(split))

    def pieces(self, split: Split) -> Pieces:
        """The fixed pieces that stand for a split."""
        key = (split, self.config.sampling.seed)
        if key not in self.cache.pieces:
            regions = labelled_regions(self.dataset, split)
            self.cache.pieces[key] = draw_pieces(regions, self._rng(split, PIECES))
        return self.cache.pieces[key]

    def piece_windows(self, split: Split) -> tuple[LabelledWindow, ...]:
        """Pieces with their surroundings, from where a network's pools fall in the slice.

        Memory: 64 pieces of 208 x 208 x 11 at 81 x 81 x 11 are 122 MB, whatever the split.
        """
        halo, multiple = self.config.spec.halo, self.config.spec.alignment
        key = ("pieces", split, self.config.sampling.seed, halo, multiple)
        if key not in self.cache.windows:
            regions = self.pieces(split).regions
            self.cache.windows[key] = read_windows(regions, self.volumes, halo, multiple=multiple)
        return self.cache.windows[key]

    def lattices(self, split: Split, most: int) -> Lattices:
        """The fixed lattices of those pieces, at most so many, that networks of a stride have."""
        stride = self.config.spec.stride
        labels = [window.labels for window in self.piece_windows(split)]
        rng = self._rng(split, PIECES, stride)
        return draw_lattices(self.pieces(split), labels, stride, most, rng)

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

    def _rng(self, split: Split, *more: int) -> np.random.Generator:
        return np.random.default_rng([self.config.sampling.seed, STREAM[split], *more])
