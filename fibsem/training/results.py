"""What a training found: the figures of its epochs, and of the network that it kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from fibsem.system.records import Figures, Number, Record, Stored
from fibsem.tracking import names


@dataclass(frozen=True)
class Epoch:
    """Figures of one epoch; ``seconds`` without validation, ``val_seconds`` the rest.

    ``val`` is of balanced pixels, ``val_all`` of the same scores with the classes as they are
    labelled; without ``train.val_all`` it is empty.
    """

    epoch: int
    learning_rate: Number
    train_loss: Number
    val: Figures
    seconds: float
    val_seconds: float
    val_all: Figures = field(default_factory=dict)

    def metrics(self) -> Figures:
        """The figures by their names in MLflow."""
        return {
            names.TRAIN_LOSS: self.train_loss,
            names.LEARNING_RATE: self.learning_rate,
            names.EPOCH_S: self.seconds,
            names.VAL_S: self.val_seconds,
            **names.grouped("val", self.val),
            **names.grouped("val_all", self.val_all),
        }


@dataclass(frozen=True)
class TrialResult(Stored):
    """A finished training, as ``result.json`` holds it.

    Attributes
    ----------
    run_id
        In MLflow.
    val, val_all
        Validation figures of the epoch that was kept: of balanced pixels, and with the classes as
        they are labelled. ``val_all`` is None where it was not asked for, or would take hours.
    history
        Every epoch.
    best_epoch
        The one that was kept.
    train_seconds
        Training and validation, over all starts.
    parameters, field
        Of the network: trainable numbers, and pixels that it sees across.
    cost
        Seconds per gigapixel, predicted and measured.
    test
        Of balanced test pixels, where these were asked for.
    restart
        Epochs after which it was begun again at a smaller learning rate; None where it was not.
    start
        Of ``train.init``: how many ``layers`` and ``weights`` began with it, ``of`` how many.
    test_squares_learned
        Test squares that it or its teacher had learned from; None where one may have, and nobody
        knows.
    precision
        Of the maps in its steps, ``float32`` or ``bfloat16``; it is scored and kept in float32.
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

    @property
    def epochs(self) -> int:
        """How many epochs there were."""
        return len(self.history)

    @property
    def groups(self) -> dict[str, Figures | None]:
        """Figures by the first part of their names: ``val``, ``val_all``, ``test``, ``cost``.

        A group that was not measured is None.
        """
        return {"val": self.val, "val_all": self.val_all, "test": self.test, "cost": self.cost}

    def metrics(self) -> Figures:
        """The figures by their names in MLflow; those of the kept epoch come last there."""
        metrics: Figures = {
            names.TRAIN_S: self.train_seconds,
            names.PARAMETERS: self.parameters,
            names.FIELD: self.field,
            names.EPOCHS: self.epochs,
        }
        for group, figures in self.groups.items():
            metrics |= names.grouped(group, figures or {})
        return metrics

    def to_json(self) -> Record:
        """The record that is stored; without test figures there is no key for them."""
        record = {**super().to_json(), "epochs": self.epochs}
        if self.test is None:
            del record["test"]
        return record
