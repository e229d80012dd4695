"""What a segmentation says of its origin: the models bring their lineage along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fibsem.tracking.bundle import Bundle


def provenance(
    models: Sequence[tuple[str, Bundle]], *, code: str, command: str | None
) -> dict[str, Any]:
    """What the summary of a segmentation says of its origin.

    Parameters
    ----------
    models
        Every bundle, as it was named.
    code, command
        Code version and command line of the run that segments.
    """
    return {
        "weights": [name for name, _ in models],
        "versions": [bundle.version for _, bundle in models],
        "lineage": [bundle.lineage.to_json() for _, bundle in models],
        "code": code,
        "command": command,
    }
