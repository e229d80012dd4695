"""Translate between the axes of a space and the parameters of Optuna's trials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from optuna.trial import Trial

from fibsem.config.search import PLANNED
from fibsem.search.space.space import Choice, Range, Space, Values


@dataclass(frozen=True)
class Axes:
    """The axes of a space as parameters of Optuna, for one sampler."""

    space: Space
    sampler: str

    def suggest(self, trial: Trial) -> Values:
        """Ask Optuna's sampler for the values of all axes that exist, in order."""
        values: Values = {}
        for key, axis in self.space.axes.items():
            if not self.space.exists(key, values):
                continue
            if isinstance(axis, Range):
                values[key] = _suggest_number(trial, key, axis)
            else:
                values[key] = self._suggest_choice(trial, key, axis, values)
        return values

    def _suggest_choice(self, trial: Trial, key: str, axis: Choice, values: Values) -> Any:
        allowed = self._allowed(key, axis, values)
        if len(allowed.values) == 1 and self.sampler not in PLANNED:
            return allowed.values[0]
        if self._by_position(axis):
            position = trial.suggest_int(f"{key} position", 0, len(axis.values) - 1)
            value = axis.values[position]
            return min(allowed.values, key=lambda v: abs(v - value))
        by_code = {_encoded(value): value for value in allowed.values}
        return by_code[trial.suggest_categorical(_name(key, axis, allowed), list(by_code))]

    def parameters(self, values: Values) -> dict[str, object]:
        """Return the Optuna parameters of hyperparameters, as :meth:`suggest` requests them."""
        return dict(self._parameters(values))

    def _parameters(self, values: Values) -> Iterator[tuple[str, object]]:
        earlier_values: Values = {}
        for key, value in values.items():
            axis = self.space.axes[key]
            if isinstance(axis, Range):
                yield key, value
            elif self._by_position(axis):
                yield f"{key} position", axis.values.index(value)
            else:
                yield _name(key, axis, self._allowed(key, axis, earlier_values)), _encoded(value)
            earlier_values[key] = value

    def _allowed(self, key: str, axis: Choice, values: Values) -> Choice:
        """Return the values that earlier axes allow, or all values for planned points."""
        if self.sampler in PLANNED:
            return axis
        allowed = self.space.choices(key, values)
        assert isinstance(allowed, Choice)
        return allowed

    def _by_position(self, axis: Choice) -> bool:
        """Whether a list of numbers is drawn by position, as CMA-ES draws categories at random."""
        return self.sampler == "cmaes" and _ordered(axis)


def _suggest_number(trial: Trial, key: str, axis: Range) -> float:
    if axis.integer:
        return trial.suggest_int(key, int(axis.low), int(axis.high), log=axis.log)
    return trial.suggest_float(key, axis.low, axis.high, log=axis.log)


def _name(key: str, axis: Choice, allowed: Choice) -> str:
    """Return the name of a categorical parameter, whose choices are fixed within a study."""
    return key if allowed.values == axis.values else f"{key} of {list(allowed.values)}"


def _ordered(axis: Choice) -> bool:
    """Whether a choice is a sorted list of numbers."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in axis.values)
    return numbers and list(axis.values) == sorted(axis.values)


def _encoded(value: Any) -> Any:
    """Encode a value for the storage: lists as JSON."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value
