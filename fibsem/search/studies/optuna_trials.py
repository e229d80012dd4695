"""Access to the trials of an Optuna study by number.

Public methods of ``Study`` and ``Trial`` are used where they exist. None of them can take a
given waiting trial (``ask`` takes any, or makes a new one), write to a trial of another process,
end a waiting trial, or prune a trial without a value (``tell`` gives it its last report). For
these, methods of the storage are called that every `optuna.storages.BaseStorage` has.
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
        The study, and the storage that it was opened from.

    Raises
    ------
    UpdateFinishedTrialError
        Raised by every method that writes, if the trial has ended.
    """

    def __init__(self, study: optuna.Study, storage: BaseStorage) -> None:
        self.study, self.storage = study, storage
        self._study_id = self.storage.get_study_id_from_name(study.study_name)
        self._ids: dict[int, int] = {}

    def all(self) -> list[FrozenTrial]:
        """Return all trials in any state, read from the storage."""
        return self.study.get_trials(deepcopy=False)

    def get(self, number: int) -> FrozenTrial:
        """Return a trial by its number, read from the storage."""
        return self.storage.get_trial(self._id(number))

    def take(self, number: int) -> bool:
        """Change a trial from waiting to running; False if another process was first."""
        return self.storage.set_trial_state_values(self._id(number), state=TrialState.RUNNING)

    def begin(
        self, number: int, sampler: optuna.samplers.BaseSampler, pruner: optuna.pruners.BasePruner
    ) -> Trial:
        """Return a running trial of this process, which suggests parameters."""
        study = optuna.load_study(
            study_name=self.study.study_name, storage=self.storage, sampler=sampler, pruner=pruner
        )
        return Trial(study, self._id(number))

    def note(self, number: int, key: str, value: Any) -> None:
        """Write a user attribute of a trial, even if it belongs to another process."""
        self.storage.set_trial_user_attr(self._id(number), key, value)

    def tell(self, number: int, state: TrialState, values: list[float] | None = None) -> None:
        """End a running trial; a pruned one gets its last report as its value."""
        try:
            self.study.tell(number, values, state=state)
        except ValueError as error:
            if self.get(number).state.is_finished():  # `tell` raises a ValueError then
                raise UpdateFinishedTrialError from error
            raise

    def close(self, number: int, state: TrialState) -> None:
        """End a running or waiting trial without a value."""
        self.storage.set_trial_state_values(self._id(number), state=state)

    def _id(self, number: int) -> int:
        """Return the id of a trial in its storage; ``trial.number`` counts within the study."""
        if number not in self._ids:
            trial_id = self.storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
            self._ids[number] = trial_id
        return self._ids[number]
