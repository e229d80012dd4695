"""Lineage of a model: data, sweep, trial and promotion, and the commands that made it.

A bundle contains its lineage, and so does every ``summary.json`` of results that were made with
it: no MLflow store is needed to read it. Fields that an older version did not store are None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fibsem.system.records import UNLESS_NONE, Record, Stored, WrittenAs, typed


@dataclass(frozen=True)
class FromSweep:
    """A sweep: study, run, version of the code, and command."""

    study: str | None = None
    parent_run_id: str | None = None
    code: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class FromTrial:
    """A trial of a sweep; ``init`` names its initial weights, ``teacher`` its teacher model."""

    run_id: str | None = None
    name: str | None = None
    number: str | None = None
    seed: int | None = None
    code: str | None = None
    init: str | None = field(default=None, metadata=UNLESS_NONE)
    teacher: str | None = field(default=None, metadata=UNLESS_NONE)


@dataclass(frozen=True)
class FromPromotion:
    """A promotion: run of its first final training, its own run, all seeds, and the command."""

    run_id: str | None = None
    parent_run_id: str | None = None
    seeds: tuple[int, ...] = ()
    command: str | None = None


@dataclass(frozen=True)
class DataSource:
    """Names of the data in the configuration."""

    name: str | None = None
    path: str | None = None
    phantom: str | None = None


@dataclass(frozen=True)
class Lineage(Stored):
    """The lineage of a model.

    Attributes
    ----------
    sweep, sweeps
        Sweep of its trial, and all sweeps whose trials were ranked, which affect the choice.
    trial, promotion
        Trial that the final training repeats, and the promotion.
    dataset, data, data_source
        Name and hash of the data, and their names in the configuration.
    code
        Version of the code of the promotion.
    training
        Command of a model that was trained alone, without sweep and promotion.
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
        """Create a lineage from a record of :meth:`to_json`, of this or another version."""
        values = typed(Record, record)
        return typed(cls, {key: value for key, value in values.items() if value is not None})

    @classmethod
    def in_bundle(cls, bundle: Any) -> Lineage:
        """Return the lineage in the record of a ``bundle.json``."""
        return cls.of_bundle(typed(Record, typed(Record, bundle).get("audit")))

    @classmethod
    def of_bundle(cls, audit: Mapping[str, Any]) -> Lineage:
        """Return the lineage in a bundle's audit; for older bundles, only the fields they kept.

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


#: A lineage as it is written in JSON.
WrittenLineage = Annotated[Lineage, WrittenAs(Record, Lineage.from_json)]
