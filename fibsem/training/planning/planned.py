"""Make the plan of a command once, store it with the results, and reuse it on repetition."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fibsem.config import Configuration
from fibsem.errors import UserError
from fibsem.models.spec import ModelSpec
from fibsem.system.files import write_json
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.plan_file import PlanFile
from fibsem.training.planning.sentence import sentence

#: Maximum share of a budget that opening the data may take.
OPENING = 0.5


def planned(
    configuration: Configuration,
    file: PlanFile,
    make: Callable[[float], Plan],
    *,
    named: Plan | None = None,
    values: Callable[[Plan, float | None], dict[str, Any]] = Plan.values,
    spent_s: Callable[[], float] = lambda: 0.0,
) -> tuple[Configuration, Plan | None]:
    """Return the configuration with the values of its plan, and the plan, which is made once.

    Without a budget the configuration is returned unchanged, and None for the plan.

    Parameters
    ----------
    configuration, file
        Configuration as it was typed, and the file of its plan.
    make
        Makes a plan for some seconds. Called if there is no plan yet, or only one that was made
        for other settings and that no results depend on.
    named
        Plan of ``plan=FILE``, for commands that remove this file beforehand.
    values
        Returns the configuration keys that a plan sets, given the plan and the seconds after which
        trainings are cut off.
    spent_s
        Returns the seconds that this start has already taken.

    Raises
    ------
    UserError
        If the file of ``plan`` is not a plan, or one of another dataset, command or network; if
        the results belong to another plan or to none; or if opening the data took too long.
    """
    budget = configuration.budget
    if not budget.planned:
        return configuration, None
    if budget.plan is not None:
        plan = file.continued(named or file.named(budget.plan))
    else:
        assert budget.seconds is not None
        settings = f"{configuration.planning} {file.of}".strip()
        earlier = file.earlier(budget.seconds, settings)
        if earlier is None:
            _check_left(budget.seconds, spent_s())
            earlier = replace(make(budget.seconds), settings=settings, work=file.work)
        plan = earlier
    write_json(file.path, plan.to_json())
    print(sentence(plan))
    limit_s = max(1.0, plan.trial_s - plan.once_s) if budget.strict else None
    set_by = values(plan, limit_s)
    of_study = configuration.typed.get("experiment") == "thesis"
    if others := configuration.replaced(set_by, set_by if of_study else configuration.typed):
        study = ", which is not the protocol of experiment=thesis" if of_study else ""
        print(f"budget: {', '.join(others)}{study}")
    return configuration.with_values(set_by), plan


def _check_left(budget_s: float, spent_s: float) -> None:
    """Raise UserError if opening the data alone has taken over half of the budget."""
    if spent_s > OPENING * budget_s:
        raise UserError(
            f"`budget` must be at least {math.ceil(spent_s / OPENING)}s, but got {budget_s:g}s: to "
            f"open the data and look through their labels took {spent_s:.0f}s; the choices are a "
            "longer one, or fewer labelled slices."
        )


def say_unplanned(configuration: Configuration, spec: ModelSpec) -> None:
    """Print that a budget does not limit a model that is fitted at once."""
    if configuration.budget.planned:
        print(f"budget: model={spec.name} is fitted at once, in the time that it takes")
