"""Detect trainings without a result: constant networks, and networks that learned nothing.

A network whose units died or saturated gives one score, or one class, for any input. It still has a
loss and an mIoU, and a porosity of 0 or 100 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fibsem.analysis.metrics import Confusion, cross_entropy
from fibsem.errors import UserError

#: Range of the scores below which a network counts as constant.
SPREAD = 1e-3
#: Share of the pixels below which a class counts as never predicted.
NEVER = 0.01
#: Balanced accuracy below which a network is hardly better than guessing.
GUESSED = 0.55


class DivergedError(UserError):
    """Raised when a training has no usable result; other settings or another seed may give one.

    The argument describes what was found; ``word`` names the kind of failure.

    Examples
    --------
    >>> print(DivergedError("a loss is not finite"))
    a loss is not finite; a smaller train.learning_rate or another seed may help
    """

    word = "diverged"

    def __str__(self) -> str:
        return f"{self.args[0]}; a smaller train.learning_rate or another seed may help"


class BrokenOffError(DivergedError):
    """Raised when a loss in the steps is not finite, which ends the epoch at that step."""


class CollapsedError(DivergedError):
    """Raised when a network predicts (almost) the same everywhere, or has learned nothing."""

    word = "collapsed"


def check_alive(labels: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]) -> None:
    """Check that a network has learned something.

    Parameters
    ----------
    labels, scores : (n,)
        Classes 0 and 1 of a balanced sample, and probabilities of class 1.

    Raises
    ------
    DivergedError
        If a score is not finite.
    CollapsedError
        If the range of the scores is below :data:`SPREAD`; or if one class is (almost) never
        predicted, and the cross-entropy is above that of a constant.

    Examples
    --------
    >>> labels = np.array([0, 0, 1, 1])
    >>> check_alive(labels, np.array([0.1, 0.2, 0.8, 0.9]))
    >>> check_alive(labels, np.array([0.1, 0.2, 0.8, np.nan]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    fibsem.training.steps.health.DivergedError: the network gives scores that are not finite; ...
    """
    if not np.isfinite(scores).all():
        raise DivergedError("the network gives scores that are not finite")
    low, high = float(scores.min()), float(scores.max())
    if high - low < SPREAD:
        raise CollapsedError(
            f"a network must tell pixels apart, but this one is constant: all {len(scores)} pixels "
            f"of the validation sample have scores from {low:.4f} to {high:.4f}"
        )
    predicted = np.sum(Confusion.at_threshold(labels, scores, 0.5).counts, axis=0)
    loss, constant = cross_entropy(labels, scores), entropy(float(np.mean(labels == 1)))
    if predicted.min() < NEVER * len(scores) and loss > constant:
        name = ("pore", "solid")[int(predicted.argmin())]
        raise CollapsedError(
            f"a network must give both classes, but this one gives {name} for {predicted.min()} of "
            f"the {len(scores)} pixels of the validation sample, and its loss of {loss:.4f} is "
            f"above the {constant:.4f} of a constant"
        )


def is_alive(labels: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]) -> bool:
    """Whether the scores pass :func:`check_alive`."""
    try:
        check_alive(labels, scores)
    except DivergedError:
        return False
    return True


def check_taught(losses: Sequence[float], accuracy: float) -> None:
    """Check that a training has made progress so far.

    A high loss alone is no sign of failure: an overconfident network may still classify most pixels
    correctly.

    Parameters
    ----------
    losses
        Cross-entropy on balanced validation pixels, one per epoch.
    accuracy
        Accuracy on these pixels in the last epoch.

    Raises
    ------
    CollapsedError
        If every loss is above that of a constant, and the accuracy is below :data:`GUESSED`.
    """
    constant = entropy(0.5)
    if min(losses) > constant and accuracy < GUESSED:
        raise CollapsedError(
            f"a network must learn, but the validation loss of this one was {min(losses):.4f} at "
            f"best, above the {constant:.4f} of a constant, and it gives the right class to "
            f"{100 * accuracy:.0f} % of balanced pixels"
        )


def entropy(share: float) -> float:
    """Return the cross-entropy of the best constant prediction for a share of class 1."""
    parts = np.array([share, 1 - share])
    return float(-(parts * np.log(np.clip(parts, 1e-12, None))).sum())
