"""Make the plan of a command once, store it with the results, and reuse it on repetition."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fibsem.config import Configuration
from fibsem.errors import UserError
from fibsem.models.spec import ModelSpec
from fibsem.system.files import known_json, read_json, write_json
from fibsem.system.identity import Identity
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.sentence import sentence

#: Name of the plan file in the folder of the results.
FILE = "plan.json"
#: Maximum share of a budget that opening the data may take.
OPENING = 0.5
#: Choices for the user when results cannot be continued by a plan.
ANEW = "another output or overwrite=true"


def planned(
    given: Configuration,
    folder: Path,
    data: str,
    make: Callable[[float], Plan],
    *,
    of: str = "",
    work: str = "",
    anew: bool = False,
    named: Plan | None = None,
    values: Callable[[Plan, float | None], dict[str, Any]] = Plan.values,
    spent_s: Callable[[], float] = lambda: 0.0,
) -> tuple[Configuration, Plan | None]:
    """Return the configuration with the values of its plan, and the plan, which is made once.

    Without a budget the configuration is returned unchanged, and None for the plan.

    Parameters
    ----------
    given, folder
        Configuration as it was typed, and folder of its results.
    data
        Hash of the dataset.
    make
        Makes a plan for some seconds. Called if there is no plan yet, or only one that was made
        for other settings and that no results depend on.
    of
        Conditions of the plan beyond the settings, such as the trials of a promotion.
    work
        Command and network that are planned; see :func:`work_of`.
    anew
        Whether existing results are removed, so that their plan is ignored.
    named
        Result of :func:`named_plan`, for commands that remove its file beforehand.
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
    budget = given.budget
    if not budget.planned:
        return given, None
    results = None if anew else _plan_of_results(folder)
    if budget.plan is not None:
        plan = named or named_plan(budget.plan, data, work)
        assert plan is not None
        if results is not None and plan == results.as_made:
            plan = results  # includes the recorded outcomes
        if plan != results:
            _refuse_another(folder, results, plan.budget_s)
    else:
        settings = f"{given.planning} {of}".strip()
        earlier = None if anew else _kept(folder, data)
        if earlier is not None and _serves(earlier, results, budget.seconds, settings, work):
            plan = earlier
        else:
            assert budget.seconds is not None
            _refuse_another(folder, results, budget.seconds)
            if not anew and earlier is None:
                _refuse_unplanned(folder)
            _check_left(budget.seconds, spent_s())
            plan = replace(make(budget.seconds), settings=settings, work=work)
    write_json(folder / FILE, plan.to_json())
    print(sentence(plan))
    limit_s = max(1.0, plan.trial_s - plan.once_s) if budget.strict else None
    set_by = values(plan, limit_s)
    of_study = given.typed.get("experiment") == "thesis"
    if others := given.replaced(set_by, set_by if of_study else given.typed):
        study = ", which is not the protocol of experiment=thesis" if of_study else ""
        print(f"budget: {', '.join(others)}{study}")
    return given.with_values(set_by), plan


def _check_left(budget_s: float, spent_s: float) -> None:
    """Raise UserError if opening the data alone has taken over half of the budget."""
    if spent_s > OPENING * budget_s:
        raise UserError(
            f"`budget` must be at least {math.ceil(spent_s / OPENING)}s, but got {budget_s:g}s: to "
            f"open the data and look through their labels took {spent_s:.0f}s; the choices are a "
            "longer one, or fewer labelled slices."
        )


def _serves(
    earlier: Plan, results: Plan | None, budget_s: float | None, settings: str, work: str
) -> bool:
    """Whether an earlier plan is reused: it belongs to results, or was made for equal settings."""
    of_these = results is not None or (earlier.settings == settings and earlier.is_of(work))
    return of_these and earlier.budget_s == budget_s


def work_of(command: str, spec: ModelSpec) -> str:
    """Describe the command and network of a plan, such as ``train of 2dcnn 33x33x3``."""
    return f"{command} of {spec.name} {spec.nbhd}"


def named_plan(path: Path | None, data: str, work: str) -> Plan | None:
    """Read the plan of ``plan=FILE``, or return None if ``path`` is None.

    Raises
    ------
    UserError
        If the file does not exist, or its plan is of another dataset, command or network.
    """
    if path is None:
        return None
    if not path.is_file():
        raise UserError(f"`plan` must be a file that a command has left, but {path} is not there.")
    plan = read_plan(path, data)
    if not plan.is_of(work):
        raise UserError(
            f"`plan` must be of this command and network ({work}), but {path} is of {plan.work}; "
            "budget= makes a new one."
        )
    return plan


def say_unplanned(given: Configuration, spec: ModelSpec) -> None:
    """Print that a budget does not limit a model that is fitted at once."""
    if given.budget.planned:
        print(f"budget: model={spec.name} is fitted at once, in the time that it takes")


def _plan_of_results(folder: Path) -> Plan | None:
    """Return the plan of the results in a folder, or None if it holds no results or no plan."""
    return known_json(folder / FILE, Plan.from_json) if Identity.beside(folder) else None


def _refuse_another(folder: Path, results: Plan | None, budget_s: float) -> None:
    """Raise UserError if results in the folder already have a plan of their own."""
    if results is not None:
        raise UserError(
            f"`budget` must be that of the results in {folder}, {results.budget_s:g}s, but got "
            f"another one, of {budget_s:g}s; the choices are {ANEW}."
        )


def _kept(folder: Path, data: str) -> Plan | None:
    """Return the usable plan of an earlier start, or None if there is none.

    Raises UserError if results depend on a plan that cannot be used.
    """
    file = folder / FILE
    if not file.is_file() or Identity.beside(folder) is None:
        plan = known_json(file, Plan.from_json)
        return plan if plan is not None and plan.data == data else None
    plan = read_json(file, Plan.from_json, remedy=f"the choices are a copy of it, {ANEW}")
    if plan.data != data:
        raise UserError(
            f"`output` must be a new folder or hold results of the same data, but {file} was made "
            f"for others; the choices are the former ones, {ANEW}."
        )
    return plan


def _refuse_unplanned(folder: Path) -> None:
    """Raise UserError, before anything is timed, if the folder holds results without a plan."""
    if Identity.beside(folder) is not None:
        raise UserError(
            f"`budget` must be that of the results in {folder}, which were made without one; the "
            f"choices are no budget, {ANEW}."
        )


def read_plan(path: Path, data: str) -> Plan:
    """Read a plan file; raise UserError if it was made for other data."""
    plan = read_json(path, Plan.from_json, remedy="give budget= instead")
    if plan.data != data:
        raise UserError(
            f"`plan` must be of this dataset, but {path} was made for other data ({plan.data}, not "
            f"{data}); budget= makes a new one."
        )
    return plan
