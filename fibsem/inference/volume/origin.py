"""Where the labels of a volume come from, over all starts that labelled some."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fibsem.inference.volume.entries import Provenance
from fibsem.inference.volume.ledger import Ledger


def provenance_of(ledger: Ledger, given: Provenance | None, fresh: int) -> dict[str, Any]:
    """The origin of the labels: a start that finds them finished does not count.

    Where another version of the code labelled the earlier slabs, ``earlier_code`` names it.
    """
    before = ledger.decided.get("provenance", {}) if ledger.slabs else {}
    if before and not fresh:
        return dict(before)
    codes = [*before.get("earlier_code", []), before.get("code")]
    code = given and given.code
    earlier = tuple(one for one in dict.fromkeys(codes) if one not in (None, code))
    if given is None:
        now = {"earlier_code": list(earlier)} if earlier else {}
    else:
        now = replace(given, earlier_code=earlier).to_json()
    ledger.decide(provenance=now)
    return now
