"""What a sweep makes small or large: a figure of a finished training, by the name users type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fibsem.errors import UserError
from fibsem.system.records import Figures
from fibsem.training.results import Epoch

OBJECTIVES = {
    "val/loss": "minimize",
    "val/miou": "maximize",
    "val/accuracy": "maximize",
    "val_all/miou": "maximize",
    "val_all/porosity_bias": "minimize",
    "cost/seconds_per_gigapixel": "minimize",
}


@dataclass(frozen=True)
class Objective:
    """A figure of a finished training, and whether small or large values of it are good.

    Examples
    --------
    >>> Objective.named("val/miou").direction
    'maximize'
    """

    key: str
    direction: str

    @classmethod
    def named(cls, key: str, where: str = "search.objectives") -> Objective:
        """The objective by its name in a key of the configuration.

        Raises
        ------
        UserError
            If there is no objective of this name.
        """
        if key not in OBJECTIVES:
            raise UserError(f"`{where}` must be among {', '.join(OBJECTIVES)}, but got {key}.")
        return cls(key, OBJECTIVES[key])

    def of(self, groups: Mapping[str, Figures | None]) -> float:
        """The value among the :attr:`fibsem.training.results.TrialResult.groups` of a training."""
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
        """The value among figures that depend on the weights, ``val`` or ``val_all``; else None.

        It is None for objectives that are costs, and if the figures are missing.
        """
        group, _, _ = self.key.partition("/")
        figures = groups.get(group) if group in ("val", "val_all") else None
        try:
            return self.of({group: figures}) if figures else None
        except KeyError:
            return None

    def of_epoch(self, epoch: Epoch) -> float:
        """The value of an unfinished training, after an epoch."""
        return self.of({"val": epoch.val, "val_all": epoch.val_all or None})

    def of_metrics(self, metrics: Mapping[str, float]) -> float | None:
        """The value among the metrics of a run, with keys ``group/name``; None if it is missing."""
        group, _, _ = self.key.partition("/")
        start = f"{group}/"
        figures = {k.removeprefix(start): v for k, v in metrics.items() if k.startswith(start)}
        try:
            return self.of({group: figures})
        except KeyError:
            return None

    def beyond(self, value: float, bound: float) -> float:
        """By how much a value is worse than a bound; not positive if it is not."""
        return self.cost(value) - self.cost(bound)

    def cost(self, value: float) -> float:
        """The value with a sign such that small is good."""
        return value if self.direction == "minimize" else -value


def _porosity_bias(figures: Figures) -> float:
    """Mean error of porosity over samples; of all together in results of versions before."""
    if "porosity_error" in figures:
        return float(figures["porosity_error"])
    return abs(float(figures["porosity"]) - float(figures["label_porosity"]))


def check_figures(where: str, keys: Iterable[str], *, val_all: bool) -> None:
    """Refuse objectives and bounds of figures that no training would have.

    Raises
    ------
    UserError
        If one is of all labelled pixels, which are not scored.
    """
    missing = [key for key in keys if key.startswith("val_all/") and not val_all]
    if missing:
        raise UserError(
            f"`{where}` must name figures of every trial, but {missing[0]} is of all labelled "
            "pixels and train.val_all is false; the choices are train.val_all=true or figures of "
            "val/ and cost/."
        )
