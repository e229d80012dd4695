"""A study in Optuna: slots as trials, claimed atomically; any storage that Optuna has.

Ask and tell with enqueued trials. A claim is the change of a trial's state from waiting to running,
which every storage does for one process only; so two workers never run one slot, and the budget is
exact without a lock. (Optuna's own ``ask`` would make a new trial where none is waiting.)
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import create_engine, text

from fibsem.config import SearchConfig
from fibsem.errors import UserError
from fibsem.search.owner import Watch, alive_here, here, me
from fibsem.search.samplers import PLANNED, make_pruner, make_sampler
from fibsem.search.slots import Attempt, Opening, State, next_attempt, slots_needed, to_open
from fibsem.search.space import Choice, Range, Space, Values
from fibsem.system.addresses import as_url, database_file, hidden
from fibsem.system.interrupts import whole_calls
from fibsem.system.locks import alone
from fibsem.training.objectives import Objective

optuna.logging.set_verbosity(optuna.logging.WARNING)

STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


#: Number of the lock in PostgreSQL; any will do that others do not use.
LAYOUT = 0x66696273656D


def open_storage(url: str | None, folder: Path) -> BaseStorage:
    """Open ``search.storage``: a database, ``journal:PATH`` for shared folders, or study.db here.

    Raises
    ------
    UserError
        If the storage cannot be reached, or its driver is missing.
    """
    given, address = bool(url), url or f"sqlite:///{folder / 'study.db'}"
    if address.startswith("journal:"):
        path = Path(address.removeprefix("journal:").removeprefix("//"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path)))
    options: dict[str, Any] = {}
    url = as_url(address)
    if url.startswith("sqlite:"):
        options = {"connect_args": {"timeout": 60}}  # seconds to wait for another worker's write
    elif url.startswith("postgresql:"):
        url = url.replace("postgresql:", "postgresql+psycopg:", 1)
        options = {"pool_pre_ping": True}  # a server may drop connections between two trials
    try:
        with _alone_with(url, database_file(address)):
            return RDBStorage(url, engine_kwargs=options)
    except ImportError as error:
        raise UserError(
            f"`search.storage={hidden(address)}` needs a database driver that is not installed "
            f"({error.name}); pip install fibsem-sweep[postgres] has that of PostgreSQL."
        ) from error
    except Exception as error:  # the drivers have no common class
        message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            "`search.storage` must be sqlite:///PATH, journal:PATH or postgresql://..., reachable "
            f"from here, but {hidden(address)} answers: {message}"
            + ("" if given else "; overwrite=true begins the sweep anew.")
        ) from error


@contextlib.contextmanager
def _alone_with(url: str, file: Path | None) -> Iterator[None]:
    """Keep other processes from laying out the tables of a fresh database at the same time.

    Two that create one table at once trip over each other, whatever they asked before.
    """
    if file is not None and file.parent.is_dir():
        with alone(file.with_name(f".{file.name}.lock")):
            yield
    elif url.startswith("postgresql"):
        engine = create_engine(url)
        try:
            with engine.connect() as connection:  # the lock ends with the connection
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LAYOUT})
                yield
        finally:
            engine.dispose()
    else:
        yield


def delete_study(name: str, url: str, folder: Path) -> None:
    """Remove a study from a storage, where it is there."""
    storage = open_storage(url, folder)
    for known in (name, _elected(name)):
        with contextlib.suppress(KeyError):
            optuna.delete_study(study_name=known, storage=storage)
    storage.remove_session()


def _elected(name: str) -> str:
    """The study whose creation says which process opens the parent run."""
    return f"{name} (elected)"


@whole_calls
class OptunaStudy:
    """One study; see :class:`fibsem.search.slots.Study`."""

    def __init__(
        self, name: str, folder: Path, search: SearchConfig, space: Space, goals: list[Objective]
    ) -> None:
        self.name, self.search, self.space, self.goals = name, search, space, goals
        self.study = optuna.create_study(
            storage=open_storage(search.storage, folder),
            study_name=name,
            directions=[goal.direction for goal in goals],
            pruner=make_pruner(search),
            load_if_exists=True,
        )
        self._storage = self.study._storage
        self._watch = Watch(search.grace_s)
        self._beats = 0
        self._running: dict[int, Trial] = {}

    # what is to be done

    def open_slots(self) -> None:
        for opening in to_open(self.attempts(), self.search.trials, self.search.retries):
            values = opening.values
            if values is None and opening.attempt == 0:
                values = self._planned(opening.slot)
                if values is None:
                    return  # a grid has no more points
            self._open(opening, values or {})

    def _open(self, opening: Opening, values: Values) -> None:
        attrs: dict[str, Any] = {
            "slot": opening.slot,
            "attempt": opening.attempt,
            "strikes": opening.strikes,
            "failures": opening.failures,
        }
        if values:
            attrs["values"] = json.dumps(values)
        self.study.enqueue_trial(self._parameters(values), user_attrs=attrs)

    def _planned(self, slot: int) -> Values | None:
        """Hyperparameters of a slot where they are known beforehand; empty where they are not."""
        if self.search.sampler == "grid":
            points = self.space.grid(self.search.seed, self.search.grid_points)
            return points[slot] if slot < len(points) else None
        if self.search.sampler in PLANNED:
            plan = self.space.plan(
                self.search.seed, enumerate_cells=self.search.sampler == "enumerated"
            )
            return next(islice(plan, slot, None))
        return {}

    def claim(self) -> Attempt | None:
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        for frozen in sorted(waiting, key=lambda t: (t.user_attrs["slot"], t.number)):
            if frozen.user_attrs["slot"] >= self._slots_needed():
                return None  # left over from a larger budget
            if not self._take(frozen):
                continue
            attempt = self._attempt(frozen)
            if self._opened_before(attempt):
                self._drop(frozen)
                continue
            return self._start(frozen, attempt)
        return None

    def _take(self, frozen: FrozenTrial) -> bool:
        """Change a waiting trial to running; False where another process was first."""
        try:
            return bool(
                self._storage.set_trial_state_values(frozen._trial_id, state=TrialState.RUNNING)
            )
        except (optuna.exceptions.UpdateFinishedTrialError, RuntimeError):
            return False

    def _opened_before(self, attempt: Attempt) -> bool:
        """Whether two processes opened one attempt at once; the lower number counts."""
        place = (attempt.slot, attempt.attempt)
        return any(
            (other.slot, other.attempt) == place and other.number < attempt.number
            for other in self.attempts()
            if not other.duplicate
        )

    def _start(self, frozen: FrozenTrial, attempt: Attempt) -> Attempt:
        """Say whose it is, and draw its hyperparameters."""
        self._storage.set_trial_user_attr(frozen._trial_id, "owner", me())
        # a sampler of its own for every slot: continued or shared, a study draws what it would have
        self.study.sampler = make_sampler(self.search, self._sampler_seed(attempt))
        self.study._thread_local.cached_all_trials = None
        trial = Trial(self.study, frozen._trial_id)
        values = self._suggest(trial)
        trial.set_user_attr("values", json.dumps(values))
        self._running[attempt.number] = trial
        return Attempt(
            attempt.number, attempt.slot, attempt.attempt, attempt.strikes, attempt.failures,
            "running", values,
        )  # fmt: skip

    def _sampler_seed(self, attempt: Attempt) -> int:
        return (self.search.seed * 1_000_003 + attempt.slot * 101 + attempt.attempt) % 2**31

    def _slots_needed(self) -> int:
        return slots_needed(self.attempts(), self.search.trials, self.search.retries)

    # hyperparameters

    def _suggest(self, trial: Trial) -> Values:
        """Values of every axis that exists, in order."""
        values: Values = {}
        for key, axis in self.space.axes.items():
            if not self.space.exists(key, values):
                continue
            if isinstance(axis, Range):
                values[key] = self._suggest_number(trial, key, axis)
            else:
                values[key] = self._suggest_choice(trial, key, axis, values)
        return values

    def _suggest_number(self, trial: Trial, key: str, axis: Range) -> float:
        if axis.integer:
            return trial.suggest_int(key, int(axis.low), int(axis.high), log=axis.log)
        return trial.suggest_float(key, axis.low, axis.high, log=axis.log)

    def _suggest_choice(self, trial: Trial, key: str, axis: Choice, given: Values) -> Any:
        if self.search.sampler in PLANNED:
            return _decoded(trial.suggest_categorical(key, [_encoded(v) for v in axis.values]))
        allowed = self.space.choices(key, given)
        assert isinstance(allowed, Choice)
        if len(allowed.values) == 1:
            return allowed.values[0]
        if self.search.sampler == "cmaes" and _ordered(axis):
            # it draws categories at random; positions in an ordered list it can follow
            position = trial.suggest_int(f"{key} position", 0, len(axis.values) - 1)
            value = axis.values[position]
            return min(allowed.values, key=lambda v: abs(v - value))
        # a categorical parameter cannot change its choices within a study
        whole = allowed.values == axis.values
        name = key if whole else f"{key} of {list(allowed.values)}"
        return _decoded(trial.suggest_categorical(name, [_encoded(v) for v in allowed.values]))

    def _parameters(self, values: Values) -> dict[str, Any]:
        """Hyperparameters as the parameters that :meth:`_suggest` will ask for."""
        parameters: dict[str, Any] = {}
        given: Values = {}
        for key, value in values.items():
            axis = self.space.axes[key]
            if isinstance(axis, Choice) and self.search.sampler not in PLANNED:
                allowed = self.space.choices(key, given)
                assert isinstance(allowed, Choice)
                if self.search.sampler == "cmaes" and _ordered(axis):
                    parameters[f"{key} position"] = axis.values.index(value)
                elif allowed.values != axis.values:
                    parameters[f"{key} of {list(allowed.values)}"] = _encoded(value)
                else:
                    parameters[key] = _encoded(value)
            else:
                parameters[key] = _encoded(value)
            given[key] = value
        return parameters

    # what became of it

    def report(self, attempt: Attempt, epoch: int, loss: float) -> bool:
        trial = self._running[attempt.number]
        if len(self.goals) > 1 or self.search.pruner == "none":
            return False
        trial.report(loss, epoch)
        return bool(trial.should_prune())

    def beat(self, attempt: Attempt) -> None:
        self._beats += 1
        trial = self._running[attempt.number]
        self._storage.set_trial_user_attr(trial._trial_id, "beat", self._beats)

    def complete(self, attempt: Attempt, objectives: list[float], record: dict[str, Any]) -> None:
        trial = self._running.pop(attempt.number)
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(trial._trial_id, "record", record)
        self._end(trial._trial_id, TrialState.COMPLETE, None, objectives)

    def prune(self, attempt: Attempt, record: dict[str, Any]) -> None:
        trial = self._running.pop(attempt.number)
        with contextlib.suppress(ValueError, optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(trial._trial_id, "record", record)
            self.study.tell(trial, state=TrialState.PRUNED)

    def fail(self, attempt: Attempt, reason: str, *, own: bool, strike: bool, final: bool) -> bool:
        self._running.pop(attempt.number, None)
        frozen = self._frozen(attempt.number)
        if frozen.state.is_finished():  # another process gave it up first
            return True
        attrs = {
            "strikes": attempt.strikes + strike,
            "failures": attempt.failures + own,
            "final": final,
            "own_failure": own,
        }
        try:
            for key, value in attrs.items():
                self._storage.set_trial_user_attr(frozen._trial_id, key, value)
        except optuna.exceptions.UpdateFinishedTrialError:
            return True  # another process gave it up in this moment
        self._end(frozen._trial_id, TrialState.FAIL, reason)
        following = next_attempt(self._attempt(self._frozen(attempt.number)), self.search.retries)
        if following is not None:
            self._open(following, following.values or {})
        return following is not None

    def _end(
        self,
        trial_id: int,
        state: TrialState,
        reason: str | None,
        values: list[float] | None = None,
    ) -> None:
        """End a trial, unless another process did."""
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            if reason is not None:
                self._storage.set_trial_user_attr(trial_id, "reason", reason)
            self._storage.set_trial_state_values(trial_id, state=state, values=values)

    def recover(self) -> list[Attempt]:
        self._drop_duplicates()
        gone = []
        for frozen in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if frozen.number in self._running or not self._is_gone(frozen):
                continue
            attempt = self._attempt(frozen)
            if not self.fail(attempt, "killed", own=False, strike=True, final=False):
                gone.append(attempt)
        return gone

    def _drop_duplicates(self) -> None:
        """End waiting attempts at slots that are filled: two processes had opened them at once."""
        full = {a.slot for a in self.attempts() if a.state in ("complete", "pruned")}
        for frozen in self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            if frozen.user_attrs["slot"] in full:
                self._drop(frozen)

    def _drop(self, frozen: FrozenTrial) -> None:
        """Take an attempt out that another one makes superfluous."""
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(frozen._trial_id, "duplicate", True)
            self._end(frozen._trial_id, TrialState.FAIL, "opened twice")

    def _is_gone(self, frozen: FrozenTrial) -> bool:
        owner = frozen.user_attrs.get("owner")
        if owner is not None and here(owner):
            return not alive_here(owner)
        # without an owner: claimed a moment ago, or cut off in that moment
        return self._watch.stale(frozen.number, frozen.user_attrs.get("beat"))

    # what is there

    def attempts(self) -> list[Attempt]:
        return [self._attempt(frozen) for frozen in self.study.get_trials(deepcopy=False)]

    def _attempt(self, frozen: FrozenTrial) -> Attempt:
        attrs = frozen.user_attrs
        return Attempt(
            number=frozen.number,
            slot=attrs["slot"],
            attempt=attrs["attempt"],
            strikes=attrs["strikes"],
            failures=attrs["failures"],
            state=STATES[frozen.state],
            values=json.loads(attrs.get("values", "{}")),
            final=attrs.get("final", False),
            duplicate=attrs.get("duplicate", False),
        )

    def _frozen(self, number: int) -> FrozenTrial:
        return next(t for t in self.study.get_trials(deepcopy=False) if t.number == number)

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "number": frozen.number,
                "slot": frozen.user_attrs["slot"],
                "attempt": frozen.user_attrs["attempt"],
                "state": STATES[frozen.state],
                "reason": frozen.user_attrs.get("reason", ""),
                "own_failure": frozen.user_attrs.get("own_failure", False),
                "objectives": list(frozen.values) if frozen.state == TrialState.COMPLETE else None,
                "values": json.loads(frozen.user_attrs.get("values", "{}")),
                "record": frozen.user_attrs.get("record", {}),
                "ended": frozen.datetime_complete and frozen.datetime_complete.timestamp(),
                "started": frozen.datetime_start and frozen.datetime_start.timestamp(),
            }
            for frozen in self.study.get_trials(deepcopy=False)
            if not frozen.user_attrs.get("duplicate")
        ]

    def get(self, key: str) -> Any:
        return self.study.user_attrs.get(key)

    def set(self, key: str, value: Any) -> None:
        self.study.set_user_attr(key, value)

    def elect(self) -> bool:
        try:  # of all that every storage does, only the creation of a study is once for all
            optuna.create_study(storage=self._storage, study_name=_elected(self.name))
        except optuna.exceptions.DuplicatedStudyError:
            return False
        return True

    def close(self) -> None:
        self._storage.remove_session()
        engine = getattr(getattr(self._storage, "_backend", None), "engine", None)
        if engine is not None:
            engine.dispose()


def _ordered(axis: Choice) -> bool:
    """Whether a choice is a list of numbers in order."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in axis.values)
    return numbers and list(axis.values) == sorted(axis.values)


def _encoded(value: Any) -> Any:
    """A value as a storage keeps it: lists as JSON."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "[{":
        return json.loads(value)
    return value
