"""What a segmentation says of its origin: the models bring their lineage along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fibsem.tracking.lineage import Lineage


def provenance(
    weights: Sequence[str],
    versions: Sequence[str | None],
    lineages: Sequence[Lineage],
    *,
    code: str,
    command: str | None,
) -> dict[str, Any]:
    """What the summary of a segmentation says of its origin.

    Parameters
    ----------
    weights, versions, lineages
        Of every bundle: as it was named, its registered version, and where it comes from.
    code, command
        Code version and command line of the run that segments.
    """
    return {
        "weights": list(weights),
        "versions": list(versions),
        "lineage": [lineage.to_json() for lineage in lineages],
        "code": code,
        "command": command,
    }
