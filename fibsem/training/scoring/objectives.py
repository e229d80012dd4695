"""Objectives of a sweep: metrics of a finished training, by the names that users type."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fibsem.errors import UserError
from fibsem.system import metric_names
from fibsem.system.records import Figures
from fibsem.training.results import Epoch

OBJECTIVES = {
    metric_names.VAL_LOSS: "minimize",
    metric_names.VAL_MIOU: "maximize",
    metric_names.VAL_ACCURACY: "maximize",
    metric_names.VAL_ALL_MIOU: "maximize",
    metric_names.VAL_ALL_BIAS: "minimize",
    metric_names.COST: "minimize",
}


@dataclass(frozen=True)
class Objective:
    """A metric of a finished training and its direction, ``minimize`` or ``maximize``.

    Examples
    --------
    >>> Objective.named("val/miou").direction
    'maximize'
    """

    key: str
    direction: str

    @classmethod
    def named(cls, key: str, where: str = "search.objectives") -> Objective:
        """Return the objective with a name; ``where`` is the configuration key for messages.

        Raises
        ------
        UserError
            If there is no objective of this name.
        """
        if key not in OBJECTIVES:
            raise UserError(f"`{where}` must be among {', '.join(OBJECTIVES)}, but got {key}.")
        return cls(key, OBJECTIVES[key])

    def of(self, groups: Mapping[str, Figures | None]) -> float:
        """Return the objective's value from :attr:`fibsem.training.results.TrialResult.groups`.

        Raises
        ------
        UserError
            If the group of the metric was not measured.
        """
        group, _, name = self.key.partition("/")
        figures = groups.get(group)
        if figures is None:
            raise UserError(
                f"`search.objectives` needs {group} figures for {self.key}, but the training gives "
                "none; train.val_all=true scores all labelled pixels."
            )
        if name == "porosity_bias":
            return _porosity_bias(figures)
        return float(figures[name])

    def of_weights(self, groups: Mapping[str, Figures | None]) -> float | None:
        """Return the value of a ``val`` or ``val_all`` objective, as :meth:`of` does.

        None for objectives of cost, or if the metrics are missing.
        """
        group, _, _ = self.key.partition("/")
        figures = groups.get(group) if group in ("val", "val_all") else None
        try:
            return self.of({group: figures}) if figures else None
        except KeyError:
            return None

    def of_epoch(self, epoch: Epoch) -> float:
        """Return the value of the objective for the weights of one epoch."""
        return self.of({"val": epoch.val, "val_all": epoch.val_all or None})

    def of_metrics(self, metrics: Mapping[str, float]) -> float | None:
        """Return the value from a run's metrics with keys ``group/name``; None without a number."""
        group, _, _ = self.key.partition("/")
        start = f"{group}/"
        figures = {k.removeprefix(start): v for k, v in metrics.items() if k.startswith(start)}
        try:
            value = self.of({group: figures})
        except KeyError:
            return None
        return value if math.isfinite(value) else None

    def beyond(self, value: float, bound: float) -> float:
        """Return by how much a value violates a bound; zero or negative if it does not."""
        return self.cost(value) - self.cost(bound)

    def cost(self, value: float) -> float:
        """Return the value with the sign that makes smaller better."""
        return value if self.direction == "minimize" else -value


def _porosity_bias(figures: Figures) -> float:
    """Mean porosity error over samples; over all pixels for results of earlier versions."""
    if "porosity_error" in figures:
        return float(figures["porosity_error"])
    return abs(float(figures["porosity"]) - float(figures["label_porosity"]))


def check_figures(where: str, keys: Iterable[str], *, val_all: bool) -> None:
    """Check that every training has the metrics of the objectives and bounds.

    Raises
    ------
    UserError
        If one refers to all labelled pixels and ``val_all`` is False.
    """
    missing = [key for key in keys if key.startswith(metric_names.OF_ALL) and not val_all]
    if missing:
        raise UserError(
            f"`{where}` must name figures of every trial, but {missing[0]} is of all labelled "
            "pixels and train.val_all is false; the choices are train.val_all=true or figures of "
            "val/ and cost/."
        )
