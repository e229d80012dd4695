"""The plan of a budget of time, in steps: what it takes, what it sets, what is told of it.

Steps are what can be repeated: two trainings with one seed and one plan are the same, whatever else
the machine did. So the plan is kept with the results, and a command that is given again repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fibsem.system.records import Stored
from fibsem.training.planning.growth import Growth
from fibsem.training.planning.stages import Stage, stages_of

#: What goes on took so many times the average in the plans of versions before.
GOES_ON = 1.25
#: A training that comes to the end of a successive halving is no shorter, and no longer, than so
#: many times what is planned for the average network.
LEAST, MOST = 0.5, 2.0


@dataclass(frozen=True)
class RankingPlan:
    """Trials of a promotion that are trained anew, each with some fresh seeds.

    Examples
    --------
    >>> RankingPlan(2, 3).seconds([40.0, 50.0, 60.0]), RankingPlan(1, 3).seconds([40.0])
    (270.0, 0.0)
    """

    trials: int
    seeds: int

    @property
    def trainings(self) -> int:
        """How many there are; none where one trial is alone."""
        return self.trials * self.seeds if self.trials > 1 else 0

    def seconds(self, each_s: Sequence[float]) -> float:
        """Expected time of all, by that of each trial with one seed, best first."""
        return self.seeds * sum(each_s[: self.trials]) if self.trainings else 0.0

    @property
    def sentence(self) -> str:
        """What is trained anew.

        >>> RankingPlan(3, 1).sentence
        '3 trials anew with 1 seed'
        """
        return f"{self.trials} trials anew with {self.seeds} seed{'s' * (self.seeds > 1)}"


@dataclass(frozen=True)
class Plan(Stored):
    """What a budget pays for.

    Attributes
    ----------
    budget_s
        Given.
    data
        Hash of the dataset that it was made for.
    trials
        Trainings.
    epochs, steps
        Of each, and steps of an epoch; a validation follows every epoch.
    step_s, validation_s, once_s
        As measured; see :class:`Probe`.
    rungs
        Trials and epochs of each rung of a successive halving; without any all trainings are whole.
    workers
        Processes that share the trainings, and this machine.
    disk_mib
        Most that weights and checkpoints of all trainings take.
    schedule
        Of the learning rate.
    settings
        Those that it was made for, as a hash, and what else; by its steps a plan is the same.
    work
        What it plans, command and network; empty where a version before made it.
    goes_on
        Times the average that a step takes of what goes on in a successive halving.
    growth
        How long steps of single networks take; then trainings that come to the end of a successive
        halving have as many epochs as fit into the time that is planned for them.
    ranking_s, scoring_s
        Expected time of what a promotion does before its trainings and behind them.
    ranked
        What it does before them; None of other commands, and of versions before.
    waiting_s
        Expected time of volumes that it leaves for another start; 0 where none wait.
    pruned
        Whether some trainings end early: others begin as long as there is time.
    fills
        Whether others begin in the time that small networks leave, behind all that are planned.
    filled
        How many began, where that is known.
    lengthens
        Whether trainings of the last rung have more epochs where there is time left for them; of
        trainings that fill a budget, whether those at its end are as long as there is time for.
    lengths
        Slots of the last rung, and epochs that each came to, where that is known; of trainings that
        fill a budget slots of those that are not as planned, and steps of an epoch, 0 of one that
        was left out.
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
        """The plan before anything was trained by it, without what that came to."""
        return replace(self, filled=None, lengths=())

    def is_of(self, work: str) -> bool:
        """Whether the plan may be repeated for a command and a network."""
        return self.work in ("", work)

    @property
    def trial_s(self) -> float:
        """Expected time of one training."""
        return self.seconds_of(self.steps)

    @property
    def fits_last(self) -> bool:
        """Whether trainings that fill a budget have other steps at its end than are planned."""
        return self.fills and self.lengthens

    def seconds_of(self, steps: float, times: float = 1.0) -> float:
        """Expected time of a training with so many steps an epoch.

        ``times`` the average is what a step of its network takes.
        """
        return self.once_s + times * self.epochs * (steps * self.step_s + self.validation_s)

    def steps_in(self, seconds: float, times: float = 1.0) -> float:
        """Steps of an epoch of a training that takes so long; see :meth:`seconds_of`."""
        return ((seconds - self.once_s) / times / self.epochs - self.validation_s) / self.step_s

    def values(self, limit_s: float | None) -> dict[str, Any]:
        """Keys of a configuration that the plan sets: a schedule that ends with the last step.

        ``limit_s`` is the time after which a training is cut off.
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
        """Rungs of the plan, one after the other; of trainings that are all whole there is one."""
        return stages_of(self.rungs) or (Stage(self.trials, self.epochs),)

    def _averages(self, stage: Stage) -> float:
        """Epochs of the average network that take as long as those of one of a stage."""
        return (self.goes_on if stage.goes_on else 1.0) * stage.epochs

    def training_s(self, k: int) -> float:
        """Expected time of a training of a rung."""
        epoch_s = self.steps * self.step_s + self.validation_s
        return self.once_s + self._averages(self.stages[k]) * epoch_s

    def epochs_of(self, architecture: str, operations: float) -> int:
        """Epochs of a training that comes to the end, by the operations of a step.

        Its last rung takes what is planned for it, whatever the size of its network: so a budget is
        filled by small ones, and kept by large ones. They follow from the plan and the network
        alone.
        """
        last = self.stages[-1]
        times = None if self.growth is None else self.growth.times(architecture, operations)
        if not self.rungs or times is None:
            return self.epochs
        share = min(max(self._averages(last) / last.epochs / times, LEAST), MOST)
        return self.epochs - last.epochs + max(1, round(share * last.epochs))

    def rung_s(self, k: int) -> float:
        """Expected time of a rung: as often as every worker has a training of it."""
        return self.stages[k].turns(self.workers) * self.training_s(k)

    def after_s(self, k: int) -> float:
        """Expected time of the rungs behind one."""
        return sum(map(self.rung_s, range(k + 1, len(self.stages))))

    @property
    def seconds(self) -> float:
        """Expected time of all trainings."""
        return sum(map(self.rung_s, range(len(self.stages))))

    @property
    def all_epochs(self) -> int:
        """Epochs of all trainings together; who goes on has those before already."""
        return sum(stage.count * stage.epochs for stage in self.stages)

    @property
    def as_average(self) -> float:
        """Epochs of the average network, one after the other, that take as long as all of them."""
        return sum(stage.turns(self.workers) * self._averages(stage) for stage in self.stages)

    @property
    def turns(self) -> int:
        """Trainings that a worker does one after the other."""
        return sum(stage.turns(self.workers) for stage in self.stages)
