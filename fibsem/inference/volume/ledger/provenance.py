"""Provenance of the labels of a volume, over all starts of the command."""

from __future__ import annotations

from dataclasses import replace

from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.system.summaries.provenance import Provenance


def provenance_of(ledger: Ledger, current: Provenance | None, fresh: int) -> Provenance:
    """Return the provenance of the labels, and store it unless this start labels no slab.

    ``earlier_code`` lists other versions of the code that labelled earlier slabs.
    """
    before = (ledger.decided.provenance if ledger.slabs else None) or Provenance()
    if before != Provenance() and not fresh:
        return before
    code, codes = current and current.code, dict.fromkeys((*before.earlier_code, before.code))
    earlier = tuple(version for version in codes if version is not None and version != code)
    now = replace(current or Provenance(), earlier_code=earlier)
    ledger.decide(provenance=now)
    return now
