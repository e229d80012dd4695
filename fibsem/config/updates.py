"""How a step changes the weights of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LossName = Literal["bce", "bce_dice", "bce_iou", "bce_porosity"]
AskedPrecision = Literal["auto", "float32", "bfloat16"]
OptimizerName = Literal["sgd", "nesterov", "adam", "adamw", "rmsprop", "muon"]


@dataclass(frozen=True)
class Updates:
    """What the gradients are of, in which precision, and how they change the weights.

    Attributes
    ----------
    loss, loss_weight
        The loss, and the weight of what is added to the cross-entropy in it.
    precision
        Precision of the feature maps.
    optimizer, momentum, weight_decay
        The optimiser, with the numbers that it uses of these.
    clip
        Maximum global norm of the gradients, or None.

    Examples
    --------
    >>> plain = Updates("bce", 1.0, "float32", "sgd", momentum=0.9, weight_decay=0.0, clip=None)
    >>> plain.optimizer
    'sgd'
    """

    loss: LossName
    loss_weight: float
    precision: AskedPrecision
    optimizer: OptimizerName
    momentum: float
    weight_decay: float
    clip: float | None
