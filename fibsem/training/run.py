"""Run one configuration from training to scores, tracked and resumable, for trials and trainings.

The working folder of a run holds its identity, the id of its MLflow run, a checkpoint of the last
finished epoch and, once finished, the result. A second call with the same folder resumes the
training, or returns the result.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from fibsem import models
from fibsem.data.dataset.dataset import Dataset
from fibsem.errors import UserError, first_line
from fibsem.inference.model.cost import predicted_seconds_per_gigapixel, seconds_per_gigapixel
from fibsem.inference.model.predict import BlockScorer
from fibsem.models.spec import ModelSpec
from fibsem.system import metric_names
from fibsem.system.files import known_json, write_json
from fibsem.system.outages import outage_of
from fibsem.system.pulse import begin
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking
from fibsem.training.beginning.start import learned_of_test
from fibsem.training.failures import PrunedError, reason_of
from fibsem.training.folder import settle
from fibsem.training.job import Job
from fibsem.training.material.datasets import check_unchanged
from fibsem.training.material.material import Material
from fibsem.training.results import Epoch, TrialResult
from fibsem.training.scoring.estimating import estimate
from fibsem.training.scoring.picture import draw_square
from fibsem.training.scoring.scoring import score_all, scored_squares, too_many_by_patch
from fibsem.training.steps.fit import Trained, train
from fibsem.training.steps.learner import Learner
from fibsem.training.steps.precision import precision_of

#: File name of the checkpoint in the working folder.
CHECKPOINT = "checkpoint.npz"


def run_job(
    job: Job,
    material: Material,
    tracking: Tracking,
    on_epoch: Callable[[Epoch], None] | None = None,
    learner: Learner | None = None,
) -> tuple[TrialResult, Trained | None]:
    """Train, score and track one configuration.

    Parameters
    ----------
    job
        Configuration and folder. An interrupted training in the folder is resumed, and the result
        of a finished one is returned.
    material, tracking
        Training data, and the store to log to.
    on_epoch, learner
        See :func:`fibsem.training.train`.

    Returns
    -------
    result : TrialResult
        Read from the folder if the training had finished before.
    trained : Trained or None
        Trained network, or None if the training had finished before.

    Raises
    ------
    UserError
        If the folder holds another training, or the data changed during this one.
    Exception
        Any error of the training, after its run was marked FAILED with the reason, or KILLED if it
        can be resumed.

    Examples
    --------
    ```python
    configuration = Configuration(compose("train", ["data=demo", "train.epochs=5"]))
    dataset = obtain(configuration.run.data, configuration.run.split)
    tracking = Tracking.open(configuration.run.tracking, dataset.name)
    job = Job(configuration, Path("outputs/mine"), "by hand", tags={})
    result, trained = run_job(job, Material(dataset, configuration.run), tracking)
    result.run_id, result.metrics()["val/miou"]
    ```
    """
    begin()
    settle(job.folder, material.identity, tracking, job.overwrite)
    done = job.folder / "result.json"
    earlier = known_json(done, TrialResult.from_json)
    if earlier is not None and _has_model(job.folder, material.config.spec):
        return job.completed(earlier, material.dataset, tracking), None
    run_id = job.take_up(material.dataset, tracking)
    with _ended(run_id, tracking, published=job.published):
        learn = partial(
            train, checkpoint=job.folder / CHECKPOINT, learner=learner, left_s=job.left_s
        )
        result, trained = _train_and_score(job.folder, material, tracking, run_id, on_epoch, learn)
        _check_unchanged(material.dataset, job.folder / CHECKPOINT)
        write_json(done, result.to_json())
    return result, trained


@contextlib.contextmanager
def _ended(run_id: str, tracking: Tracking, *, published: bool) -> Iterator[None]:
    """End the run as its training ends: finished, pruned, failed, or killed if it can resume."""
    try:
        yield
    except PrunedError as pruned:
        if published:
            tracking.tag_and_end(run_id, {names.STATE: "pruned", names.REASON: str(pruned)})
        else:  # the study sets the state when it ends the trial
            tracking.tag(run_id, {names.REASON: str(pruned)})
        raise
    except BaseException as error:
        with contextlib.suppress(Exception):  # an unreachable store must not hide the error
            if isinstance(error, Exception) and outage_of(error) is None:
                tracking.tag(run_id, {names.REASON: reason_of(error)})
                tracking.end(run_id, "FAILED")
            else:
                tracking.end(run_id, "KILLED")
        raise
    if published:
        tracking.end(run_id)


def _has_model(folder: Path, spec: ModelSpec) -> bool:
    """Whether the network of a result can be read; if not, its checkpoint gives it again."""
    try:
        models.load(spec, folder)
    except Exception as error:  # damaged files raise errors of many types
        print(
            f"warning: the network in {folder} is damaged ({first_line(error)}); it is made again",
            file=sys.stderr,
        )
        return False
    return True


def _check_unchanged(dataset: Dataset, checkpoint: Path) -> None:
    """Raise UserError and delete the checkpoint if the data changed during the training."""
    try:
        check_unchanged(dataset, "this training")
    except UserError:
        checkpoint.unlink(missing_ok=True)
        raise


def _train_and_score(
    folder: Path,
    material: Material,
    tracking: Tracking,
    run_id: str,
    on_epoch: Callable[[Epoch], None] | None,
    learn: Callable[..., Trained],
) -> tuple[TrialResult, Trained]:
    spec = material.config.spec
    cost = {"predicted_seconds_per_gigapixel": predicted_seconds_per_gigapixel(spec)}
    tracking.log_changed(run_id, metric_names.grouped("cost", cost))
    report = _logging(tracking, run_id, on_epoch)
    trained = learn(material, on_epoch=report)
    scorer = BlockScorer(spec, trained.model)
    cost["seconds_per_gigapixel"] = seconds_per_gigapixel(scorer)
    result = _scored(material, trained, scorer, run_id, cost)
    if result.test is not None:
        tracking.tag(run_id, {names.TEST: names.SCORED})
    models.save(spec, trained.model, folder)
    tracking.log_changed(run_id, result.metrics(), step=result.epochs)
    if tracking.pictures:
        windows, seconds = material.fixed("val").windows, cost["seconds_per_gigapixel"]
        picture = draw_square(windows, material.volumes, scorer, seconds, folder)
        if picture is not None:
            tracking.log_file(run_id, picture)
    return result, trained


def _logging(
    tracking: Tracking, run_id: str, on_epoch: Callable[[Epoch], None] | None
) -> Callable[[Epoch], None]:
    """Return a callback that logs epochs the run lacks and forwards each to ``on_epoch``."""
    logged = tracking.logged_steps(run_id, metric_names.VAL_LOSS)

    def report(epoch: Epoch) -> None:
        if epoch.epoch >= logged:  # a resumed run has logged its earlier epochs
            tracking.log_metrics(run_id, epoch.metrics(), step=epoch.epoch)
        if on_epoch:
            on_epoch(epoch)

    return report


def _scored(
    material: Material, trained: Trained, scorer: BlockScorer, run_id: str, cost: dict[str, float]
) -> TrialResult:
    """Return the result of a training, including all requested validation and test metrics.

    ``val_all``, at the labelled class frequencies, is estimated, or of every pixel (thesis); it is
    None if scoring every pixel patch by patch would take hours.
    """
    config, val_all = material.config, trained.best.val_all or None
    if config.train.scores_all:
        hours = scorer.mode == "patch" and too_many_by_patch(material.dataset)
        val_all = None if hours else score_all(scored_squares(material, scorer, "val"))
    return TrialResult(
        run_id=run_id,
        val=trained.best.val,
        history=trained.history,
        best_epoch=trained.best.epoch,
        restart=trained.restart,
        start=asdict(trained.fit) if trained.fit else None,
        test_squares_learned=learned_of_test(
            config.train.init, config.tracking.absolute_uri, material.dataset, config.train.teacher
        ),
        train_seconds=trained.seconds,
        parameters=trained.parameters,
        field=config.spec.sees,
        cost=cost,
        precision=precision_of(config.train.precision, config.spec),
        lost_epochs=trained.lost,
        val_all=val_all,
        test=estimate(material, trained.model, "test").balanced if config.train.test else None,
    )
