"""The fastest side of a tile on this machine, measured once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from contextlib import suppress
from math import prod
from pathlib import Path

import tensorflow as tf

from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.inference.model.cost import pixels_per_second
from fibsem.inference.model.memory import OUT_OF_MEMORY
from fibsem.inference.model.segmenter import Scorer
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import Tiling, choose_tiling, largest_side
from fibsem.system.files import known_json, user_cache, write_json

SIDES = (256, 384, 512, 768, 1024, 1536)
#: Voxels from which on it is worth to time all of them.
WORTH_TUNING = 200_000_000


def tiling_of(scorer: Scorer, shape: Triple, options: Options, held_gib: float = 0.0) -> Tiling:
    """Tiles of a volume's slices: as asked, else the fastest where the volume is large."""
    side = options.tile
    if side is None and scorer.mode == "dense" and prod(shape) >= WORTH_TUNING:
        side = fastest_side(scorer, largest_side(scorer, options.memory_gib, held_gib))
    return choose_tiling(scorer, shape[1:], options.memory_gib, side, held_gib)


def fastest_side(scorer: Scorer, limit: int) -> int:
    """Side of the square tiles, up to ``limit``, that give most pixels a second."""
    sides = [side for side in SIDES if side <= limit] or [limit]
    path, key = cache_file(), _key(scorer)
    known: dict[str, dict[str, float]] = known_json(path) or {}
    rates = dict(known.get(key, {}))
    untimed = [side for side in sides if str(side) not in rates]
    with suppress(*OUT_OF_MEMORY):  # nor would larger ones fit
        for side in untimed:
            rates[str(side)] = pixels_per_second(scorer, side)
    if untimed:
        with suppress(OSError, UserError):  # a cache that cannot be written stops nothing
            write_json(path, {**known, key: rates})
    return max(sides, key=lambda side: rates.get(str(side), 0.0))


def cache_file() -> Path:
    """``tiles.json`` in the user's cache."""
    return user_cache() / "tiles.json"


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
    """The model of the processor; Python names only its architecture on Linux."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line
    return platform.processor()
