"""A configuration: the tree that was composed, and what it says, read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fibsem.config.budget import Budget
from fibsem.config.promotion import GateConfig, PostProcessingConfig, PromoteConfig, RankConfig
from fibsem.config.reading import Tree, read
from fibsem.config.runs import DataConfig, RunConfig, TrackingConfig
from fibsem.config.search import SearchConfig
from fibsem.config.trees import with_values
from fibsem.data.split import SplitRecipe
from fibsem.system.secrets import remember


@dataclass(frozen=True)
class Configuration:
    """What a command was given, or one of its trainings.

    The values are read when they are first asked for. A configuration does not change: that of a
    trial, of a plan or of pinned weights is another one, made by :meth:`with_values`. Every process
    that has one knows its passwords, so as to keep them to itself.
    """

    tree: Tree

    def __post_init__(self) -> None:
        for text in _texts(self.tree):
            remember(text)

    def __reduce__(self) -> tuple[type[Configuration], tuple[Tree]]:
        """Another process makes and reads it anew."""
        return Configuration, (self.tree,)

    @cached_property
    def run(self) -> RunConfig:
        """Data, network and training."""
        return RunConfig.of(self.tree)

    @cached_property
    def data(self) -> DataConfig:
        """Which dataset."""
        return read(DataConfig, self.tree["data"], "data")

    @cached_property
    def split(self) -> SplitRecipe:
        """Into which squares."""
        return read(SplitRecipe, self.tree["split"], "split")

    @cached_property
    def tracking(self) -> TrackingConfig:
        """Where runs are logged."""
        return read(TrackingConfig, self.tree["tracking"], "tracking")

    @cached_property
    def budget(self) -> Budget:
        """How long the command may take."""
        return Budget.of(self.tree)

    @cached_property
    def search(self) -> SearchConfig:
        """Of a sweep."""
        return read(SearchConfig, self.tree["search"], "search")

    @cached_property
    def promotion(self) -> PromoteConfig:
        """Of a promotion: of what, and what it ends in."""
        return PromoteConfig.of(self.tree)

    @cached_property
    def rank(self) -> RankConfig:
        """How it ranks its trials."""
        return read(RankConfig, self.tree["rank"], "rank")

    @cached_property
    def postprocessing(self) -> PostProcessingConfig:
        """What it tries behind the network."""
        return read(PostProcessingConfig, self.tree["postprocessing"], "postprocessing")

    @cached_property
    def gate(self) -> GateConfig:
        """When it makes a champion."""
        return read(GateConfig, self.tree["gate"], "gate")

    def with_values(self, values: Mapping[str, Any]) -> Configuration:
        """One with other values by their dotted keys, which must exist; itself without any.

        Examples
        --------
        >>> given = Configuration({"train": {"epochs": 3}, "seed": 0})
        >>> given.with_values({"train.epochs": 5}).tree
        {'train': {'epochs': 5}, 'seed': 0}
        >>> given.with_values({}) is given
        True
        """
        return Configuration(with_values(self.tree, values)) if values else self


def _texts(value: Any) -> Iterator[str]:
    """The texts of a tree."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
