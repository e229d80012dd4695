"""A worker's share of the machine, and networks timed as workers will train them: all at once."""

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
    anew: tuple[str, ...] = ()  # options of the command that it works for

    def take(self) -> None:
        """Begin a process that has this share, before TensorFlow looks around."""
        die_with_parent()
        guard_output()
        begin_with(self.anew)
        end_cleanly(*STOPS, at_most_s=END_S, once=True)
        confine(set(self.cores), self.accelerator)


def shares(count: int) -> list[Share]:
    """The machine, dealt out to workers; accelerators are shared where there are more workers."""
    devices = visible_accelerators()
    return [
        Share(frozenset(cores), devices[k % len(devices)] if devices else None, anew())
        for k, cores in enumerate(core_shares(count))
    ]


def abreast(workers: int) -> int:
    """How many workers train as fast beside one another as one alone: as there are accelerators.

    On processors they share the cores, of which one training uses all: two workers did four trials
    in 0.81 of the time of one (``experiments/benchmarks``), which is counted as none.
    """
    return max(1, min(workers, len(visible_accelerators())))


#: Reads a dataset, and what a network learns from of it: in another process.
Reading = tuple[Callable[[], Dataset], Callable[[Dataset], Material]]


def probe_at_once(some: Sequence[Reading], budget_s: float) -> list[Probe]:
    """Time networks beside one another, each in a process with a worker's share.

    Raises
    ------
    UserError
        If one of the processes ends before it has told anything.
    """
    context, started = fresh(), []
    try:
        for reading, share in zip(some, shares(len(some)), strict=True):
            ours, theirs = context.Pipe()
            process = context.Process(target=_time, args=(theirs, reading, budget_s, share))
            process.start()
            theirs.close()
            started.append((process, ours))
        return [_answer(pipe, len(some)) for _, pipe in started]
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
