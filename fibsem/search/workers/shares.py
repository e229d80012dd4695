"""Shares of the machine for workers, and timing of networks that train at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from fibsem.data.dataset.dataset import Dataset
from fibsem.errors import UserError, one_line
from fibsem.search.workers.executors import LOOK_S, fresh
from fibsem.system.again import anew, begin_with
from fibsem.system.interrupts import END_S, end_cleanly, interruption_point
from fibsem.system.processes import (
    collect_seldom,
    confine,
    core_shares,
    die_with_parent,
    stop,
    visible_accelerators,
)
from fibsem.system.secrets import guard_output
from fibsem.system.threads import STOPS
from fibsem.training.material.material import Material
from fibsem.training.planning.probing import Probe, probe


@dataclass(frozen=True)
class Share:
    """Cores and an accelerator of one worker."""

    cores: frozenset[int]
    accelerator: str | None
    anew: tuple[str, ...] = ()  # typed options that remove results, as overwrite=true

    def take(self) -> None:
        """Restrict this process to its share; called before TensorFlow is imported."""
        die_with_parent()
        collect_seldom()
        guard_output()
        begin_with(self.anew)
        end_cleanly(*STOPS, at_most_s=END_S, once=True)
        confine(set(self.cores), self.accelerator)


def shares(count: int) -> list[Share]:
    """Divide the machine among workers; several share an accelerator if there are too few."""
    devices = visible_accelerators()
    return [
        Share(frozenset(cores), devices[k % len(devices)] if devices else None, anew())
        for k, cores in enumerate(core_shares(count))
    ]


def abreast(workers: int) -> int:
    """Return how many trainings run at full speed at once: one for each accelerator, else one.

    Without accelerators workers share the cores, all of which one training uses: two workers needed
    0.81 of the time of one for four trials (``experiments/benchmarks``), counted as no gain.
    """
    return max(1, min(workers, len(visible_accelerators())))


#: Functions that read a dataset and its training data in another process.
Reading = tuple[Callable[[], Dataset], Callable[[Dataset], Material]]


def probe_at_once(readings: Sequence[Reading], budget_s: float) -> list[Probe]:
    """Time networks at the same time, each in a process with a worker's share of the machine.

    Raises
    ------
    UserError
        If one of the processes dies before it has sent a result, or sends an error message.
    """
    context, started = fresh(), []
    try:
        for reading, share in zip(readings, shares(len(readings)), strict=True):
            ours, theirs = context.Pipe()
            process = context.Process(target=_time, args=(theirs, reading, budget_s, share))
            process.start()
            theirs.close()
            started.append((process, ours))
        return [_answer(pipe, len(readings)) for _, pipe in started]
    finally:
        for _, pipe in started:
            pipe.close()
        stop(*(process for process, _ in started))


def _answer(pipe: Connection, count: int) -> Probe:
    while not pipe.poll(LOOK_S):
        interruption_point()
    try:
        answer = pipe.recv()
    except EOFError:
        raise UserError(
            f"`search.workers` must be so many that each can train a network, but of {count} one "
            "ended while it was timed, out of memory?; fewer of them have more."
        ) from None
    if isinstance(answer, str):
        raise UserError(answer)
    return answer


def _time(pipe: Connection, reading: Reading, budget_s: float, share: Share) -> None:
    share.take()
    read, learn_from = reading
    try:
        pipe.send(probe(learn_from(read()), budget_s))
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        pipe.send(line)
