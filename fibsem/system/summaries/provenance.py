"""Origin of the labels of a volume, for its ledger and its summary."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.system.records import Record, Stored
from fibsem.system.summaries.figures import Text
from fibsem.system.summaries.lineage import WrittenLineage


@dataclass(frozen=True, kw_only=True)
class Provenance(Stored):
    """Origin of labels; ledgers and summaries of earlier versions have fewer fields.

    Attributes
    ----------
    weights, versions, lineage
        For every model: its name in ``weights``, its registered version, its lineage; the lineages
        are None in summaries that do not have them.
    code, command
        Code version and command line of the run that labelled the volume.
    earlier_code
        Versions of the code that labelled earlier slabs.
    """

    weights: tuple[str, ...] = ()
    versions: tuple[Text, ...] = ()
    lineage: tuple[WrittenLineage, ...] | None = ()
    code: Text = None
    command: Text = None
    earlier_code: tuple[str, ...] = ()

    @property
    def unknown(self) -> set[str]:
        """Names of the fields that are not written: without earlier code, or with nothing else."""
        others = {"weights", "versions", "lineage", "code", "command"}
        earlier = set() if self.earlier_code else {"earlier_code"}
        return earlier | (set() if any(getattr(self, name) for name in others) else others)

    def to_json(self) -> Record:
        """Return the record in the ledger, without what is unknown."""
        return {key: value for key, value in super().to_json().items() if key not in self.unknown}
