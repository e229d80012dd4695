"""What a result was measured with: the version of the package and the day."""

from __future__ import annotations

from datetime import date


def made() -> dict[str, str]:
    """Return the commit of the imported package and today's date, for a file of results."""
    from fibsem.tracking import code_version

    return {"commit": code_version(), "date": date.today().isoformat()}
