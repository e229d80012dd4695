"""Where a model comes from: data, sweep, trial and promotion, and the commands that made it.

A bundle brings its lineage along, and every ``summary.json`` of what was made with it has it: no
MLflow store is needed to read it. What an older version did not store is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fibsem.system.records import UNLESS_NONE, Record, Stored, WrittenAs, typed


@dataclass(frozen=True)
class FromSweep:
    """A sweep: its study, its run, the version of the code, and the command."""

    study: str | None = None
    parent_run_id: str | None = None
    code: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class FromTrial:
    """A trial of a sweep; ``init`` names the weights that it began with, ``teacher`` who taught."""

    run_id: str | None = None
    name: str | None = None
    number: str | None = None
    seed: int | None = None
    code: str | None = None
    init: str | None = field(default=None, metadata=UNLESS_NONE)
    teacher: str | None = field(default=None, metadata=UNLESS_NONE)


@dataclass(frozen=True)
class FromPromotion:
    """A promotion: run of its first final training, its own run, seeds of all, the command."""

    run_id: str | None = None
    parent_run_id: str | None = None
    seeds: tuple[int, ...] = ()
    command: str | None = None


@dataclass(frozen=True)
class DataSource:
    """How the data were named in the configuration."""

    name: str | None = None
    path: str | None = None
    phantom: str | None = None


@dataclass(frozen=True)
class Lineage(Stored):
    """The lineage of a model.

    Attributes
    ----------
    sweep, sweeps
        That of its trial, and all whose trials were ranked: without them another one might win.
    trial, promotion
        What was trained finally, and where.
    dataset, data, data_source
        Name and hash of the data, and how they were named.
    code
        Version of the code that promoted it.
    training
        The command of a model that was trained alone, without a sweep and a promotion.
    """

    sweep: FromSweep = FromSweep()
    sweeps: tuple[FromSweep, ...] = ()
    trial: FromTrial = FromTrial()
    promotion: FromPromotion = FromPromotion()
    dataset: str | None = None
    data: str | None = None
    data_source: DataSource = DataSource()
    code: str | None = None
    training: str | None = field(default=None, metadata=UNLESS_NONE)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Lineage:
        """Read what :meth:`to_json` made, of this version or another."""
        whole = typed(Record, record)
        return typed(cls, {key: value for key, value in whole.items() if value is not None})

    @classmethod
    def in_bundle(cls, bundle: Any) -> Lineage:
        """The lineage in a ``bundle.json``."""
        return cls.of_bundle(typed(Record, typed(Record, bundle).get("audit")))

    @classmethod
    def of_bundle(cls, audit: Mapping[str, Any]) -> Lineage:
        """The lineage that a bundle's audit holds; of an older one the few things that it kept.

        Examples
        --------
        >>> Lineage.of_bundle({"winner": "b", "run_id": "c", "dataset": "film"}).promotion.run_id
        'c'
        """
        if audit.get("lineage") is not None:
            return cls.from_json(audit["lineage"])
        return cls.from_json(
            {
                "trial": {"run_id": audit.get("winner")},
                "promotion": {"run_id": audit.get("run_id")},
                "dataset": audit.get("dataset"),
                "data": audit.get("data"),
            }
        )


#: One as it is written.
WrittenLineage = Annotated[Lineage, WrittenAs(Record, Lineage.from_json)]
