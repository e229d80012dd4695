"""The final training (thesis 3.7): more pixels, no early stopping, random shifts of intensity.

A trial's number of steps, from its sweep's budget or ``train.steps``, is kept if ``final.steps`` is
null. In patch mode ``final.share`` of the labelled pixels is drawn once; in grid mode windows are
drawn from all labelled pixels afresh in every epoch, and the share has an effect only if the trial
had no number of steps: it then sets that number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from fibsem import models
from fibsem.config import Configuration, FinalConfig, PromoteConfig, RunConfig, Tree
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Member
from fibsem.models.architectures import MODELS
from fibsem.promotion.ranking import MIOU, Ranked, order_goal
from fibsem.promotion.setting import Promotion
from fibsem.promotion.trials import Trial
from fibsem.system.files import known_json, write_json
from fibsem.system.progress import Progress
from fibsem.system.records import typed
from fibsem.system.summaries.promotion import FinalNetwork
from fibsem.tracking import names
from fibsem.training.job import Job
from fibsem.training.material.material import Material
from fibsem.training.results import Epoch, TrialResult
from fibsem.training.run import run_job
from fibsem.training.scoring.objectives import Objective
from fibsem.training.steps.health import DivergedError

#: Files with results of final trainings, below ``final/``.
RESULTS = "*/result.json"
#: Keys of ``final`` that replace keys of ``train`` in the configuration of a trial.
OWN = ("epochs", "share", "max_seconds", "shift_sd", "shift_probability")


def final_configuration(trained: Tree, tree: Tree, seed: int) -> Configuration:
    """Return the configuration of a trial with data and settings of the final training.

    Parameters
    ----------
    trained, tree
        Configuration of the trial, and of the promotion.
    seed
        Seed of the final training.

    Examples
    --------
    ```python
    tree = compose("promote", ["data.path=film", "final.epochs=40"])
    final_configuration(trial.tree, tree, seed=1).run.train.epochs  # of a trial of best_trials: 40
    ```
    """
    final = tree["final"]
    values = {f"train.{key}": final[key] for key in OWN}
    # test squares are scored once, at the end of the promotion
    values |= {"train.patience": None, "train.test": False, "seed": seed}
    if trained["train"].get("keep") != "all":  # "all" stays as in the trial
        values["train.keep"] = "miou"
    if final["steps"]:
        values |= {"train.steps": final["steps"], "train.schedule": "cosine"}
    common = {key: tree[key] for key in ("data", "tracking", "command")}
    return Configuration({**trained, **common}).with_values(values)


def kept_steps(trained: Iterable[Tree], final: FinalConfig) -> str | None:
    """Return a notice of the steps of an epoch that come with the trials, or None.

    Parameters
    ----------
    trained, final
        Configurations of the trials, of which only networks are trained in steps, and settings of
        the final training.
    """
    networks = (trial for trial in trained if MODELS[trial["model"]["name"]].family != "features")
    counts = {steps for trial in networks if (steps := trial["train"].get("steps")) is not None}
    if final.steps or not counts:
        return None
    return (
        f"final training: {' or '.join(map(str, sorted(counts)))} steps an epoch, as the trials "
        "were trained; final.steps= or budget= sets others"
    )


def share_for_nothing(configuration: Configuration, finals: Iterable[RunConfig]) -> str | None:
    """Return a notice if ``final.share`` was steps but has no effect, as the steps are set.

    Parameters
    ----------
    configuration
        The configuration of the promotion, with the steps of its plan.
    finals
        Settings of the final trainings; in patch mode the share has an effect nevertheless.
    """
    share = configuration.typed.get("final.share")
    if share is None:
        return None
    steps = configuration.final.steps
    if not all(final.why_unused("train.share", planned=steps is not None) for final in finals):
        return None
    by = f"final.steps is {steps}" if steps else "trials keep the train.steps of their sweep"
    return f"final.share={share} does nothing: {by}, in grid mode"


@dataclass(frozen=True)
class TimeLimit:
    """Time limit of a training under a hard budget, in seconds."""

    max_seconds: float


@dataclass(frozen=True)
class Final:
    """A finally trained network.

    Attributes
    ----------
    trial, material
        The trial whose configuration was trained, and the data.
    result
        Result of the training.
    folder
        Folder with the weights.
    """

    trial: Trial
    material: Material
    result: TrialResult
    folder: Path

    def figure(self, goal: Objective) -> float | None:
        """Return the value of an objective for the kept weights, or None if not measured."""
        return goal.of_weights(self.result.groups)

    @property
    def seed(self) -> int:
        """Seed of the final training."""
        return self.material.config.seed

    @property
    def summary(self) -> FinalNetwork:
        """Record of this network for ``summary.json``."""
        spec = self.material.config.spec
        return FinalNetwork(
            model=spec.name,
            nbhd=str(spec.nbhd),
            seed=self.seed,
            trial=self.trial.run_id,
            run_id=self.result.run_id,
        )

    @property
    def member(self) -> Member:
        """The network as a member of an ensemble, loaded from its folder."""
        spec = self.material.config.spec
        return Member(spec, models.load(spec, self.folder))


def train(promotion: Promotion, ranked: Sequence[Ranked], config: PromoteConfig) -> list[Final]:
    """Run the final trainings; returns the best network and further members of its ensemble.

    Trainings that an earlier start of the command has finished are not repeated.

    Raises
    ------
    UserError
        If too many of the trainings diverge.
    """
    trials = [entry.trial for entry in ranked]
    first = {trial.architecture: trial for trial in reversed(trials)}
    candidates = list(first.values()) if config.mixed else trials[: config.candidates]
    if notice := kept_steps([trial.tree for trial in candidates], promotion.configuration.final):
        promotion.say(notice)
    tried = [
        final_training(
            promotion, trial, promotion.configuration.seed, f"final training of candidate {k}"
        )
        for k, trial in enumerate(candidates, start=1)
    ]
    finals = [final for final in tried if final is not None]
    if not finals:
        raise UserError(
            "`candidates` must hold a trial whose final training does not diverge, but all "
            f"{len(candidates)} did; more candidates, another seed, or smaller learning rates."
        )
    goal = order_goal(ranked)
    if any(final.figure(goal) is None for final in finals):
        goal = MIOU
    finals.sort(key=lambda final: goal.cost(final.figure(goal) or 0.0))
    best, kinds = finals[0], min(config.ensemble, len(finals)) if config.mixed else 1
    promotion.say(f"final training: {goal.key} {best.figure(goal):.4f} ({best.trial.name})")
    counts = [-(-(config.ensemble - k) // kinds) for k in range(kinds)]
    return [
        member
        for final, count in zip(finals, counts, strict=False)
        for member in (final, *_members(promotion, final, count))
    ]


def _members(promotion: Promotion, first: Final, members: int) -> Iterator[Final]:
    """Train the further members of an ensemble, with the next seeds."""
    trained, seed = 1, first.seed
    while trained < members:
        seed += 1
        member = final_training(promotion, first.trial, seed, f"member {trained + 1} of {members}")
        if member is not None:
            trained += 1
            yield member
        elif seed - first.seed > 2 * members:
            raise UserError(
                f"`ensemble={members}` needs as many trainings that do not diverge, but "
                f"{seed - first.seed} seeds gave {trained}; the choices are a smaller "
                "ensemble or a trial with a smaller learning rate."
            )


def final_training(promotion: Promotion, trial: Trial, seed: int, text: str) -> Final | None:
    """Run the final training of a trial; prints a message and returns None if it diverges."""
    folder = promotion.folder / "final" / f"{trial.run_id[:8]}-seed-{seed}"
    configuration = final_configuration(trial.tree, promotion.tree, seed)
    if (limit_s := _limit_s(promotion, folder)) is not None:
        configuration = configuration.with_values({"train.max_seconds": limit_s})
    job = Job(
        configuration=configuration,
        folder=folder,
        name=f"final {trial.name} seed {seed}",
        tags={names.COMMAND: names.FINAL, names.WINNER: trial.run_id, names.SEED: seed},
        parent=promotion.parent,
        left_s=lambda: promotion.pace.limit_s(_finished(folder)),
    )
    material, epochs = Material(promotion.dataset, job.config), job.config.train.epochs
    with Progress(text) as progress:

        def show(epoch: Epoch) -> None:
            progress(f"mIoU {epoch.val['miou']:.4f}", epoch.epoch + 1, epochs)

        try:
            result, _ = run_job(job, material, promotion.tracking, show)
        except DivergedError as error:
            promotion.say(f"{text} is left out ({trial.name}, seed {seed}): {error}")
            return None
    return Final(trial, material, result, folder)


def _limit_s(promotion: Promotion, folder: Path) -> float | None:
    """Return a training's time limit in seconds or None, stored so that later starts share it."""
    path = folder.with_suffix(".json")
    limit = known_json(path, partial(typed, TimeLimit))
    if limit is None and (limit_s := promotion.pace.limit_s(_finished(folder))):
        limit = TimeLimit(limit_s)
        write_json(path, asdict(limit))
    return None if limit is None else limit.max_seconds


def _finished(folder: Path) -> int:
    """Count the final trainings that have ended, in folders beside that of one."""
    return len([*folder.parent.glob(RESULTS)])
