"""Configuration of a command: the composed tree, and the values that are read from it once."""

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
from fibsem.config.runs import (
    AUTO,
    DataConfig,
    EvaluateConfig,
    RunConfig,
    SamplingConfig,
    TrackingConfig,
)
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
from fibsem.system import metric_names
from fibsem.system.advice import Command
from fibsem.system.secrets import remember

#: Keys with which a command does another thing, and then reads other keys.
COMMANDS_IN_ANOTHER = ("compare", "lineage", "repoint")
#: Keys that do not change the steps of a plan, or that plans compare separately.
PLANNED_WITHOUT = ("command", "output", "overwrite", "tracking", "data", "budget", "budget_is",
                   "plan")  # fmt: skip
#: Most letters of the name of a study.
MOST_LETTERS = 500
#: Default n_y and n_x of the neighbourhood.
USUAL = (33, 33)
#: Default objectives of a sweep, with and without metrics of all labelled pixels.
OF_LABELLED, OF_BALANCED = metric_names.VAL_ALL_MIOU, metric_names.VAL_LOSS


@dataclass(frozen=True)
class Configuration:
    """Configuration of a command, or of one of its trainings.

    Values are read and checked when they are first used. A configuration is immutable: that of a
    trial, of a plan or of pinned weights is a new one, made by :meth:`with_values`. Every process
    that creates or unpickles one registers its passwords, to hide them in all output.

    Examples
    --------
    ```python
    configuration = Configuration(compose("train", ["nbhd=33x33x3"]))
    configuration.run.spec.halo, configuration.with_values({"seed": 1}).run.seed
    ```
    """

    tree: Tree

    def __post_init__(self) -> None:
        # without the command, whose passwords are hidden already: its text is no address
        for text in _texts({key: value for key, value in self.tree.items() if key != "command"}):
            remember(text)

    def __reduce__(self) -> tuple[type[Configuration], tuple[Tree]]:
        """Pickle only the tree; another process reads the values again."""
        return Configuration, (self.tree,)

    @cached_property
    def run(self) -> RunConfig:
        """Settings of a training: data, network, schedule, tracking and seed."""
        spec = self.spec
        return RunConfig(
            data=self.data,
            preprocess=self.preprocess,
            split=self.split,
            sampling=read(SamplingConfig, self.tree["sampling"], "sampling"),
            spec=spec,
            train=TrainConfig.of(self.tree["train"]).resolved(spec),
            tracking=self.tracking,
            seed=self.seed,
        )

    @property
    def seed(self) -> int:
        """Seed of initial weights, order of batches and dropout."""
        seed: int = self.tree["seed"]
        return seed

    @property
    def seeds(self) -> range:
        """Seeds of the trainings of an evaluation."""
        return range(self.seed, self.seed + self.tree["seeds"])

    @property
    def overwrite(self) -> bool:
        """Whether earlier results in the output folder are removed."""
        overwrite: bool = self.tree["overwrite"]
        return overwrite

    @property
    def command(self) -> str | None:
        """Command line of the configuration; None in records of some earlier versions."""
        return self.tree.get("command")

    @property
    def study(self) -> str | None:
        """Name of the study of a sweep; None: the study has the name of the output folder."""
        name = self.tree.get("study")
        legal = name is None or (isinstance(name, str) and len(name) <= MOST_LETTERS)
        require("study", name, legal, f"a text of at most {MOST_LETTERS} letters")
        return name

    @cached_property
    def spec(self) -> ModelSpec:
        """Architecture with its hyperparameters; raises UserError for ``model=auto``."""
        model = dict(self.tree["model"])
        name, padding = model.pop("name"), model.pop("padding")
        if name == AUTO:
            raise UserError(
                f"`model=auto` needs a search, which is {Command('sweep').line}; the choices of "
                f"one model are {', '.join(MODELS)}."
            )
        hyperparameters = as_recorded(name, model) if name in MODELS else model
        return resolve(name, Nbhd.parse(self.tree["nbhd"]), padding, hyperparameters)

    @cached_property
    def preprocess(self) -> Recipe:
        """Settings of the correction of grey values."""
        return read(Recipe, self.tree["preprocess"], "preprocess")

    @cached_property
    def data(self) -> DataConfig:
        """Dataset and its location."""
        return read(DataConfig, self.tree["data"], "data")

    @cached_property
    def split(self) -> SplitRecipe:
        """Settings of the division of labels without a given split."""
        return read(SplitRecipe, self.tree["split"], "split")

    @cached_property
    def tracking(self) -> TrackingConfig:
        """Settings of the MLflow store."""
        return read(TrackingConfig, self.tree["tracking"], "tracking")

    @cached_property
    def budget(self) -> Budget:
        """Time budget of the command."""
        text, plan, kind = (self.tree[key] for key in ("budget", "plan", "budget_is"))
        require("budget_is", kind, kind in ("soft", "hard"), "soft or hard")
        path = None if plan is None else read_path(plan, "plan")
        return Budget(None if text is None else parse_seconds(text), kind == "hard", path)

    @cached_property
    def estimates_all(self) -> bool:
        """Whether trainings estimate metrics of all labelled pixels, for any architecture."""
        return TrainConfig.of(self.tree["train"]).estimates_all

    @cached_property
    def search(self) -> SearchConfig:
        """Options of a sweep; the default objective depends on the validation.

        It is ``val_all/miou``, which weights the classes by their share in the film and ranks
        networks like all labelled pixels do (``experiments/budgets/ranking.py``). In the protocol
        of the thesis, or without such metrics, it is the loss on balanced pixels.

        Raises
        ------
        UserError
            If a pruner or rungs compare unfinished trainings by an objective that these lack.
        """
        asked = read(SearchConfig, self.tree["search"], "search")
        if not asked.objectives:
            asked = replace(asked, objectives=(OF_LABELLED if self.estimates_all else OF_BALANCED,))
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
        """Sweeps, candidates and ensemble members of a promotion."""
        keys = (field.name for field in fields(PromoteConfig))
        return read(PromoteConfig, {key: self.tree[key] for key in keys})

    @cached_property
    def evaluation(self) -> EvaluateConfig:
        """Settings of an evaluation."""
        return read(EvaluateConfig, self.tree["evaluation"], "evaluation")

    @cached_property
    def rank(self) -> RankConfig:
        """Settings of the ranking of trials."""
        return read(RankConfig, self.tree["rank"], "rank")

    @cached_property
    def final(self) -> FinalConfig:
        """Settings of final trainings that replace those of the trial."""
        return read(FinalConfig, self.tree["final"], "final")

    @cached_property
    def postprocessing(self) -> PostProcessingConfig:
        """Grid of the post-processing search."""
        return read(PostProcessingConfig, self.tree["postprocessing"], "postprocessing")

    @cached_property
    def gate(self) -> GateConfig:
        """Conditions for replacing the champion."""
        return read(GateConfig, self.tree["gate"], "gate")

    @cached_property
    def typed(self) -> dict[str, str]:
        """Values that the user typed, by key; all other values are defaults of ``conf/``."""
        return typed_values(self.tree.get("command") or "")

    @cached_property
    def planning(self) -> str:
        """Hash of all settings that determine the steps of a plan, except data and budget."""
        settings = {key: value for key, value in self.tree.items() if key not in PLANNED_WITHOUT}
        text = json.dumps(settings, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def follows(self) -> dict[str, tuple[Any, str]]:
        """Training keys that are determined by the search options: value and reason, by key.

        Trainings end at the last of the rungs. Trainings of Hyperband continue shorter ones, which
        rules out learning rates that depend on the number of epochs.
        """
        train = TrainConfig.of(self.tree["train"])
        values: dict[str, tuple[Any, str]] = {}
        if self.search.rungs:
            values["train.epochs"] = self.search.rungs[-1][1], "the last of search.rungs"
        if self.search.sampler == "hyperband" and train.ends_with_epochs:
            values["train.schedule"] = "constant", "step or cyclic with search.sampler=hyperband"
        return values

    @cached_property
    def settled(self) -> Configuration:
        """Configuration of a sweep with the values of :attr:`follows`; itself if it has them.

        Default objectives are written out, since promotion reads them from the settings of trials.

        Raises
        ------
        UserError
            If the user typed another value for a key of :attr:`follows`.
        """
        for key, (value, why) in self.follows.items():
            now = dict(flat(self.tree))[key]
            require(key, now, now == value or key not in self.typed, f"{value}, {why}")
        values = {key: value for key, (value, _) in self.follows.items()}
        return self.with_values({**values, "search.objectives": list(self.search.objectives)})

    def notes(self, axes: Iterable[str]) -> Iterator[str]:
        """Yield one line for every value that a sweep over some axes replaces or fixes."""
        for key, (value, why) in self.follows.items():
            for change in self.replaced({key: value}, {key}):
                yield f"search: {change}, {why}"
        for key in axes:
            if key in self.typed and AXES + key not in self.typed:
                yield f"{key}={self.typed[key]} was typed, and is not searched over"

    def replaced(self, values: Mapping[str, Any], keys: Container[str]) -> list[str]:
        """Describe which of some keys would change with other values, as overrides.

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
        """Yield one line for every typed key that has no effect.

        A key is skipped if its effect depends on one of the ``axes`` of a sweep.
        """
        if said := self._idle_neighbourhood():
            yield said
        for key, value in self.typed.items():
            drawn = any(other in axes for other in used_with(key))
            if not drawn and (why := self._why_unused(key)):
                yield f"{key}={value} does nothing: {why}"

    def _idle_neighbourhood(self) -> str | None:
        """Return a line about typed n_x and n_y if the network ignores them, else None."""
        name = self.tree.get("model", {}).get("name")
        if "nbhd" not in self.typed or name not in MODELS or self.spec.family != "squares":
            return None
        nbhd = self.spec.nbhd
        if (nbhd.y, nbhd.x) == USUAL:
            return None
        return f"n_x and n_y of nbhd={nbhd} do nothing: model={name} sees squares, and n_z slices"

    def _why_unused(self, key: str) -> str | None:
        """Explain why a typed key has no effect; None if it has one."""
        typed = command_of(self.tree.get("command") or "")
        command = next((key for key in COMMANDS_IN_ANOTHER if self.tree.get(key)), typed)
        if why := not_read(key, command):
            return why
        if key.partition(".")[0] in ("model", "train"):
            return self.run.why_unused(key, planned=self.budget.planned)
        return why_unused(key, dict(flat(self.tree)))

    def with_values(self, values: Mapping[str, Any]) -> Configuration:
        """Return a configuration with some values replaced; itself if there are none.

        Parameters
        ----------
        values
            New values by dotted key.

        Raises
        ------
        UserError
            If a key does not exist.

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
            for step in path:
                node = node.get(step) if isinstance(node, dict) else None  # type: ignore[assignment]
            if not isinstance(node, dict) or last not in node:
                raise _unknown_axis(key, node)
            node[last] = value
        return Configuration(changed)


def _unknown_axis(key: str, beside: Any) -> UserError:
    """Return the error for a swept key that does not exist, with similar keys in its group."""
    table, _, last = key.rpartition(".")
    near = get_close_matches(last, beside) if isinstance(beside, dict) else []
    choices = f"; near it are {', '.join(f'{table}.{axis}' for axis in near)}" if near else ""
    return UserError(f"a swept key must exist in the configuration, but got {key!r}{choices}.")


def _texts(value: Any) -> Iterator[str]:
    """Yield all strings in a tree."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
