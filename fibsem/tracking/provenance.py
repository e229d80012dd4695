"""Provenance of a segmentation, which includes the lineage of its models."""

from __future__ import annotations

from collections.abc import Sequence

from fibsem.system.summaries.provenance import Provenance
from fibsem.tracking.bundle import Bundle


def provenance(
    models: Sequence[tuple[str, Bundle]], *, code: str, command: str | None
) -> Provenance:
    """Return the provenance for the summary of a segmentation.

    Parameters
    ----------
    models
        Each bundle, with the name by which it was given.
    code, command
        Code version and command line of the segmentation.
    """
    return Provenance(
        weights=tuple(name for name, _ in models),
        versions=tuple(bundle.version for _, bundle in models),
        lineage=tuple(bundle.lineage for _, bundle in models),
        code=code,
        command=command,
    )
