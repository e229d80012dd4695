"""Settings of a training, and what trainings of earlier versions did without them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from fibsem.config.epochs import EpochLength
from fibsem.config.reading import read, require
from fibsem.config.schedule import ENDING, Schedule, ScheduleKind
from fibsem.config.updates import AskedPrecision, LossName, OptimizerName, Updates
from fibsem.errors import UserError
from fibsem.models.spec import ModelSpec

#: Default learning rates of adaptive optimisers.
ADAPTIVE = {"muon": 0.01, "adam": 0.002, "adamw": 0.002, "rmsprop": 0.001}
#: Default learning rates of networks on squares, whose steps see many pixels.
ADAPTIVE_SQUARES = {**ADAPTIVE, "adam": 0.004, "adamw": 0.004}

#: Value of ``train.init`` for weights that come with the package, if they fit the network.
SHIPPED = "auto"
#: Suffix of an address in ``train.init`` or ``train.teacher``: the digest of the model there.
DIGEST = re.compile(r"#([0-9a-f]{16})$")


def digest_in(address: str) -> str | None:
    """Return the digest at the end of an address of weights, or None if it has none yet.

    Examples
    --------
    >>> digest_in("models:/fibsem/3#00112233445566aa"), digest_in("models:/fibsem@champion")
    ('00112233445566aa', None)
    """
    match = DIGEST.search(address)
    return match[1] if match else None


#: What makes an epoch the best: mIoU of all labelled pixels, or loss or mIoU of balanced ones.
Criterion = Literal["all", "loss", "miou"]
#: Strengths of augmentations other than mirroring and turning windows.
STRENGTHS = ("contrast_sd", "noise_sd", "blur_px", "elastic_px")


#: Values of keys that records of earlier versions may lack, where they are not the defaults of
#: today: trainings were of this kind before there was a choice.
FORMER: Mapping[str, object] = {
    "epochs": 125, "precision": "float32", "optimizer": "sgd", "momentum": 0.95,
    "weight_decay": 0.0, "clip": None, "average": 0.0, "schedule": "step", "warmup": 0.0,
    "frame": 0, "steps": None, "min_steps": 0, "rare_windows": 0.0, "keep": "loss",
    "validation": "lattice", "restart": False, "init": None,
}  # fmt: skip


@dataclass(frozen=True)
class TrainConfig:
    """Settings of the training of a network (thesis 3.6, 3.7).

    Defaults are those of ``conf/train``; records of earlier versions are read by :meth:`of`.

    Examples
    --------
    >>> TrainConfig(epochs=5).patience
    10
    """

    mode: Literal["auto", "patch", "grid"] = "auto"
    share: float = 0.005
    epochs: int = 40
    patience: int | None = 10
    loss: LossName = "bce"
    loss_weight: float = 1.0
    precision: AskedPrecision = "auto"
    optimizer: OptimizerName = "muon"
    learning_rate: float | None = None
    momentum: float = 0.9
    weight_decay: float = 1e-4
    clip: float | None = 1.0
    average: float = 0.99
    batch: int = 128
    schedule: ScheduleKind = "cosine"
    decay: float = 0.75
    decay_every: int = 8
    min_learning_rate: float = 1e-5
    warmup: float = 0.05
    windows: int | None = None
    grid: int | None = None
    frame: int = 16
    steps: int | None = 200
    min_steps: int = 100
    rare_windows: float | None = None
    max_seconds: float | None = None
    keep: Criterion = "all"
    validation: Literal["pieces", "lattice"] = "pieces"
    augment: bool = True
    shift_sd: float = 0.0
    shift_probability: float = 0.0
    contrast_sd: float = 0.0
    noise_sd: float = 0.0
    blur_px: float = 0.0
    elastic_px: float = 0.0
    restart: bool = True
    init: str | None = SHIPPED
    teacher: str | None = None
    teacher_share: float = 0.5
    val_all: bool = True
    test: bool = False

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> TrainConfig:
        """Read the section ``train`` of a configuration; missing keys have their former values.

        Examples
        --------
        >>> TrainConfig.of({"epochs": 5}).optimizer, TrainConfig().optimizer
        ('sgd', 'muon')
        """
        return read(cls, {**FORMER, **section}, "train")

    def __post_init__(self) -> None:
        require("train.share", self.share, 0 < self.share <= 1, "in (0, 1]")
        require("train.momentum", self.momentum, 0 <= self.momentum < 1, "in [0, 1)")
        low = self.min_learning_rate
        require("train.min_learning_rate", low, low >= 0, "at least 0")
        require("train.decay", self.decay, 0 < self.decay <= 1, "in (0, 1]")
        for key in ("average", "warmup"):
            value = getattr(self, key)
            require(f"train.{key}", value, 0 <= value < 1, "in [0, 1)")
        for key in ("loss_weight", "weight_decay", "min_steps", "frame", "shift_sd", *STRENGTHS):
            value = getattr(self, key)
            require(f"train.{key}", value, value >= 0, "at least 0")
        for key in ("epochs", "batch", "decay_every", "windows", "grid", "patience", "steps"):
            value = getattr(self, key)
            require(f"train.{key}", value, value is None or value >= 1, "at least 1")
        for key in ("learning_rate", "max_seconds", "clip"):
            value = getattr(self, key)
            require(f"train.{key}", value, value is None or value > 0, "positive")
        taught = self.teacher_share
        require("train.teacher_share", taught, 0 <= taught <= 1, "in [0, 1]")
        chance, rare = self.shift_probability, self.rare_windows
        require("train.shift_probability", chance, 0 <= chance <= 1, "in [0, 1]")
        require("train.rare_windows", rare, rare is None or 0 <= rare < 1, "in [0, 1) or null")

    def resolved(self, spec: ModelSpec) -> TrainConfig:
        """Return the settings with automatic values resolved for a model.

        Raises
        ------
        UserError
            If the model does not support the mode, the initial weights or the teacher.
        """
        if self.mode == "grid" and not spec.convertible:
            raise UserError(
                f"`train.mode=grid` needs a convertible network, but got model={spec.name} with "
                f"padding={spec.padding}; the choices are train.mode=patch or model.padding=valid."
            )
        if self.mode == "patch" and spec.family == "squares":
            raise UserError(
                f"`train.mode` must be auto or grid for model={spec.name}, which is trained on "
                "squares, but got patch."
            )
        is_shipped = self.init is not None and DIGEST.sub("", self.init) == SHIPPED
        if self.init is not None and not is_shipped and not spec.is_network:
            raise UserError(
                f"`train.init` must be null for model={spec.name}, which has no layers, but got "
                f"{self.init}."
            )
        if self.teacher is not None and not spec.is_network:
            raise UserError(
                f"`train.teacher` must be null for model={spec.name}, which learns classes and no "
                f"probabilities, but got {self.teacher}."
            )
        mode = self.mode if self.mode != "auto" else "grid" if spec.convertible else "patch"
        squares = spec.family == "squares"
        windows, grid = (2, 128) if squares else (16, 8)
        rate = 0.02 if mode == "grid" else 0.005
        rate = (ADAPTIVE_SQUARES if squares else ADAPTIVE).get(self.optimizer, rate)
        return replace(
            self,
            init=None if is_shipped and not spec.is_network else self.init,
            mode=mode,
            learning_rate=self.learning_rate or rate,
            windows=self.windows or windows,
            grid=self.grid or grid,
            frame=self.frame if squares else 0,
            steps=self.steps if spec.is_network else None,
        )

    @property
    def estimates_all(self) -> bool:
        """Whether validation also estimates figures for all labelled pixels, ``val_all``."""
        return self.val_all and self.validation == "pieces"

    @property
    def scores_all(self) -> bool:
        """Whether every labelled pixel of validation is scored at the end, as in the thesis."""
        return self.val_all and self.validation == "lattice"

    @property
    def kept_by(self) -> Criterion:
        """Criterion of the best epoch: ``keep``, but the loss for ``all`` without ``val_all``."""
        return "loss" if self.keep == "all" and not self.estimates_all else self.keep

    @property
    def ends_with_epochs(self) -> bool:
        """Whether learning rates depend on the total number of epochs."""
        return self.schedule in ENDING

    @property
    def settings(self) -> dict[str, object]:
        """Settings for the identity of a training, with digests in place of addresses of models."""
        others = {"init": self.init, "teacher": self.teacher}
        digests = {
            key: address and (digest_in(address) or address) for key, address in others.items()
        }
        return {**asdict(self), **digests}

    @property
    def epoch_length(self) -> EpochLength:
        """Settings of the length of an epoch."""
        batch = self.batch if self.mode == "patch" else None
        return EpochLength(self.share, self.steps, self.min_steps, batch)

    @property
    def updates(self) -> Updates:
        """How a step changes the weights, apart from the learning rate."""
        return Updates(
            self.loss, self.loss_weight, self.precision, self.optimizer, self.momentum,
            self.weight_decay, self.clip,
        )  # fmt: skip

    @property
    def rates(self) -> Schedule:
        """Length of the training, and its learning rate at every step."""
        assert self.learning_rate is not None
        return Schedule(
            self.epochs, self.learning_rate, self.schedule, self.max_seconds,
            self.min_learning_rate, self.decay, self.decay_every, self.warmup,
        )  # fmt: skip
