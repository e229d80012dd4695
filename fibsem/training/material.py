"""What one training learns from and is scored on, in memory: windows, drawn pixels, weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from fibsem.config import RunConfig
from fibsem.data.dataset import Dataset, check_depth
from fibsem.data.pieces import Pieces, draw_pieces
from fibsem.data.preprocessing import CorrectedVolume
from fibsem.data.sampling import (
    LabelledWindow,
    LatticeSample,
    Pixels,
    balanced_pixels,
    class_weights,
    labelled_regions,
    lattice_pixels,
    load_window,
    load_windows,
    sample_size,
)
from fibsem.data.split import Split
from fibsem.training.datasets import corrected_volumes

#: Streams of random numbers of a dataset, so that one draw does not move another.
STREAM = {"train": 1, "val": 2, "test": 3}
PIECES = 10


@dataclass(frozen=True)
class Material:
    """A dataset seen through one configuration; splits are read when they are first asked for.

    The fixed balanced samples depend on the dataset, its split, the share and the sampling seed
    alone: two networks with different neighbourhoods are scored on the same pixels.
    """

    dataset: Dataset
    config: RunConfig
    volumes: Mapping[str, CorrectedVolume]
    _loaded: dict[object, tuple[LabelledWindow, ...]] = field(default_factory=dict, repr=False)
    _pieces: dict[object, Pieces] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, dataset: Dataset, config: RunConfig) -> Material:
        """Fit the corrections; refuse neighbourhoods deeper than the split's gap."""
        check_depth(dataset, config.spec.nbhd.z, config.split)
        return cls(dataset, config, corrected_volumes(dataset, config.preprocess))

    def for_config(self, config: RunConfig) -> Material:
        """The same dataset for another configuration; what was read is kept where it still fits."""
        if config.preprocess != self.config.preprocess:
            return Material.of(self.dataset, config)
        return Material(self.dataset, config, self.volumes, self._loaded, self._pieces)

    @cached_property
    def train(self) -> tuple[LabelledWindow, ...]:
        """Training windows, grown to the extent of a grid where they are smaller."""
        extent, grid = 1, self.config.train.grid
        if self.config.train.mode == "grid" and grid is not None:
            extent += self.config.spec.stride * (grid - 1)
        return self._windows("train", extent)

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

    @cached_property
    def training_size(self) -> int:
        """Pixels an epoch of patch mode sees; in grid mode it sets the number of steps."""
        return max(2, sample_size([w.labels for w in self.train], self.config.train.share))

    @cached_property
    def class_weights(self) -> tuple[float, float]:
        """Weights of pore and solid over the whole training set."""
        return class_weights([window.labels for window in self.train])

    def sample(self, split: Split) -> LatticeSample:
        """The fixed balanced sample of a split."""
        labels = [window.labels for window in self.windows(split)]
        size = max(2, sample_size(labels, self.config.train.share))
        return lattice_pixels(labels, size, self._rng(split))

    def pieces(self, split: Split) -> Pieces:
        """The fixed pieces that stand for a split."""
        key = (split, self.config.sampling.seed)
        if key not in self._pieces:
            regions = labelled_regions(self.dataset, split)
            self._pieces[key] = draw_pieces(regions, self._rng(split, PIECES))
        return self._pieces[key]

    def piece_windows(self, split: Split) -> tuple[LabelledWindow, ...]:
        """Those pieces with their surroundings.

        Memory: 64 pieces of 208 x 208 x 11 at 81 x 81 x 11 are 122 MB, whatever the split.
        """
        halo = self.config.spec.halo
        key = ("pieces", split, self.config.sampling.seed, halo)
        if key not in self._loaded:
            self._loaded[key] = tuple(
                load_window(region, self.volumes[region.sample], halo)
                for region in self.pieces(split).regions
            )
        return self._loaded[key]

    def _windows(self, split: Split, at_least: int = 1) -> tuple[LabelledWindow, ...]:
        halo = self.config.spec.halo
        key = (split, halo, at_least)
        if key not in self._loaded:
            self._loaded[key] = load_windows(
                self.dataset, split, self.volumes, halo, at_least=at_least
            )
        return self._loaded[key]

    def _rng(self, split: Split, *more: int) -> np.random.Generator:
        return np.random.default_rng([self.config.sampling.seed, STREAM[split], *more])
