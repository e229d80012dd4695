"""Whether a training has come to a result: a network that says the same everywhere is none.

A network whose units died or saturated gives one score, or one class, whatever it sees. It has a
loss and an mIoU like any other, and a porosity of 0 or 100 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fibsem.analysis.metrics import Confusion, cross_entropy
from fibsem.errors import UserError

#: Scores that are no further apart say nothing of what they are of.
SPREAD = 1e-3
#: Share of the pixels below which a class counts as never given.
NEVER = 0.01
#: Balanced accuracy up to which a network hardly does more than guess.
GUESSED = 0.55


class DivergedError(UserError):
    """A training without a usable result; other hyperparameters or another seed may give one.

    The argument is the reason; ``word`` names it in one word.

    Examples
    --------
    >>> print(DivergedError("a loss is not finite"))
    a loss is not finite; a smaller train.learning_rate or another seed may help
    """

    word = "diverged"

    def __str__(self) -> str:
        return f"{self.args[0]}; a smaller train.learning_rate or another seed may help"


class CollapsedError(DivergedError):
    """The network is constant, or all but never gives one of the classes."""

    word = "collapsed"


def check_alive(labels: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]) -> None:
    """Refuse the scores of a network that has learned nothing.

    Parameters
    ----------
    labels, scores : (n,)
        Classes 0 and 1 of a balanced sample, and probabilities of class 1.

    Raises
    ------
    DivergedError
        If a score is not finite.
    CollapsedError
        If all scores are equal up to :data:`SPREAD`; or if one class is hardly ever predicted,
        and the cross-entropy is above that of a constant score.

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
    given = np.sum(Confusion.at_threshold(labels, scores, 0.5).counts, axis=0)
    loss, constant = cross_entropy(labels, scores), entropy(float(np.mean(labels == 1)))
    if given.min() < NEVER * len(scores) and loss > constant:
        name = ("pore", "solid")[int(given.argmin())]
        raise CollapsedError(
            f"a network must give both classes, but this one gives {name} for {given.min()} of the "
            f"{len(scores)} pixels of the validation sample, and its loss of {loss:.4f} is above "
            f"the {constant:.4f} of a constant"
        )


def is_alive(labels: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]) -> bool:
    """Whether :func:`check_alive` takes these scores."""
    try:
        check_alive(labels, scores)
    except DivergedError:
        return False
    return True


def check_taught(losses: Sequence[float], accuracy: float) -> None:
    """Refuse a training that has taught its network nothing so far.

    A high loss alone is no such sign: a network that is too sure may yet tell most pixels apart.

    Parameters
    ----------
    losses
        Cross-entropies of balanced validation pixels, one an epoch.
    accuracy
        On these pixels, of the last epoch.

    Raises
    ------
    CollapsedError
        If no loss is below that of a constant, and the network guesses.
    """
    constant = entropy(0.5)
    if min(losses) > constant and accuracy < GUESSED:
        raise CollapsedError(
            f"a network must learn, but the validation loss of this one was {min(losses):.4f} at "
            f"best, above the {constant:.4f} of a constant, and it gives the right class to "
            f"{100 * accuracy:.0f} % of balanced pixels"
        )


def entropy(share: float) -> float:
    """Cross-entropy of the constant prediction that suits a share of class 1 best."""
    parts = np.array([share, 1 - share])
    return float(-(parts * np.log(np.clip(parts, 1e-12, None))).sum())
