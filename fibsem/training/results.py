"""Results of a training: the metrics of each epoch and of the network that was kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from fibsem.system import metric_names
from fibsem.system.records import Figures, Number, Record, Stored


@dataclass(frozen=True)
class Epoch:
    """Metrics of one epoch; ``seconds`` excludes validation, which takes ``val_seconds``.

    ``val`` weights the classes equally; ``val_all`` evaluates the same scores at the labelled class
    frequencies and is empty without ``train.val_all``. ``steps`` is the number of steps, or None
    for models that are fitted at once and in records of earlier versions. ``cut`` is whether a time
    limit ended the epoch before its last step; no epoch follows then.
    """

    epoch: int
    learning_rate: Number
    train_loss: Number
    val: Figures
    seconds: float
    val_seconds: float
    val_all: Figures = field(default_factory=dict)
    steps: int | None = None
    cut: bool = False

    def metrics(self) -> Figures:
        """Return the metrics of the epoch by their MLflow names."""
        return {
            metric_names.TRAIN_LOSS: self.train_loss,
            metric_names.LEARNING_RATE: self.learning_rate,
            metric_names.EPOCH_S: self.seconds,
            metric_names.VAL_S: self.val_seconds,
            **metric_names.grouped("val", self.val),
            **metric_names.grouped("val_all", self.val_all),
        }


@dataclass(frozen=True)
class TrialResult(Stored):
    """Result of a finished training, stored as ``result.json``.

    Attributes
    ----------
    run_id
        Id of the MLflow run.
    val, val_all
        Validation metrics of the kept epoch: with balanced classes, and at the labelled class
        frequencies. ``val_all`` is None if it was not requested or would take hours.
    history
        All epochs, in order.
    best_epoch
        Number of the epoch whose weights were kept, from 0.
    train_seconds
        Time of training and validation, summed over all starts.
    parameters, field
        Number of trainable parameters, and receptive field of the network in pixels.
    cost
        Seconds per gigapixel, predicted and measured.
    test
        Metrics of balanced test pixels, or None if they were not requested.
    restart
        Epochs after which the training was restarted at a smaller learning rate, or None.
    start
        Number of ``layers`` and ``weights`` initialised from ``train.init``, and ``of`` how many.
    test_squares_learned
        Number of test squares that the initial model or the teacher had learned from; None if this
        cannot be determined.
    precision
        Precision of the feature maps in training steps, ``float32`` or ``bfloat16``; the network is
        scored and stored in float32.
    lost_epochs
        Number of epochs that diverged and were not repeated; they are not in the history.
    """

    run_id: str
    val: Figures
    history: tuple[Epoch, ...]
    best_epoch: int
    train_seconds: float
    parameters: int
    field: int
    cost: Figures
    val_all: Figures | None = None
    test: Figures | None = None
    restart: int | None = None
    start: dict[str, int] | None = None
    test_squares_learned: int | None = 0
    precision: str = "float32"
    lost_epochs: int = 0

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return len(self.history)

    @property
    def whole_epochs(self) -> int:
        """Number of epochs without one that a time limit cut, with those that diverged whole."""
        return self.lost_epochs + sum(not epoch.cut for epoch in self.history)

    @property
    def groups(self) -> dict[str, Figures | None]:
        """Metrics by group: ``val``, ``val_all``, ``test`` and ``cost``.

        A group that was not measured is None.
        """
        return {"val": self.val, "val_all": self.val_all, "test": self.test, "cost": self.cost}

    def metrics(self) -> Figures:
        """Return the metrics by MLflow name; logged last, so that MLflow shows the kept epoch."""
        metrics: Figures = {
            metric_names.TRAIN_S: self.train_seconds,
            metric_names.PARAMETERS: self.parameters,
            metric_names.FIELD: self.field,
            metric_names.EPOCHS: self.epochs,
        }
        for group, figures in self.groups.items():
            metrics |= metric_names.grouped(group, figures or {})
        return metrics

    def to_json(self) -> Record:
        """Return the record for ``result.json``, without a ``test`` key if nothing was tested."""
        record = {**super().to_json(), "epochs": self.epochs}
        if self.test is None:
            del record["test"]
        return record
