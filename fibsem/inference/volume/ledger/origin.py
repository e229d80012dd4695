"""Where the labels of a volume come from, over all starts that labelled some."""

from __future__ import annotations

from dataclasses import replace

from fibsem.inference.volume.ledger.decisions import Provenance
from fibsem.inference.volume.ledger.ledger import Ledger


def provenance_of(ledger: Ledger, given: Provenance | None, fresh: int) -> Provenance:
    """The origin of the labels: a start that finds them finished does not count.

    Where another version of the code labelled the earlier slabs, ``earlier_code`` names it.
    """
    before = (ledger.decided.provenance if ledger.slabs else None) or Provenance()
    if before != Provenance() and not fresh:
        return before
    code, codes = given and given.code, dict.fromkeys((*before.earlier_code, before.code))
    earlier = tuple(one for one in codes if one is not None and one != code)
    now = replace(given or Provenance(), earlier_code=earlier)
    ledger.decide(provenance=now)
    return now
