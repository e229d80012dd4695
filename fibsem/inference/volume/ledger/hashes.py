"""Short hashes in the records of a segmentation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from fibsem.geometry import Triple


def short_hash(record: Mapping[str, object]) -> str:
    """Return the first twelve hex digits of a record's SHA-256."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]


def grey_hash(shape: Triple, dtype: str, read: Mapping[int, str] | Mapping[str, str]) -> str:
    """Return the hash of the grey values of a film, from the digests of its slices as read."""
    digests = {str(z): digest for z, digest in read.items()}
    return short_hash({"shape": shape, "dtype": dtype, "read": digests})
