"""Provenance of a segmentation, from the lineages of its models."""

from __future__ import annotations

from collections.abc import Sequence

from fibsem.inference.volume.ledger.decisions import Provenance
from fibsem.tracking.bundle import Bundle


def provenance(
    models: Sequence[tuple[str, Bundle]], *, code: str, command: str | None
) -> Provenance:
    """Make the provenance for the summary of a segmentation.

    Parameters
    ----------
    models
        Every bundle, by its name in ``weights``.
    code, command
        Code version and command line of the run that segments.
    """
    return Provenance(
        weights=tuple(name for name, _ in models),
        versions=tuple(bundle.version for _, bundle in models),
        lineage=tuple(bundle.lineage for _, bundle in models),
        code=code,
        command=command,
    )
