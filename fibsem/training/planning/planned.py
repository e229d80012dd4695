"""The plan of a command: made once, kept with its results, and repeated by the same command."""

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

#: Where a plan is kept, in the folder of the results.
FILE = "plan.json"
#: Share of a budget that opening the data may take.
OPENING = 0.5
#: What can be done where results do not go on by a plan.
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
    """The configuration with what its budget pays for; the plan is made once, and kept.

    Parameters
    ----------
    given, folder
        The configuration as it was typed, and where its results are.
    data
        Hash of the dataset.
    make
        Makes a plan for some seconds where there is none yet, or one that was made for other
        settings and that no results go on by.
    of
        What it is made for beyond the settings, as the trials of a promotion.
    work
        What is planned, command and network; see :func:`work_of`.
    anew
        Whatever is there, is removed.
    named
        What :func:`named_plan` gave, for commands that remove its file before.
    values
        What a plan sets of the configuration, and after how many seconds trainings are cut off.
    spent_s
        Gives the seconds that this start has taken already.

    Raises
    ------
    UserError
        If ``plan`` is none, or of another dataset, command or network.
    """
    budget = given.budget
    if not budget.planned:
        return given, None
    results = None if anew else _plan_of_results(folder)
    if budget.plan is not None:
        plan = named or named_plan(budget.plan, data, work)
        assert plan is not None
        if results is not None and plan == results.as_made:
            plan = results  # which knows what they came to
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
    """Refuse to time anything where the data alone have taken half of a budget."""
    if spent_s > OPENING * budget_s:
        raise UserError(
            f"`budget` must be at least {math.ceil(spent_s / OPENING)}s, but got {budget_s:g}s: to "
            f"open the data and look through their labels took {spent_s:.0f}s; the choices are a "
            "longer one, or fewer labelled slices."
        )


def _serves(
    earlier: Plan, results: Plan | None, budget_s: float | None, settings: str, work: str
) -> bool:
    """Whether a plan that was made before is gone on by: that of results, or of equal settings."""
    of_these = results is not None or (earlier.settings == settings and earlier.is_of(work))
    return of_these and earlier.budget_s == budget_s


def work_of(command: str, spec: ModelSpec) -> str:
    """What a plan is of: ``train of 2dcnn 33x33x3``."""
    return f"{command} of {spec.name} {spec.nbhd}"


def named_plan(path: Path | None, data: str, work: str) -> Plan | None:
    """The plan of ``plan=FILE``; None where none is named.

    Raises
    ------
    UserError
        If it is not there, or of another dataset, command or network.
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
    """Say that a budget bounds no training of a model that is fitted at once."""
    if given.budget.planned:
        print(f"budget: model={spec.name} is fitted at once, in the time that it takes")


def _plan_of_results(folder: Path) -> Plan | None:
    """The plan by which the results in a folder go on; None where there are none."""
    return known_json(folder / FILE, Plan.from_json) if Identity.beside(folder) else None


def _refuse_another(folder: Path, results: Plan | None, budget_s: float) -> None:
    """Refuse to plan anew what goes on by its own plan."""
    if results is not None:
        raise UserError(
            f"`budget` must be that of the results in {folder}, {results.budget_s:g}s, but got "
            f"another one, of {budget_s:g}s; the choices are {ANEW}."
        )


def _kept(folder: Path, data: str) -> Plan | None:
    """The plan that a former start has left; None where there is none that can be used.

    Refused where results hang on one that cannot.
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
    """Refuse to plan what goes on without a plan: nothing is timed for it, and none left there."""
    if Identity.beside(folder) is not None:
        raise UserError(
            f"`budget` must be that of the results in {folder}, which were made without one; the "
            f"choices are no budget, {ANEW}."
        )


def read_plan(path: Path, data: str) -> Plan:
    """Read what was kept; refused where it is of other data."""
    plan = read_json(path, Plan.from_json, remedy="give budget= instead")
    if plan.data != data:
        raise UserError(
            f"`plan` must be of this dataset, but {path} was made for other data ({plan.data}, not "
            f"{data}); budget= makes a new one."
        )
    return plan
