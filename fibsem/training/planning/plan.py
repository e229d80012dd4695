"""The plan of a time budget in steps: its expected times, and the configuration keys it sets.

Steps are reproducible, times are not: two trainings with the same seed and plan are identical,
however busy the machine was. The plan is therefore stored with the results, and a repeated command
reuses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fibsem.system.records import Stored
from fibsem.training.planning.growth import Growth
from fibsem.training.planning.stages import Stage, stages_of

#: Step time of continued trainings over the average in plans of earlier versions.
GOES_ON = 1.25
#: Bounds on the last rung of a successive halving, relative to the epochs that are planned for the
#: average network.
LEAST, MOST = 0.5, 2.0


@dataclass(frozen=True)
class RankingPlan:
    """Trials that a promotion trains again with fresh seeds in order to rank them.

    Examples
    --------
    >>> RankingPlan(2, 3).seconds([40.0, 50.0, 60.0]), RankingPlan(1, 3).seconds([40.0])
    (270.0, 0.0)
    """

    trials: int
    seeds: int

    @property
    def trainings(self) -> int:
        """Number of trainings; 0 if there is only one trial."""
        return self.trials * self.seeds if self.trials > 1 else 0

    def seconds(self, each_s: Sequence[float]) -> float:
        """Return the expected time of all trainings from each trial's time per seed, best first."""
        return self.seeds * sum(each_s[: self.trials]) if self.trainings else 0.0

    @property
    def sentence(self) -> str:
        """Number of trials and seeds, as text.

        >>> RankingPlan(3, 1).sentence
        '3 trials anew with 1 seed'
        """
        return f"{self.trials} trials anew with {self.seeds} seed{'s' * (self.seeds > 1)}"


@dataclass(frozen=True)
class Plan(Stored):
    """Trainings that fit into a time budget, with their expected times.

    Attributes
    ----------
    budget_s
        Given time in seconds.
    data
        Hash of the dataset that the plan was made for.
    trials
        Number of trainings.
    epochs, steps
        Epochs of a training, and steps per epoch; each epoch ends with a validation.
    step_s, validation_s, once_s
        Measured times; see :class:`Probe`.
    rungs
        Trials and epochs of each rung of a successive halving; empty if all trainings run in full.
    workers
        Processes that share the trainings and the machine.
    disk_mib
        Maximum size of the weights and checkpoints of all trainings.
    schedule
        Learning rate schedule.
    settings
        Hash of the settings that the plan was made for, and further conditions. Not compared:
        plans with the same steps are equal.
    work
        Command and network of the plan; empty in plans of earlier versions.
    goes_on
        Step time over average for trainings that continue in a successive halving.
    growth
        Step times of individual networks. If given, trainings that reach the last rung have as
        many epochs as fit into the time that is planned for them.
    ranking_s, scoring_s
        Expected time of a promotion's work before and after its trainings.
    ranked
        Ranking before the trainings of a promotion; None for other commands and earlier versions.
    waiting_s
        Expected time of the volumes that are left for a later start; 0 if there are none.
    pruned
        Whether trainings may be pruned; further ones begin as long as there is time.
    fills
        Whether further trainings follow the planned ones in the time that small networks leave.
    filled
        Number of slots with a complete or pruned trial; None until the sweep has ended.
    lengthens
        Whether trainings of the last rung get more epochs if time is left. With ``fills``: whether
        trainings at the end of the budget get as many steps as fit.
    lengths
        Slots of the last rung with the epochs that were set for each; empty until the sweep has
        ended. With ``fills``: slots that deviate from the plan with their steps per epoch, 0 for a
        slot that was left out.
    """

    budget_s: float
    data: str
    trials: int
    epochs: int
    steps: int
    step_s: float
    validation_s: float
    once_s: float
    rungs: tuple[tuple[int, int], ...] = ()
    workers: int = 1
    disk_mib: float | None = None
    schedule: str = "cosine"
    settings: str = field(default="", compare=False)
    pruned: bool = False
    fills: bool = False
    filled: int | None = None
    work: str = field(default="", compare=False)
    goes_on: float = GOES_ON
    growth: Growth | None = None
    ranking_s: float = 0.0
    scoring_s: float = 0.0
    ranked: RankingPlan | None = None
    waiting_s: float = 0.0
    lengthens: bool = False
    lengths: tuple[tuple[int, int], ...] = ()

    @property
    def as_made(self) -> Plan:
        """The plan as it was before any training, without recorded outcomes."""
        return replace(self, filled=None, lengths=())

    def is_of(self, work: str) -> bool:
        """Whether the plan may be reused for a command and network; see :func:`work_of`."""
        return self.work in ("", work)

    @property
    def trial_s(self) -> float:
        """Expected time of one training in seconds."""
        return self.seconds_of(self.steps)

    @property
    def fits_last(self) -> bool:
        """Whether the trainings at the end of a filled budget may differ in their steps."""
        return self.fills and self.lengthens

    def seconds_of(self, steps: float, times: float = 1.0) -> float:
        """Return the expected time of a training with ``steps`` steps per epoch.

        ``times`` is the step time of its network over the average.
        """
        return self.once_s + times * self.epochs * (steps * self.step_s + self.validation_s)

    def steps_in(self, seconds: float, times: float = 1.0) -> float:
        """Return the steps per epoch that fit into ``seconds``; inverse of :meth:`seconds_of`."""
        return ((seconds - self.once_s) / times / self.epochs - self.validation_s) / self.step_s

    def values(self, limit_s: float | None) -> dict[str, Any]:
        """Return the configuration keys that the plan sets; the schedule ends with the last step.

        ``limit_s`` is the time after which a training is cut off, or None for no limit.
        """
        set_by = {
            "train.epochs": self.epochs,
            "train.steps": self.steps,
            "train.patience": None,
            "train.schedule": self.schedule,
        }
        return set_by if limit_s is None else {**set_by, "train.max_seconds": limit_s}

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Stages of the plan in order: its rungs, or a single stage if there are none."""
        return stages_of(self.rungs) or (Stage(self.trials, self.epochs),)

    def _averages(self, stage: Stage) -> float:
        """Return the epochs of the average network that take as long as a training of a stage."""
        return (self.goes_on if stage.goes_on else 1.0) * stage.epochs

    def training_s(self, k: int) -> float:
        """Return the expected time of one training of rung ``k``."""
        epoch_s = self.steps * self.step_s + self.validation_s
        return self.once_s + self._averages(self.stages[k]) * epoch_s

    def epochs_of(self, architecture: str, operations: float) -> int:
        """Return the epochs of a training that reaches the last rung, from its operations per step.

        The last rung takes the planned time for a network of any size, within bounds: small
        networks fill the budget and large ones keep to it. The number depends on the plan and the
        network only.
        """
        last = self.stages[-1]
        times = None if self.growth is None else self.growth.times(architecture, operations)
        if not self.rungs or times is None:
            return self.epochs
        share = min(max(self._averages(last) / last.epochs / times, LEAST), MOST)
        return self.epochs - last.epochs + max(1, round(share * last.epochs))

    def rung_s(self, k: int) -> float:
        """Return the expected time of rung ``k``, whose trainings the workers share."""
        return self.stages[k].turns(self.workers) * self.training_s(k)

    def after_s(self, k: int) -> float:
        """Return the expected time of all rungs after rung ``k``."""
        return sum(map(self.rung_s, range(k + 1, len(self.stages))))

    @property
    def seconds(self) -> float:
        """Expected time of all trainings in seconds."""
        return sum(map(self.rung_s, range(len(self.stages))))

    @property
    def all_epochs(self) -> int:
        """Epochs of all trainings together; continued trainings count only their new epochs."""
        return sum(stage.count * stage.epochs for stage in self.stages)

    @property
    def as_average(self) -> float:
        """Consecutive epochs of the average network that take as long as all trainings."""
        return sum(stage.turns(self.workers) * self._averages(stage) for stage in self.stages)

    @property
    def turns(self) -> int:
        """Number of trainings that a worker runs one after the other."""
        return sum(stage.turns(self.workers) for stage in self.stages)
