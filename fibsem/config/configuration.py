"""A configuration: the tree that was composed, and what it says, read once."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from fibsem.config.budget import Budget, parse_seconds
from fibsem.config.overrides import override
from fibsem.config.promotion import (
    FinalConfig,
    GateConfig,
    PostProcessingConfig,
    PromoteConfig,
    RankConfig,
)
from fibsem.config.reading import Tree, flat, read, read_path, require
from fibsem.config.runs import AUTO, DataConfig, RunConfig, SamplingConfig, TrackingConfig
from fibsem.config.search import SearchConfig, of_epochs
from fibsem.config.training import TrainConfig
from fibsem.config.typed import AXES, command_of, typed_values
from fibsem.config.unused import not_read, used_with, why_unused
from fibsem.data.dataset.split import SplitRecipe
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.hyperparameters import as_recorded
from fibsem.models.spec import MODELS, ModelSpec, resolve
from fibsem.system.secrets import remember

#: Keys that change no step of a plan, and those that a plan is compared by itself.
PLANNED_WITHOUT = ("command", "output", "overwrite", "tracking", "data", "budget", "budget_is",
                   "plan")  # fmt: skip
#: Sides of the neighbourhood that a configuration has where nobody says another.
USUAL = (33, 33)
#: Objectives of a sweep to which none was given.
OF_FILM, BALANCED = "val_all/miou", "val/loss"


@dataclass(frozen=True)
class Configuration:
    """What a command was given, or one of its trainings.

    The values are read when they are first asked for. A configuration does not change: that of a
    trial, of a plan or of pinned weights is another one, made by :meth:`with_values`. Every process
    that has one knows its passwords, so as to keep them to itself.

    Examples
    --------
    ```python
    given = Configuration(compose("train", ["nbhd=33x33x3"]))
    given.run.spec.halo, given.with_values({"seed": 1}).run.seed
    ```
    """

    tree: Tree

    def __post_init__(self) -> None:
        # the command has lost its passwords already; as an address it would end in its secret
        for text in _texts({key: one for key, one in self.tree.items() if key != "command"}):
            remember(text)

    def __reduce__(self) -> tuple[type[Configuration], tuple[Tree]]:
        """Another process makes and reads it anew."""
        return Configuration, (self.tree,)

    @cached_property
    def run(self) -> RunConfig:
        """Data, network and training."""
        spec = self.spec
        return RunConfig(
            data=self.data,
            preprocess=read(Recipe, self.tree["preprocess"], "preprocess"),
            split=self.split,
            sampling=read(SamplingConfig, self.tree["sampling"], "sampling"),
            spec=spec,
            train=read(TrainConfig, self.tree["train"], "train").resolved(spec),
            tracking=self.tracking,
            seed=self.tree["seed"],
        )

    @cached_property
    def spec(self) -> ModelSpec:
        """The network; refused where it is to be found among several."""
        model = dict(self.tree["model"])
        name, padding = model.pop("name"), model.pop("padding")
        if name == AUTO:
            raise UserError(
                "`model=auto` needs a search, which is python -m fibsem.sweep; the choices of one "
                f"model are {', '.join(MODELS)}."
            )
        given = as_recorded(name, model) if name in MODELS else model
        return resolve(name, Nbhd.parse(self.tree["nbhd"]), padding, given)

    @cached_property
    def data(self) -> DataConfig:
        """Which dataset is read, and where it lies."""
        return read(DataConfig, self.tree["data"], "data")

    @cached_property
    def split(self) -> SplitRecipe:
        """How the squares of the dataset are divided."""
        return read(SplitRecipe, self.tree["split"], "split")

    @cached_property
    def tracking(self) -> TrackingConfig:
        """Where runs are logged."""
        return read(TrackingConfig, self.tree["tracking"], "tracking")

    @cached_property
    def budget(self) -> Budget:
        """How long the command may take."""
        text, plan, kind = (self.tree[key] for key in ("budget", "plan", "budget_is"))
        require("budget_is", kind, kind in ("soft", "hard"), "soft or hard")
        path = None if plan is None else read_path(plan, "plan")
        return Budget(None if text is None else parse_seconds(text), kind == "hard", path)

    @cached_property
    def estimates_all(self) -> bool:
        """Whether trainings, of whatever network, tell figures with the classes as labelled."""
        return read(TrainConfig, self.tree["train"], "train").estimates_all

    @cached_property
    def search(self) -> SearchConfig:
        """How a sweep searches; where no objective is given, by the one that its validation offers.

        The share of both classes in the film weighs in ``val_all/miou``, which orders networks as
        all labelled pixels do (``experiments/budgets/ranking.py``); the thesis's protocol, or a
        training without such figures, has the loss on balanced pixels.
        """
        asked = read(SearchConfig, self.tree["search"], "search")
        if not asked.objectives:
            asked = replace(asked, objectives=(OF_FILM if self.estimates_all else BALANCED,))
        first, compares = asked.objectives[0], asked.compares_unfinished
        if compares and not of_epochs(first, estimates_all=self.estimates_all):
            raise UserError(
                f"`{compares}` compares trainings that are not finished, which have no {first}; "
                "search.objectives may begin with one of val/ and, with train.validation=pieces "
                "and train.val_all=true, of val_all/."
            )
        return asked

    @cached_property
    def promotion(self) -> PromoteConfig:
        """What a promotion is made of, and what it ends in."""
        keys = (field.name for field in fields(PromoteConfig))
        return read(PromoteConfig, {key: self.tree[key] for key in keys})

    @cached_property
    def rank(self) -> RankConfig:
        """How it ranks its trials."""
        return read(RankConfig, self.tree["rank"], "rank")

    @cached_property
    def final(self) -> FinalConfig:
        """What final trainings have of their own."""
        return read(FinalConfig, self.tree["final"], "final")

    @cached_property
    def postprocessing(self) -> PostProcessingConfig:
        """What a promotion tries behind the network."""
        return read(PostProcessingConfig, self.tree["postprocessing"], "postprocessing")

    @cached_property
    def gate(self) -> GateConfig:
        """When it makes a champion."""
        return read(GateConfig, self.tree["gate"], "gate")

    @cached_property
    def typed(self) -> dict[str, str]:
        """What a user typed for each key; all else ``conf/`` says."""
        return typed_values(self.tree.get("command") or "")

    @cached_property
    def planning(self) -> str:
        """Hash of what the steps of a plan follow from, but for data and budget, told apart."""
        kept = {key: value for key, value in self.tree.items() if key not in PLANNED_WITHOUT}
        text = json.dumps(kept, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def follows(self) -> dict[str, tuple[Any, str]]:
        """What follows for the trainings of a sweep from how it searches: values, and why.

        The last of the rungs is the end of a training. Those of Hyperband go on from shorter ones,
        which a learning rate that ends with the epochs does not allow.
        """
        train = read(TrainConfig, self.tree["train"], "train")
        values: dict[str, tuple[Any, str]] = {}
        if self.search.rungs:
            values["train.epochs"] = self.search.rungs[-1][1], "the last of search.rungs"
        if self.search.sampler == "hyperband" and train.ends_with_epochs:
            values["train.schedule"] = "constant", "step or cyclic with search.sampler=hyperband"
        return values

    @cached_property
    def settled(self) -> Configuration:
        """A sweep's configuration with what follows from others; itself where that is so already.

        Its objectives are named: promotion reads in a trial's settings what it was searched by.

        Raises
        ------
        UserError
            If somebody typed another value.
        """
        for key, (value, why) in self.follows.items():
            now = dict(flat(self.tree))[key]
            require(key, now, now == value or key not in self.typed, f"{value}, {why}")
        values = {key: value for key, (value, _) in self.follows.items()}
        return self.with_values({**values, "search.objectives": list(self.search.objectives)})

    def notes(self, axes: Iterable[str]) -> Iterator[str]:
        """What a sweep over some axes makes of what was typed and of defaults, a line each."""
        for key, (value, why) in self.follows.items():
            for change in self.replaced({key: value}, {key}):
                yield f"search: {change}, {why}"
        for key in axes:
            if key in self.typed and AXES + key not in self.typed:
                yield f"{key}={self.typed[key]} was typed, and is not searched over"

    def replaced(self, values: Mapping[str, Any], keys: Container[str]) -> list[str]:
        """What of some keys other values would replace, as users type it.

        Examples
        --------
        >>> given = Configuration({"train": {"epochs": 3, "patience": 10}})
        >>> given.replaced({"train.epochs": 12, "train.patience": None}, {"train.epochs"})
        ['train.epochs=12 instead of 3']
        """
        now = dict(flat(self.tree))
        return [
            f"{override(key, value)} instead of {override(key, now[key]).partition('=')[2]}"
            for key, value in values.items()
            if key in keys and value != now[key]
        ]

    def typed_for_nothing(self, axes: Container[str] = ()) -> Iterator[str]:
        """What was typed and does nothing, a line each.

        ``axes`` are those of a sweep: what says whether a key does anything may be one of them.
        """
        if said := self._idle_neighbourhood():
            yield said
        for key, value in self.typed.items():
            drawn = any(other in axes for other in used_with(key))
            if not drawn and (why := self._why_unused(key)):
                yield f"{key}={value} does nothing: {why}"

    def _idle_neighbourhood(self) -> str | None:
        """What is said of a typed n_x and n_y that a network on squares does not have."""
        name = self.tree.get("model", {}).get("name")
        if "nbhd" not in self.typed or name not in MODELS or self.spec.family != "squares":
            return None
        nbhd = self.spec.nbhd
        if (nbhd.y, nbhd.x) == USUAL:
            return None
        return f"n_x and n_y of nbhd={nbhd} do nothing: model={name} sees squares, and n_z slices"

    def _why_unused(self, key: str) -> str | None:
        """Why a key that was typed does nothing; None where it does something."""
        typed = command_of(self.tree.get("command") or "")
        command = "compare" if self.tree.get("compare") else typed
        if why := not_read(key, command):
            return why
        if key.partition(".")[0] in ("model", "train"):
            return self.run.why_unused(key, planned=self.budget.planned)
        return why_unused(key, dict(flat(self.tree)))

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
        if not values:
            return self
        changed = copy.deepcopy(self.tree)
        for key, value in values.items():
            *path, last = key.split(".")
            node = changed
            for part in path:
                node = node.get(part) if isinstance(node, dict) else None  # type: ignore[assignment]
            if not isinstance(node, dict) or last not in node:
                raise _unknown_axis(key, node)
            node[last] = value
        return Configuration(changed)


def _unknown_axis(key: str, beside: Any) -> UserError:
    """What is said of a swept key that there is not, with those beside it that may be meant."""
    table, _, last = key.rpartition(".")
    near = get_close_matches(last, beside) if isinstance(beside, dict) else []
    choices = f"; near it are {', '.join(f'{table}.{one}' for one in near)}" if near else ""
    return UserError(f"a swept key must exist in the configuration, but got {key!r}{choices}.")


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
