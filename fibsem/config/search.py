"""How a sweep searches, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from fibsem.config.grouped import TYPED
from fibsem.config.reading import require
from fibsem.system.secrets import remember


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
    rungs: tuple[tuple[int, ...], ...] = ()
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
    stall_s: float = 600.0
    patience_s: float = 600.0
    constraints: dict[str, float] | None = None
    storage: str | None = None
    keep: int | None = 10
    memory_gib: float | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        remember(self.storage)
        for key in ("trials", "max_failures", "workers", "pruner_patience", "startup_trials"):
            value = getattr(self, key)
            require(_typed(key), value, value >= 1, "at least 1")
        require("search.keep", self.keep, self.keep is None or self.keep >= 1, "at least 1 or null")
        for key in ("population", "grid_points"):
            value = getattr(self, key)
            require(_typed(key), value, value >= 2, "at least 2")
        self._check_rungs()
        self._check_constraints()
        for key in ("max_seconds", "memory_gib"):
            limit = getattr(self, key)
            require(f"search.{key}", limit, limit is None or limit > 0, "positive or null")
        require("search.retries", self.retries, self.retries >= 0, "at least 0")
        require("search.pruner_warmup", self.pruner_warmup, self.pruner_warmup >= 0, "at least 0")
        for key in ("stall_s", "patience_s"):
            value = getattr(self, key)
            require(f"search.{key}", value, value > 0, "positive")
        require("search.heartbeat_s", self.heartbeat_s, self.heartbeat_s > 0, "positive")
        require(
            "search.grace_s", self.grace_s, self.grace_s > self.heartbeat_s,
            "longer than search.heartbeat_s",
        )  # fmt: skip

    def _check_constraints(self) -> None:
        """Optuna's samplers know them, but for CMA-ES; successive halving goes by losses alone."""
        if not self.constraints:
            return
        legal = self.backend == "optuna" and self.sampler != "cmaes" and not self.rungs
        require(
            "search.constraints", self.constraints, legal,
            "null with search=keras_tuner, search.sampler=cmaes or search.rungs",
        )  # fmt: skip

    def _check_rungs(self) -> None:
        """Numbers of trials that fall and of epochs that grow, of one objective in one backend."""
        if not self.rungs:
            return
        pairs = all(len(rung) == 2 and min(rung) >= 1 for rung in self.rungs)
        legal = pairs and all(b[0] <= a[0] and b[1] > a[1] for a, b in pairwise(self.rungs))
        shown = [list(rung) for rung in self.rungs]
        require("search.rungs", shown, legal, "pairs of fewer and fewer trials and more epochs")
        total = sum(rung[0] for rung in self.rungs)
        fits = total == self.trials
        require("search.trials", self.trials, fits, f"{total}, which are in search.rungs")
        alone = self.backend == "optuna" and self.pruner == "none" and len(self.objectives) == 1
        require("search.rungs", shown, alone, "[] with pruners, several objectives or Keras-Tuner")


def _typed(key: str) -> str:
    """A key as people type it."""
    return TYPED.get(f"search.{key}", f"search.{key}")
