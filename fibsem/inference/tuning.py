"""The fastest side of a tile on this machine, measured once and kept in a file of the user's."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from fibsem.files import read_json, write_json
from fibsem.inference.segmenter import Scorer

SIDES = (256, 384, 512, 768, 1024, 1536)


def fastest_side(scorer: Scorer, limit: int) -> int:
    """Side of the square tiles, up to ``limit``, that give most pixels a second.

    Timed with noise, after one tile that does not count; about as long as 5 million pixels take.
    """
    sides = [side for side in SIDES if side <= limit] or [limit]
    path, key = cache_file(), _key(scorer)
    known: dict[str, dict[str, float]] = read_json(path) if path.is_file() else {}
    rates = dict(known.get(key, {}))
    untimed = [side for side in sides if str(side) not in rates]
    for side in untimed:
        rates[str(side)] = pixels_per_second(scorer, side)
    if untimed:
        write_json(path, {**known, key: rates})
    return max(sides, key=lambda side: rates[str(side)])


def pixels_per_second(scorer: Scorer, side: int) -> float:
    """Rate of one tile, the halo around it included in its time."""
    z, y, x = scorer.halo
    side -= side % scorer.alignment
    block = np.random.default_rng(0).normal(size=(side + 2 * y, side + 2 * x, 2 * z + 1))
    grey = block.astype(np.float32)
    if scorer.needs_slice:
        scorer.look(grey[..., z])
    scorer(grey[: 64 + 2 * y, : 64 + 2 * x])  # traced
    started = time.perf_counter()
    scorer(grey)
    return side**2 / (time.perf_counter() - started)


def cache_file() -> Path:
    """``tiles.json`` in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fibsem" / "tiles.json"


def _key(scorer: Scorer) -> str:
    """What a rate depends on: networks, precision, processor, cores, TensorFlow."""
    what = [
        [member.spec.to_json() for member in scorer.members],
        scorer.precision,
        _processor(),
        len(os.sched_getaffinity(0)),
        [device.name for device in tf.config.list_physical_devices()],
        tf.__version__,
    ]
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    return next((line for line in text.splitlines() if line.startswith("model name")), "")
