"""The trials of an Optuna study, by number.

Whatever ``Study`` and ``Trial`` offer is used. They cannot take a certain waiting trial (``ask``
takes any, or makes a new one), write to the trial of another process, end one that waits, or prune
one without a value (``tell`` gives it what was last told of it). These go to the storage, here and
nowhere else, by methods that every `optuna.storages.BaseStorage` has.
"""

from __future__ import annotations

from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState


class Trials:
    """Trials of one study.

    Parameters
    ----------
    study, storage
        A study, and the storage that it was opened from.

    Raises
    ------
    UpdateFinishedTrialError
        By every method that writes, if the trial has ended.
    """

    def __init__(self, study: optuna.Study, storage: BaseStorage) -> None:
        self.study, self.storage = study, storage
        self._study_id = self.storage.get_study_id_from_name(study.study_name)
        self._ids: dict[int, int] = {}

    def all(self) -> list[FrozenTrial]:
        """Trials in any state, as they are now."""
        return self.study.get_trials(deepcopy=False)

    def get(self, number: int) -> FrozenTrial:
        """The trial as it is now."""
        return self.storage.get_trial(self._id(number))

    def take(self, number: int) -> bool:
        """Change a trial from waiting to running; False where another process was first."""
        return self.storage.set_trial_state_values(self._id(number), state=TrialState.RUNNING)

    def begin(
        self, number: int, sampler: optuna.samplers.BaseSampler, pruner: optuna.pruners.BasePruner
    ) -> Trial:
        """A trial that is ours, to be asked for parameters."""
        study = optuna.load_study(
            study_name=self.study.study_name, storage=self.storage, sampler=sampler, pruner=pruner
        )
        return Trial(study, self._id(number))

    def note(self, number: int, key: str, value: Any) -> None:
        """Write an attribute of a trial, whoever runs it."""
        self.storage.set_trial_user_attr(self._id(number), key, value)

    def tell(self, number: int, state: TrialState, values: list[float] | None = None) -> None:
        """End a trial that runs; one that is pruned gets its last report as its value."""
        try:
            self.study.tell(number, values, state=state)
        except ValueError as error:
            if self.get(number).state.is_finished():  # as `tell` says it
                raise UpdateFinishedTrialError from error
            raise

    def close(self, number: int, state: TrialState) -> None:
        """End a trial without a value, be it running or waiting."""
        self.storage.set_trial_state_values(self._id(number), state=state)

    def _id(self, number: int) -> int:
        """Number of a trial in its storage; ``trial.number`` is that within the study."""
        if number not in self._ids:
            trial_id = self.storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
            self._ids[number] = trial_id
        return self._ids[number]
