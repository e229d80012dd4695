"""What is decided before the first slab, once, and kept in the ledger.

What is not material is found, the correction is fitted to the rest, and for long runs dense
evaluation is compared with patches and bfloat16 with float32 on this very volume.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fibsem.data.material import Extent, find_extent, known_extent
from fibsem.data.preprocessing import CorrectedVolume, Correction, fit_correction
from fibsem.data.volumes import Volume
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options, Precision
from fibsem.inference.volume.checks import MOST_CHANGED, certify, share_changed
from fibsem.inference.volume.ledger import Ledger

#: Voxels from which on a run is long, and certified first.
LONG = 20_000_000


@dataclass(frozen=True)
class Decisions:
    """What holds for all slabs of a segmentation."""

    correction: Correction
    precision: Precision
    changed: float | None
    certificate: dict[str, Any] | None
    extent: Extent

    def corrected(self, volume: Volume) -> CorrectedVolume:
        """The volume as the network sees it."""
        return CorrectedVolume(volume, self.correction, self.extent)

    def to_json(self) -> dict[str, Any]:
        return {
            "correction": self.correction.to_json(),
            "precision": self.precision,
            "changed": self.changed,
            "certificate": self.certificate,
            "extent": self.extent.to_json(),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any], volume: Volume, valid: str) -> Decisions:
        """Read what `to_json` gave; an older record left nothing out."""
        known = known_extent(volume, valid) or Extent(volume.shape)
        found = record.get("extent", known.to_json())
        return cls(
            **{
                **record,
                "correction": Correction.from_json(record["correction"]),
                "extent": Extent.from_json(found, volume.shape, known.mask),
            }
        )


def decide(
    volume: Volume,
    segmenter: Segmenter,
    options: Options,
    ledger: Ledger,
    say: Callable[[str], None],
    progress: Callable[[str, int, int], None] | None = None,
) -> Decisions:
    """What was decided when this segmentation began, or is decided now.

    A certificate that is asked for only later is made then.
    """
    if "decisions" in ledger.decided:
        decisions = Decisions.from_json(ledger.decided["decisions"], volume, options.valid)
        if options.valid == "auto" and "extent" not in ledger.decided["decisions"]:
            say(
                "warning: this segmentation was begun when the whole volume counted as material, "
                "and is as it was begun; overwrite=true begins anew"
            )
        if options.certificate and decisions.certificate is None:
            found = _certificate(decisions.corrected(volume), segmenter, options)
            decisions = replace(decisions, certificate=found)
            ledger.decide(decisions=decisions.to_json())
        return decisions
    extent = find_extent(volume, options.valid, progress)
    for line in extent.told():
        say(line)
    correction = fit_correction(volume, segmenter.recipe, extent=extent)
    corrected = CorrectedVolume(volume, correction, extent)
    asked = options.certificate
    wanted = np.prod(volume.shape) >= LONG if asked is None else asked
    certificate = _certificate(corrected, segmenter, options) if wanted else None
    dense = any(member.spec.convertible for member in segmenter.members)
    precision, changed = options.precision if dense else "float32", None
    if precision == "bfloat16":
        rough, exact = Scorer(segmenter, precision), Scorer(segmenter)
        changed = share_changed(corrected, segmenter, rough, exact)
        if changed > MOST_CHANGED:
            say(
                f"warning: bfloat16 changes {100 * changed:.2f} % of the labels on a sample of "
                f"tiles, more than {100 * MOST_CHANGED:g} %; going on in float32"
            )
            precision = "float32"
    decisions = Decisions(correction, precision, changed, certificate, extent)
    ledger.decide(decisions=decisions.to_json())
    return decisions


def _certificate(
    volume: CorrectedVolume, segmenter: Segmenter, options: Options
) -> dict[str, Any] | None:
    """What `certify` finds, as ledger and summary keep it."""
    found = certify(volume, segmenter, options)
    return found.to_json() if found else None
