"""Brackets of Keras-Tuner's Hyperband: trainings and epochs of each round."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain, cycle

#: Hyperband's factor: one in three trainings of a round continues, for three times the epochs.
FACTOR = 3

Bracket = tuple[tuple[int, int], ...]


def brackets_of(longest: int) -> list[Bracket]:
    """Return the brackets of a Hyperband iteration [1]_ as in Keras-Tuner, most rounds first.

    Parameters
    ----------
    longest
        Epochs of the longest trainings.

    Examples
    --------
    >>> brackets_of(9)
    [((9, 1), (3, 3), (1, 9)), ((5, 3), (2, 9)), ((3, 9),)]

    References
    ----------
    .. [1] L. Li et al., Hyperband: a novel bandit-based approach to hyperparameter optimization,
       Journal of Machine Learning Research 18 (2018).
    """
    count = 1
    while longest / FACTOR**count >= 1:
        count += 1
    last = math.ceil(1 + math.log(longest, FACTOR))  # trainings of the bracket without halving
    return [
        tuple(
            (math.ceil(last / (k + 1) * FACTOR**remaining), math.ceil(longest / FACTOR**remaining))
            for remaining in range(k, -1, -1)
        )
        for k in range(count - 1, -1, -1)
    ]


def rounds_of(trials: int, longest: int) -> Iterator[tuple[int, int]]:
    """Yield the rounds of all brackets in turn, repeatedly, until they have ``trials`` trainings.

    Examples
    --------
    >>> list(rounds_of(30, 9))
    [(9, 1), (3, 3), (1, 9), (5, 3), (2, 9), (3, 9), (7, 1)]
    """
    for count, epochs in chain.from_iterable(cycle(brackets_of(longest))):
        if trials <= 0:
            return
        yield min(count, trials), epochs
        trials -= count
