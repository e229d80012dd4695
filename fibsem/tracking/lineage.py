"""Where a model comes from: data, sweep, trial and promotion, and the commands that made it.

A bundle brings its lineage along, and every ``summary.json`` of what was made with it has it: no
MLflow store is needed to read it. What an older version did not store is None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from fibsem.system.records import fields_in

Record = dict[str, Any]


@dataclass(frozen=True)
class FromSweep:
    """A sweep: its study, its run, the version of the code, and the command."""

    study: str | None = None
    parent_run_id: str | None = None
    code: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class FromTrial:
    """A trial of a sweep; ``init`` names the weights that it began with."""

    run_id: str | None = None
    name: str | None = None
    number: str | None = None
    seed: int | None = None
    code: str | None = None
    init: str | None = None


@dataclass(frozen=True)
class FromPromotion:
    """A promotion: run of its first final training, its own run, seeds of all, the command."""

    run_id: str | None = None
    parent_run_id: str | None = None
    seeds: Sequence[int] = ()
    command: str | None = None


@dataclass(frozen=True)
class DataSource:
    """How the data were named in the configuration."""

    name: str | None = None
    path: str | None = None
    phantom: str | None = None


@dataclass(frozen=True)
class Lineage:
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
    """

    KEYS: ClassVar[tuple[str, ...]] = ("trial", "promotion")

    sweep: FromSweep = FromSweep()
    sweeps: Sequence[FromSweep] = ()
    trial: FromTrial = FromTrial()
    promotion: FromPromotion = FromPromotion()
    dataset: str | None = None
    data: str | None = None
    data_source: DataSource = DataSource()
    code: str | None = None

    def to_json(self) -> Record:
        """As bundles and ``summary.json`` have it; ``init`` only of a trial that has one."""
        record = asdict(self)
        if self.trial.init is None:
            del record["trial"]["init"]
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Lineage:
        """Read what :meth:`to_json` made, of this version or another."""
        return cls(
            FromSweep(**fields_in(FromSweep, record.get("sweep") or {})),
            [FromSweep(**fields_in(FromSweep, one)) for one in record.get("sweeps") or ()],
            FromTrial(**fields_in(FromTrial, record.get("trial") or {})),
            FromPromotion(**fields_in(FromPromotion, record.get("promotion") or {})),
            record.get("dataset"),
            record.get("data"),
            DataSource(**fields_in(DataSource, record.get("data_source") or {})),
            record.get("code"),
        )

    @classmethod
    def of_bundle(cls, audit: Mapping[str, Any]) -> Lineage:
        """That of a bundle; of an older one the few things that it kept.

        Examples
        --------
        >>> Lineage.of_bundle({"winner": "b", "run_id": "c", "dataset": "film"}).promotion.run_id
        'c'
        """
        if "lineage" in audit:
            return cls.from_json(audit["lineage"])
        return cls(
            trial=FromTrial(audit.get("winner")),
            promotion=FromPromotion(audit.get("run_id")),
            dataset=audit.get("dataset"),
            data=audit.get("data"),
        )
