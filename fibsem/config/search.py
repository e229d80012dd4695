"""Options of a sweep: backend, sampler, pruner, budget, workers and failure handling."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from fibsem.config.grouped import TYPED
from fibsem.config.reading import require, require_file
from fibsem.errors import UserError
from fibsem.system.secrets import remember

#: Optuna samplers whose k-th draw is known in advance, Optuna samplers that learn from finished
#: trials, and the oracles of Keras-Tuner.
PLANNED, LEARNING = ("enumerated", "random", "grid"), ("tpe", "cmaes", "nsga2")
ORACLES = ("random", "hyperband", "bayesian")


@dataclass(frozen=True)
class SearchConfig:
    """Options of a sweep: backend, sampler, pruner, budget, workers and failure handling.

    Examples
    --------
    >>> SearchConfig(trials=8).backend
    'optuna'
    """

    backend: Literal["optuna", "keras_tuner"] = "optuna"
    trials: int = 100
    max_seconds: float | None = None
    sampler: Literal[
        "enumerated", "random", "grid", "tpe", "cmaes", "nsga2", "hyperband", "bayesian"
    ] = "enumerated"
    objectives: tuple[str, ...] = ()  # defaults are set by Configuration.search
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
        if self.storage:
            require_file("search.storage", self.storage)
        for key in ("trials", "max_failures", "workers", "pruner_patience", "startup_trials",
                    "hyperband_epochs"):  # fmt: skip
            value = getattr(self, key)
            require(_typed(key), value, value >= 1, "at least 1")
        require("search.keep", self.keep, self.keep is None or self.keep >= 1, "at least 1 or null")
        for key in ("population", "grid_points"):
            value = getattr(self, key)
            require(_typed(key), value, value >= 2, "at least 2")
        self._check_rungs()
        self._check_constraints()
        self._check_objectives()
        self._check_sampler()
        if self.backend == "keras_tuner":
            self._check_files()
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
        """Refuse constraints with CMA-ES, Keras-Tuner or successive halving, which ignore them."""
        if not self.constraints:
            return
        legal = self.backend == "optuna" and self.sampler != "cmaes" and not self.rungs
        require(
            "search.constraints", self.constraints, legal,
            "null with search=keras_tuner, search.sampler=cmaes or search.rungs",
        )  # fmt: skip

    def _check_rungs(self) -> None:
        """Check rungs: never more trials than before, more epochs, one objective, and Optuna."""
        if not self.rungs:
            return
        pairs = all(len(rung) == 2 and min(rung) >= 1 for rung in self.rungs)
        legal = pairs and all(b[0] <= a[0] and b[1] > a[1] for a, b in pairwise(self.rungs))
        shown = [list(rung) for rung in self.rungs]
        require("search.rungs", shown, legal, "pairs of fewer and fewer trials and more epochs")
        total = sum(rung[0] for rung in self.rungs)
        fits = total == self.trials
        require("search.trials", self.trials, fits, f"{total}, which are in search.rungs")
        alone = self._by_objective_alone
        require(
            "search.rungs",
            shown,
            alone,
            "[] with pruners, a grid, several objectives or Keras-Tuner",
        )

    @property
    def figures(self) -> dict[str, tuple[str, ...]]:
        """Names of the figures that trials are compared by, by key of the configuration."""
        return {
            "search.objectives": self.objectives,
            "search.constraints": tuple(self.constraints or ()),
        }

    @property
    def _by_objective_alone(self) -> bool:
        """Whether successive halving is supported: Optuna, one objective, no pruner, no grid."""
        alone = self.pruner == "none" and len(self.objectives) <= 1
        # a grid may have fewer points than a rung's slots
        return self.backend == "optuna" and alone and self.sampler != "grid"

    @property
    def can_halve(self) -> bool:
        """Whether successive halving is possible: no other option decides which trials finish."""
        return self._by_objective_alone and not self.constraints

    @property
    def drawn(self) -> int:
        """Number of points to draw, repetitions included; 0 if points are not repeated.

        Grids and oracles of Keras-Tuner end when there are no new points. Only the first rung
        draws points; later rungs continue its trials.
        """
        if self.sampler == "grid" or self.backend != "optuna":
            return 0
        return self.rungs[0][0] if self.rungs else self.trials

    @property
    def compares_unfinished(self) -> str | None:
        """Option that compares unfinished trainings, as the user types it, or None."""
        if self.rungs:
            return "search.rungs"
        return None if self.pruner == "none" else f"search.pruner={self.pruner}"

    def _check_objectives(self) -> None:
        """Refuse pruners and CMA-ES with several objectives."""
        if len(self.objectives) > 1 and self.pruner != "none":
            raise UserError(
                "`search.pruner` must be none with several objectives, since an unfinished "
                f"training has no value for all of them, but got {self.pruner}."
            )
        if len(self.objectives) > 1 and self.sampler == "cmaes":
            raise UserError(
                "`search.sampler=cmaes` has a single objective; nsga2 and tpe have several."
            )

    def _check_sampler(self) -> None:
        """Refuse a sampler that the backend does not have."""
        if self.backend == "optuna" and self.sampler not in (*PLANNED, *LEARNING):
            raise UserError(
                f"`search.sampler={self.sampler}` is of search=keras_tuner; here the choices are "
                f"{', '.join((*PLANNED, *LEARNING))} (and search.pruner=hyperband)."
            )
        if self.backend == "keras_tuner" and self.sampler not in ORACLES:
            raise UserError(
                f"`search.sampler` must be one of {', '.join(ORACLES)} with search=keras_tuner, "
                f"but got {self.sampler}; search=default (Optuna) has enumerated, grid, tpe, cmaes "
                "and nsga2."
            )

    def _check_files(self) -> None:
        """Refuse options that Keras-Tuner's files cannot support, and name the other backend."""
        options = {
            "storage": self.storage is not None,
            "workers": self.workers > 1,
            "pruner": self.pruner != "none",
            "objectives": len(self.objectives) > 1,
        }
        for key in (key for key, is_set in options.items() if is_set):
            raise UserError(
                f"`search.{key}` cannot be set with search=keras_tuner, whose state is files for "
                "one worker and one value; search=default (Optuna) has databases, heartbeats, "
                "several machines, pruners and objectives."
            )


def of_epochs(objective: str, *, estimates_all: bool) -> bool:
    """Return whether a figure is measured in every epoch, not only at the end of the training.

    Parameters
    ----------
    objective
        Name of the figure.
    estimates_all
        See :attr:`fibsem.config.TrainConfig.estimates_all`.

    Examples
    --------
    >>> [of_epochs(one, estimates_all=False) for one in ("val/loss", "val_all/miou", "cost/any")]
    [True, False, False]
    """
    group, _, _ = objective.partition("/")
    return group == "val" or (group == "val_all" and estimates_all)


def _typed(key: str) -> str:
    """Return a search key as users type it, in its group."""
    return TYPED.get(f"search.{key}", f"search.{key}")
