"""Configuration: Hydra's tree -> frozen values; all validation and all of its messages.

Only this module and the commands know Hydra. YAML holds values, Python holds names. A
configuration travels as a plain tree (nested dicts), so that a trial is the tree with a few keys
replaced, read again.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import signal
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from fibsem.analysis.postprocessing import SearchGrid
from fibsem.data.preprocessing import Recipe
from fibsem.data.split import SplitRecipe
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.spec import ModelSpec, resolve

Tree = dict[str, Any]
T = TypeVar("T")

#: Where the YAML is: inside the package in a wheel, beside it in a checkout.
CONF = next(
    folder
    for folder in (Path(__file__).parent / "conf", Path(__file__).parent.parent / "conf")
    if folder.is_dir()
)

#: Keys that do not change what is computed, only how much of it, where and how it is told.
NOT_IN_THE_HASH = (
    "output",
    "tracking",
    "search.trials",
    "search.max_seconds",
    "search.workers",
    "search.isolate",
    "search.storage",
    "search.retries",
    "search.max_failures",
    "search.heartbeat_s",
    "search.grace_s",
    "search.dry_run",
    # of fibsem.segment
    "estimate", "memory_gib", "slab", "tile", "previews", "certificate", "workers", "scheduler",
    "overwrite",
)  # fmt: skip


@dataclass(frozen=True)
class DataConfig:
    """Which dataset: a manifest by path, or a named one that is simulated or downloaded."""

    name: str
    path: str | None = None
    root: str = "data"
    phantom: str | None = None
    download: bool = False


@dataclass(frozen=True)
class SamplingConfig:
    """The draw of pixels belongs to the dataset, not to the run."""

    seed: int = 0


@dataclass(frozen=True)
class TrainConfig:
    """How a network is trained (thesis 3.6, 3.7)."""

    mode: Literal["auto", "patch", "grid"] = "auto"
    share: float = 0.005
    epochs: int = 125
    patience: int | None = 10
    loss: Literal["bce", "bce_iou", "bce_porosity"] = "bce"
    loss_weight: float = 1.0
    optimizer: Literal["sgd", "nesterov", "adam", "rmsprop"] = "sgd"
    learning_rate: float | None = None
    momentum: float = 0.95
    batch: int = 128
    schedule: Literal["step", "cyclic", "cosine", "constant"] = "step"
    decay: float = 0.75
    decay_every: int = 8
    min_learning_rate: float = 1e-5
    windows: int | None = None
    grid: int | None = None
    steps: int | None = None
    max_seconds: float | None = None
    keep: Literal["loss", "miou"] = "loss"
    augment: bool = True
    shift_sd: float = 0.0
    shift_probability: float = 0.0
    val_all: bool = True
    test: bool = False

    def __post_init__(self) -> None:
        _require("train.share", self.share, 0 < self.share <= 1, "in (0, 1]")
        _require("train.momentum", self.momentum, 0 <= self.momentum < 1, "in [0, 1)")
        _require("train.decay", self.decay, 0 < self.decay <= 1, "in (0, 1]")
        for key in ("epochs", "batch", "decay_every", "windows", "grid", "patience", "steps"):
            value = getattr(self, key)
            _require(f"train.{key}", value, value is None or value >= 1, "at least 1")
        for key in ("learning_rate", "max_seconds"):
            value = getattr(self, key)
            _require(f"train.{key}", value, value is None or value > 0, "positive")
        _require("train.loss_weight", self.loss_weight, self.loss_weight >= 0, "at least 0")

    def resolved(self, spec: ModelSpec) -> TrainConfig:
        """The mode, batch shape and learning rate that this model is trained with."""
        if self.mode == "grid" and not spec.convertible:
            raise UserError(
                f"`train.mode=grid` needs a convertible network, but got model={spec.name} with "
                f"padding={spec.padding}; the choices are train.mode=patch or model.padding=valid."
            )
        if self.mode == "patch" and spec.family == "squares":
            raise UserError(
                f"`train.mode` must be auto or grid for model={spec.name}, which is trained on "
                "squares, but got patch."
            )
        mode = self.mode if self.mode != "auto" else "grid" if spec.convertible else "patch"
        windows, grid = (4, 64) if spec.family == "squares" else (16, 8)
        rate = 0.02 if mode == "grid" else 0.005
        if self.optimizer in ("adam", "rmsprop"):  # which scale their steps themselves
            rate = 0.001
        return replace(
            self,
            mode=mode,
            learning_rate=self.learning_rate or rate,
            windows=self.windows or windows,
            grid=self.grid or grid,
        )

    def learning_rate_at(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0 (thesis 3.7).

        ``step``: times 0.75 every 8 epochs, not below 1e-5. ``cyclic``: in straight lines from a
        tenth of the rate up to it and back, ``2 * decay_every`` epochs a cycle. ``cosine``: half a
        cosine from the rate to ``min_learning_rate`` over ``epochs``.
        """
        assert self.learning_rate is not None
        top, low = self.learning_rate, min(self.min_learning_rate, self.learning_rate)
        if self.schedule == "step":
            return max(low, top * self.decay ** (epoch // self.decay_every))
        if self.schedule == "cyclic":
            phase = abs((epoch / self.decay_every + 1) % 2 - 1)  # 0 at the start, 1 in the middle
            return top * (0.1 + 0.9 * phase)
        if self.schedule == "cosine":
            return low + (top - low) * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
        return top


@dataclass(frozen=True)
class TrackingConfig:
    """Where runs are logged."""

    uri: str = "sqlite:///mlruns/mlflow.db"
    artifacts: str = "mlruns/artifacts"
    experiment: str | None = None
    system_metrics: bool = False

    @property
    def absolute_uri(self) -> str:
        """The store as a process in another folder reaches it."""
        database = self.uri.removeprefix("sqlite:///")
        return self.uri if database == self.uri else f"sqlite:///{Path(database).resolve()}"


@dataclass(frozen=True)
class SearchConfig:
    """How a sweep searches, and how much."""

    backend: Literal["optuna", "keras_tuner"] = "optuna"
    trials: int = 100
    max_seconds: float | None = None
    sampler: Literal[
        "enumerated", "random", "grid", "tpe", "cmaes", "nsga2", "hyperband", "bayesian"
    ] = "enumerated"
    objectives: tuple[str, ...] = ("val/loss",)
    pruner: Literal["none", "median", "halving", "hyperband", "patient"] = "none"
    pruner_warmup: int = 3
    pruner_patience: int = 3
    startup_trials: int = 10
    population: int = 20
    grid_points: int = 3
    hyperband_epochs: int = 27
    seed: int = 0
    workers: int = 1
    isolate: bool = False
    retries: int = 2
    max_failures: int = 10
    heartbeat_s: float = 15.0
    grace_s: float = 90.0
    storage: str | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        for key in ("trials", "max_failures", "workers", "pruner_patience", "startup_trials"):
            value = getattr(self, key)
            _require(f"search.{key}", value, value >= 1, "at least 1")
        for key in ("population", "grid_points"):
            value = getattr(self, key)
            _require(f"search.{key}", value, value >= 2, "at least 2")
        limit = self.max_seconds
        _require("search.max_seconds", limit, limit is None or limit > 0, "positive or null")
        _require("search.retries", self.retries, self.retries >= 0, "at least 0")
        _require("search.pruner_warmup", self.pruner_warmup, self.pruner_warmup >= 0, "at least 0")
        _require("search.heartbeat_s", self.heartbeat_s, self.heartbeat_s > 0, "positive")
        _require(
            "search.grace_s", self.grace_s, self.grace_s > self.heartbeat_s,
            "longer than search.heartbeat_s",
        )  # fmt: skip


@dataclass(frozen=True)
class PostProcessingConfig:
    """The grid of the post-processing search (thesis Table 3.6), both ends in."""

    sigma: tuple[float, ...]
    threshold_start: float
    threshold_stop: float
    threshold_steps: int
    rounds: tuple[int, ...] = (1,)
    min_size: tuple[int, ...] = (0,)

    @property
    def grid(self) -> SearchGrid:
        """The combinations."""
        step = (self.threshold_stop - self.threshold_start) / max(1, self.threshold_steps - 1)
        thresholds = tuple(self.threshold_start + k * step for k in range(self.threshold_steps))
        return SearchGrid(self.sigma, thresholds, self.rounds, self.min_size)


@dataclass(frozen=True)
class EvaluateConfig:
    """What an evaluation scores."""

    patch_limit: int = 2_000_000


@dataclass(frozen=True)
class GateConfig:
    """When a challenger replaces the champion."""

    alpha: float = 0.05
    force: bool = False


@dataclass(frozen=True)
class RunConfig:
    """One training: dataset, network, schedule, seed. The same for a trial and a final run."""

    data: DataConfig
    preprocess: Recipe
    split: SplitRecipe
    sampling: SamplingConfig
    spec: ModelSpec
    train: TrainConfig
    tracking: TrackingConfig
    seed: int

    @classmethod
    def of(cls, tree: Tree) -> RunConfig:
        """Read and check the common part of a configuration tree."""
        model = dict(tree["model"])
        name, padding = model.pop("name"), model.pop("padding")
        spec = resolve(name, Nbhd.parse(tree["nbhd"]), padding, model)
        return cls(
            data=read(DataConfig, tree["data"], "data"),
            preprocess=read(Recipe, tree["preprocess"], "preprocess"),
            split=read(SplitRecipe, tree["split"], "split"),
            sampling=read(SamplingConfig, tree["sampling"], "sampling"),
            spec=spec,
            train=read(TrainConfig, tree["train"], "train").resolved(spec),
            tracking=read(TrackingConfig, tree["tracking"], "tracking"),
            seed=int(tree["seed"]),
        )


def read(cls: type[T], tree: Mapping[str, Any], where: str) -> T:
    """Make a dataclass from a mapping, checking names and types."""
    assert is_dataclass(cls)
    hints = typing.get_type_hints(cls)
    known = {field.name: field for field in fields(cls)}
    for key in tree:
        if key not in known:
            raise UserError(f"`{where}` has no key {key!r}; it has: {', '.join(sorted(known))}.")
    values = {}
    for key, field in known.items():
        if key in tree:
            values[key] = _value(hints[key], tree[key], f"{where}.{key}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise UserError(f"`{where}.{key}` must be given, but is missing.")
    return typing.cast(T, cls(**values))


def _value(kind: Any, value: Any, where: str) -> Any:
    """Check a value against a type annotation; whole numbers pass as floats, lists as tuples."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if value not in arguments:
            choices = ", ".join(map(str, arguments))
            raise UserError(f"`{where}` must be one of {choices}, but got {value}.")
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _value(next(a for a in arguments if a is not type(None)), value, where)
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(_value(arguments[0], item, where) for item in items)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        raise UserError(f"`{where}` must be {names.get(kind, kind)}, but got {value!r}.")
    return value


def _require(key: str, value: object, legal: bool, constraint: str) -> None:
    if not legal:
        raise UserError(f"`{key}` must be {constraint}, but got {value}.")


def with_values(tree: Tree, values: Mapping[str, Any]) -> Tree:
    """A copy of the tree with dotted keys replaced; the keys must exist."""
    changed = copy.deepcopy(tree)
    for key, value in values.items():
        *path, last = key.split(".")
        node = changed
        for part in path:
            node = node.get(part) if isinstance(node, dict) else None  # type: ignore[assignment]
        if not isinstance(node, dict) or last not in node:
            raise UserError(f"a swept key must exist in the configuration, but got {key!r}.")
        node[last] = value
    return changed


def settings_hash(tree: Tree) -> str:
    """Eight hex digits of everything that changes what is computed."""
    kept = copy.deepcopy(tree)
    for key in NOT_IN_THE_HASH:
        *path, last = key.split(".")
        node = kept
        for part in path:
            node = node.get(part, {})
        node.pop(last, None)
    text = json.dumps(kept, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def output_folder(command: str, tree: Tree, dataset: str, *what: str) -> Path:
    """The folder of a command: as given, or one that the same command always gets again."""
    if tree.get("output"):
        return Path(tree["output"])
    return Path("outputs") / command / "-".join([dataset, *what, settings_hash(tree)])


def compose(command: str, overrides: list[str] | None = None) -> Tree:
    """Compose a command's configuration without running it; also from within a command."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    running, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        with _one_line_errors(), initialize_config_dir(str(CONF.resolve()), version_base=None):
            return _plain(hydra_compose(command, overrides or []))
    finally:
        GlobalHydra.instance().hydra = running


def _plain(config: Any) -> Tree:
    from omegaconf import OmegaConf

    tree = OmegaConf.to_container(config, resolve=True)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items() if key != "hydra"}


class _one_line_errors:  # noqa: N801 - reads as a statement: with _one_line_errors()
    """Turn what Hydra and OmegaConf complain about into one line for the user."""

    def __enter__(self) -> None:
        os.environ["HYDRA_FULL_ERROR"] = "1"

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException

        if isinstance(error, HydraException | OmegaConfBaseException):
            raise UserError(_first_line(str(error))) from error


#: How Hydra's grammar complains of a value that should have been quoted.
UNQUOTED = (
    "mismatched input",
    "no viable alternative",
    "token recognition",
    "LexerNoViableAlt",
    "extraneous input",
    "while evaluating",
)


def _first_line(message: str) -> str:
    """What a user needs of Hydra's message: its lines in one, without its own hints."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("full_key", "object_type", "See https"))]
    text = " ".join(kept).partition(" Config search path")[0]
    if any(words in text for words in UNQUOTED):
        text += " Values with spaces, commas or parentheses need quotes: 'data.path=\"a (b)\"'."
    return text


def run_command(name: str, main: Callable[[Tree], None]) -> None:
    """Entry of ``python -m fibsem.<name>``: compose, run, and answer a user's error in one line.

    Exit codes: 0 done, 1 a bug (with its traceback), 2 something the user can mend, 130 stopped.
    """
    import hydra

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors of TensorFlow reach Python anyway
    # a scheduler's way of saying Ctrl-C: what runs is ended cleanly, and goes on another time
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    mistakes: list[UserError] = []  # raised behind Hydra, which would announce them in its own way
    here = os.getpid()

    @hydra.main(version_base=None, config_path=str(CONF.resolve()), config_name=name)
    def composed(config: Any) -> None:
        try:
            main(_plain(config))
        except UserError as error:
            if os.getpid() != here:  # a job of a launcher (submitit): Hydra carries it back
                raise
            mistakes.append(error)

    try:
        with _one_line_errors():
            composed()
        for mistake in mistakes:
            raise mistake
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
