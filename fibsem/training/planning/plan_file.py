"""The file of a plan in the folder of its results: what it allows a later start to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fibsem.errors import UserError
from fibsem.models.spec import ModelSpec
from fibsem.system.files import known_json, read_json
from fibsem.system.identity import Identity
from fibsem.system.locks import alone
from fibsem.training.planning.plan import Plan

#: Name of the file in the folder of the results.
FILE = "plan.json"
#: Name of the lock of :meth:`PlanFile.beginning` beside it.
LOCK = ".plan.lock"
#: Choices for the user when results cannot be continued by a plan.
ANEW = "another output or overwrite=true"


def work_of(command: str, spec: ModelSpec) -> str:
    """Describe the command and network of a plan, such as ``train of 2dcnn 33x33x3``."""
    return f"{command} of {spec.name} {spec.nbhd}"


@dataclass(frozen=True)
class PlanFile:
    """The plan of a command, beside the results that depend on it.

    Attributes
    ----------
    folder
        Folder of the results.
    data
        Hash of the dataset.
    work
        Command and network that are planned; see :func:`work_of`.
    of
        Conditions of the plan beyond the settings, such as the trials of a promotion.
    anew
        Whether existing results are removed, so that their plan is ignored.
    """

    folder: Path
    data: str
    work: str = ""
    of: str = ""
    anew: bool = False

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.folder / FILE

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Let one of several processes make the plan and begin results by it; the others wait.

        Measured times differ, and so do the steps of two plans: without this, a process that joins
        would replace the plan on which the results of the other one depend.
        """
        busy = f"another process begins in {self.folder}; its plan is waited for"
        with alone(self.folder / LOCK, busy=busy):
            yield

    @property
    def is_begun(self) -> bool:
        """Whether a process has begun results by a plan in the folder, or is about to."""
        return (self.folder / LOCK).exists()

    def named(self, path: Path) -> Plan:
        """Read the plan of ``plan=FILE``.

        Raises
        ------
        UserError
            If the file does not exist, or its plan is of another dataset, command or network.
        """
        if not path.is_file():
            raise UserError(
                f"`plan` must be a file that a command has left, but {path} is not there."
            )
        plan = read_plan(path, self.data)
        if not plan.is_of(self.work):
            raise UserError(
                f"`plan` must be of this command and network ({self.work}), but {path} is of "
                f"{plan.work}; budget= makes a new one."
            )
        return plan

    def continued(self, named: Plan) -> Plan:
        """Return a named plan, with the recorded outcomes if the results are of the same one.

        Raises
        ------
        UserError
            If the results belong to another plan.
        """
        results = self._of_results()
        if results is not None and named == results.as_made:
            return results
        if named != results:
            self._refuse_another(results, named.budget_s)
        return named

    def earlier(self, budget_s: float, settings: str) -> Plan | None:
        """Return the plan of an earlier start if it is reused, or None if a new one may be made.

        It is reused if it belongs to results, or was made for equal settings.

        Raises
        ------
        UserError
            If results in the folder have another plan, one that cannot be used, or none.
        """
        results, plan = self._of_results(), None if self.anew else self._former()
        if plan is not None and plan.budget_s == budget_s:
            fits = plan.settings == settings and plan.is_of(self.work)
            if results is not None or fits:
                return plan
        self._refuse_another(results, budget_s)
        if plan is None and not self.anew:
            self._refuse_unplanned()
        return None

    def _of_results(self) -> Plan | None:
        """Return the plan of the results in the folder, or None if it holds no results or plan."""
        if self.anew or Identity.beside(self.folder) is None:
            return None
        return known_json(self.path, Plan.from_json)

    def _former(self) -> Plan | None:
        """Return the usable plan of an earlier start, or None if there is none.

        Raises UserError if results depend on a plan that cannot be used.
        """
        if not self.path.is_file() or Identity.beside(self.folder) is None:
            plan = known_json(self.path, Plan.from_json)
            return plan if plan is not None and plan.data == self.data else None
        plan = read_json(self.path, Plan.from_json, remedy=f"the choices are a copy of it, {ANEW}")
        if plan.data != self.data:
            raise UserError(
                f"`output` must be a new folder or hold results of the same data, but {self.path} "
                f"was made for others; the choices are the former ones, {ANEW}."
            )
        return plan

    def _refuse_another(self, results: Plan | None, budget_s: float) -> None:
        """Raise UserError if results in the folder already have a plan of their own."""
        if results is not None:
            raise UserError(
                f"`budget` must be that of the results in {self.folder}, {results.budget_s:g}s, "
                f"but got another one, of {budget_s:g}s; the choices are {ANEW}."
            )

    def _refuse_unplanned(self) -> None:
        """Raise UserError, before anything is timed, if there are results without a plan."""
        if Identity.beside(self.folder) is not None:
            raise UserError(
                f"`budget` must be that of the results in {self.folder}, which were made without "
                f"one; the choices are no budget, {ANEW}."
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
