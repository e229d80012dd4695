"""What a segmentation says of its origin: the model brings its lineage along.

All of it is in the ``summary.json`` of the segmentation; no MLflow store is needed to read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Record = dict[str, Any]


def provenance(
    weights: Sequence[str],
    versions: Sequence[str | None],
    audits: Sequence[Mapping[str, Any]],
    *,
    code: str,
    command: str | None,
) -> Record:
    """What the summary of a segmentation says of its origin.

    Parameters
    ----------
    weights, versions, audits
        Of every bundle: as it was named, its registered version, and what it knows of itself.
    code, command
        Code version and command line of the run that segments.
    """
    return {
        "weights": list(weights),
        "versions": list(versions),
        "lineage": [origin(audit) for audit in audits],
        "code": code,
        "command": command,
    }


def origin(audit: Mapping[str, Any]) -> Record:
    """The lineage of a bundle; of an older one the few things that it kept."""
    if "lineage" in audit:
        return dict(audit["lineage"])
    return {
        "trial": {"run_id": audit.get("winner")},
        "promotion": {"run_id": audit.get("run_id")},
        "dataset": audit.get("dataset"),
        "data": audit.get("data"),
    }
