"""Typed records read from JSON that another version of the package may have written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def fields_in(kind: type, record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record are fields of a dataclass: what a later version added is left out."""
    return {field.name: record[field.name] for field in fields(kind) if field.name in record}
