"""What the trials of a space take on average, from a few that are timed.

Two networks of a space may differ tenfold in size: the average of two or four that are timed says
little of that of all. Their operations are known without timing anything, so those that are timed
tell the seconds of an operation, and the operations of many the average (a ratio estimator;
Cochran, Sampling Techniques, 1977, chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fibsem.inference.model.cost import operations_per_pixel
from fibsem.models import build
from fibsem.models.spec import ModelSpec
from fibsem.training.probing import Probe

#: A step of a network with x times the operations takes x to this power times as long: batches,
#: small maps and the optimiser grow less. Measured with 154 trainings of 2dcnn at 33x33x3 on two
#: films (``experiments/budgets/sizes.py``): 0.32 and 0.34, within 15 % (one standard deviation).
GROWTH = 0.33
#: Of so many networks one goes on. The winners of six sweeps with rungs (``experiments/budgets``)
#: take 1.25 times as long as the average of their space, its largest third 1.23.
GO_ON = 3


@dataclass(frozen=True)
class Sized:
    """A network of a space: its architecture, and its operations for a pixel."""

    architecture: str
    operations: float

    @classmethod
    def of(cls, spec: ModelSpec) -> Sized:
        """Count the operations of a network."""
        return cls(spec.name, operations_per_pixel(build(spec, dense=spec.convertible)))


def average(probes: Sequence[Probe], timed: Sequence[Sized], networks: Sequence[Sized]) -> Probe:
    """What trials of some networks take on average.

    Parameters
    ----------
    probes, timed
        What was measured, and of which networks.
    networks
        Those that a sweep may train; those of an architecture that was not timed are left out.

    Examples
    --------
    >>> small, large = Sized("2dcnn", 1000.0), Sized("2dcnn", 32000.0)
    >>> average([Probe(0.01, 0.1, 2.0, 1e-6)], [small], [small]).step_s
    0.01
    >>> round(average([Probe(0.01, 0.1, 2.0, 1e-6)], [small], [small, large]).step_s, 4)
    0.0207
    """
    of_each = [_of(one, probes, timed) for one in networks if _timed(one, timed)]
    return replace(mean(of_each or probes), goes_on=_of_largest([one.step_s for one in of_each]))


def _of_largest(steps_s: Sequence[float]) -> float:
    """Times the average that the largest third of some networks takes; 1 where there is none.

    Those are the ones that go on in a successive halving: larger networks of a space are better.
    """
    if not steps_s:
        return 1.0
    largest = sorted(steps_s, reverse=True)[: -(-len(steps_s) // GO_ON)]
    return float(np.mean(largest) / np.mean(steps_s))


def _timed(network: Sized, timed: Sequence[Sized]) -> bool:
    """Whether a network of its architecture was."""
    return any(network.architecture == like.architecture for like in timed)


def _of(network: Sized, probes: Sequence[Probe], timed: Sequence[Sized]) -> Probe:
    """What a network takes by those of its architecture that were timed."""
    return mean(
        [
            larger(probe, network.operations / like.operations)
            for probe, like in zip(probes, timed, strict=True)
            if like.architecture == network.architecture
        ]
    )


def larger(probe: Probe, times: float) -> Probe:
    """What a network with so many times the operations takes."""
    longer = times**GROWTH
    return replace(
        probe,
        step_s=longer * probe.step_s,
        validation_s=longer * probe.validation_s,
        pixel_s=longer * probe.pixel_s,
    )


def mean(probes: Sequence[Probe]) -> Probe:
    """The mean of what was timed."""
    table = [(one.step_s, one.validation_s, one.once_s, one.pixel_s) for one in probes]
    return Probe(*np.mean(table, axis=0).tolist())
