"""Estimate the average time of the trials of a space from a few timed networks.

Two networks of a space may differ tenfold in size, so the average of two or four timed networks
says little about all. The operations of a step are known without timing: the timed networks show
how time grows with operations, and the operations of many networks give the average time (a ratio
estimator; Cochran, Sampling Techniques, 1977, chapter 6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np

from fibsem.inference.model.cost import operations_of_window
from fibsem.models.spec import ModelSpec
from fibsem.training.planning.growth import Growth
from fibsem.training.planning.probing import Probe

#: Seconds of the budget for each network that is timed, and the maximum number of these networks.
PROBE_EVERY_S, MOST_PROBES = 120.0, 4
#: A step with x times the operations takes x ** GROWTH times as long, which is less than x, since
#: small maps, memory traffic and the optimiser grow less. GROWTH and GROWTH_SD are mean and
#: standard deviation of that power before anything is timed; measured values are 0.35 (2dcnn at
#: 33x33x3), 0.52 (unet) and 0.85 (2dcnn at 81x81x3). SCATTER is the residual standard deviation of
#: the logarithm for single networks: measured 0.08, 0.22 and 0.10 (``experiments/budgets``).
GROWTH, GROWTH_SD, SCATTER = 0.5, 0.25, 0.13
#: One of three trainings continues in the next rung, mostly of a larger network. Winners of seven
#: sweeps took 1.13 times as long as the average network, by operations; the largest third 1.17.
GO_ON = 3


@dataclass(frozen=True)
class NetworkCost:
    """A network of a space: its architecture, and the operations of the forward pass of a step.

    Examples
    --------
    ```python
    config = Configuration(compose("train", ["data=demo", "nbhd=33x33x3"])).run
    material = Material(obtain(config.data, config.split), config)
    NetworkCost.of(config.spec, material.step_shape).operations
    ```
    """

    architecture: str
    operations: float

    @classmethod
    def of(cls, spec: ModelSpec, step_shape: tuple[int, int, int]) -> NetworkCost:
        """Count the operations of a network for the windows, height and width of its steps."""
        windows, height, width = step_shape
        return cls(spec.name, windows * operations_of_window(spec, (height, width)))


def to_be_timed(
    networks: Sequence[NetworkCost], workers: int, budget_s: float
) -> tuple[int, list[int]]:
    """Choose networks to time in groups of one per worker; returns (number of groups, indices).

    At least one network of each architecture is timed. Several of one architecture are spread over
    its sizes, so that average and growth of the time can be estimated.

    Examples
    --------
    >>> networks = [NetworkCost("2dcnn", each) for each in (9.0, 2.0, 4.0, 1.0)]
    >>> to_be_timed(networks, 1, 100.0)
    (1, [2])
    >>> to_be_timed(networks, 1, 300.0)
    (2, [1, 0])
    """
    indices: dict[str, list[int]] = {}
    for k in sorted(range(len(networks)), key=lambda k: networks[k].operations):
        indices.setdefault(networks[k].architecture, []).append(k)
    groups = list(indices.values())
    wanted = max(len(groups), min(MOST_PROBES, int(budget_s // PROBE_EVERY_S)))
    count = min(len(networks), -(-wanted // workers) * workers)
    # architectures take turns in getting one more network, as long as they have any
    turns = [group for k in range(count) for group in groups if k < len(group)][:count]
    chosen = [k for group in groups for k in _spread(group, turns.count(group))]
    rounds = -(-count // workers)
    return rounds, list(islice(cycle(chosen), rounds * workers))


def _spread(ordered: Sequence[int], count: int) -> list[int]:
    """Pick ``count`` elements, each from the middle of one of as many equal parts."""
    return [ordered[int((k + 0.5) * len(ordered) / count)] for k in range(count)]


def average(
    probes: Sequence[Probe], timed: Sequence[NetworkCost], networks: Sequence[NetworkCost]
) -> Probe:
    """Estimate the average time of trials of some networks.

    Parameters
    ----------
    probes, timed
        Measured times, and the networks that they belong to.
    networks
        Networks that a sweep may train; architectures that were not timed are left out.

    Examples
    --------
    >>> small, large = NetworkCost("2dcnn", 1000.0), NetworkCost("2dcnn", 32000.0)
    >>> average([Probe(0.01, 0.1, 2.0, 1e-6)], [small], [small]).step_s
    0.01
    >>> round(average([Probe(0.01, 0.1, 2.0, 1e-6)], [small], [small, large]).step_s, 4)
    0.0333
    """
    power = growth(probes, timed)
    estimates = [
        _probe(network, probes, timed, power) for network in networks if _timed(network, timed)
    ]
    return replace(
        mean(estimates or probes), goes_on=_ratio_of_largest([probe.step_s for probe in estimates])
    )


def grown(probes: Sequence[Probe], timed: Sequence[NetworkCost], typical: Probe) -> Growth:
    """Fit how the time of a step grows with operations, by architecture, to timed networks.

    Parameters
    ----------
    probes, timed
        Measured times, and the networks that they belong to.
    typical
        The average network.

    Examples
    --------
    >>> timed, found = NetworkCost("2dcnn", 100.0), Probe(0.01, 0.1, 2.0, 1e-6)
    >>> grown([found], [timed], found).times("2dcnn", 400.0)
    2.0
    """
    power, ratios = growth(probes, timed), defaultdict(list)
    for probe, network in zip(probes, timed, strict=True):
        ratios[network.architecture].append(
            probe.step_s / typical.step_s / network.operations**power
        )
    return Growth(power, {name: float(np.mean(factors)) for name, factors in ratios.items()})


def _ratio_of_largest(steps_s: Sequence[float]) -> float:
    """Return the average time of the largest third of networks relative to all; 1 without any.

    In a successive halving mostly these continue, since larger networks of a space are better.
    """
    if not steps_s:
        return 1.0
    largest = sorted(steps_s, reverse=True)[: -(-len(steps_s) // GO_ON)]
    return float(np.mean(largest) / np.mean(steps_s))


def _timed(network: NetworkCost, timed: Sequence[NetworkCost]) -> bool:
    """Whether some network of the same architecture was timed."""
    return any(network.architecture == size.architecture for size in timed)


def growth(probes: Sequence[Probe], timed: Sequence[NetworkCost]) -> float:
    """Estimate the power by which time grows with operations, from a prior and measured times.

    It is the posterior mean of the slope of log time against log operations, within architectures
    (Gelman et al., Bayesian Data Analysis, 2013, section 14.8). Two networks of one size leave the
    prior unchanged; two of very different sizes nearly replace it.

    Examples
    --------
    >>> one, two = (Probe(step_s, 0.1, 2.0, 1e-6) for step_s in (0.01, 0.04))
    >>> growth([one, one], [NetworkCost("2dcnn", 1e9)] * 2)
    0.5
    >>> round(growth([one, two], [NetworkCost("2dcnn", 1e9), NetworkCost("2dcnn", 4e9)]), 2)
    0.89
    """
    apart, together = 0.0, 0.0
    for name in {network.architecture for network in timed}:
        pairs = [
            (size.operations, probe.step_s)
            for probe, size in zip(probes, timed, strict=True)
            if size.architecture == name
        ]
        x, y = (logs - logs.mean() for logs in np.log(np.asarray(pairs).T))
        apart, together = apart + float(x @ x), together + float(x @ y)
    certain = (SCATTER / GROWTH_SD) ** 2
    return max(0.0, (together + certain * GROWTH) / (apart + certain))


def _probe(
    network: NetworkCost, probes: Sequence[Probe], timed: Sequence[NetworkCost], power: float
) -> Probe:
    """Estimate the time of a network from the timed ones of its architecture."""
    return mean(
        [
            with_longer_steps(probe, (network.operations / size.operations) ** power)
            for probe, size in zip(probes, timed, strict=True)
            if size.architecture == network.architecture
        ]
    )


def with_longer_steps(probe: Probe, times: float) -> Probe:
    """Return the times of a network whose steps take ``times`` times as long."""
    return replace(
        probe,
        step_s=times * probe.step_s,
        validation_s=times * probe.validation_s,
        pixel_s=times * probe.pixel_s,
    )


def mean(probes: Sequence[Probe]) -> Probe:
    """Average some measured times."""
    table = [(probe.step_s, probe.validation_s, probe.once_s, probe.pixel_s) for probe in probes]
    return Probe(*np.mean(table, axis=0).tolist())
