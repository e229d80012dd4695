"""The fastest side of a tile on this machine, measured once and kept in the user's cache.

By arithmetic the largest tile is the fastest: its halo is the smallest part of it. Caches may say
otherwise, and so may other work on the machine for a moment. So sizes are timed in turn, small ones
for as many tiles as meet the same work, and one is taken only where it was clearly faster each
time; where none was in the first round, there is no other.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import harmonic_mean

import tensorflow as tf

from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.inference.model.cost import pixels_per_second
from fibsem.inference.model.memory import OUT_OF_MEMORY
from fibsem.inference.model.segmenter import Scorer
from fibsem.inference.tiling.tiles import Room, Tiling, choose_tiling, largest_side
from fibsem.system.cache import cached_json, user_cache
from fibsem.system.files import write_json
from fibsem.system.records import typed

SIDES = (256, 384, 512, 768, 1024, 1536)
#: How often every size is timed, at most; and how much faster a smaller one must be each time.
ROUNDS, CLEARLY = 3, 1.15
#: Pixels that a size is timed for in each round, at least: a small tile alone may fall between two
#: turns of other work, which a large one meets in any case.
LEAST_PX = 768**2
#: Voxels from which on it is worth to time all of them.
WORTH_TUNING = 200_000_000


def tiling_of(scorer: Scorer, shape: Triple, room: Room) -> Tiling:
    """Tiles of a volume's slices: as asked, else the fastest where the volume is large."""
    side = room.side
    if side is None and scorer.mode == "dense" and math.prod(shape) >= WORTH_TUNING:
        side = fastest_side(scorer, largest_side(scorer, room.memory_gib, room.held_gib))
    return choose_tiling(scorer, shape[1:], room.memory_gib, side, room.held_gib)


def fastest_side(scorer: Scorer, limit: int) -> int:
    """Side of square tiles up to ``limit``: the largest, but for one that is clearly faster."""
    sides = [side for side in SIDES if side <= limit] or [limit]
    path, key = cache_file(), _key(scorer)
    cached = cached_json(path, partial(typed, dict[str, dict[str, list[float]]])) or {}
    rates = dict(cached.get(key, {}))
    if any(str(side) not in rates for side in sides):
        rates |= {str(side): some for side, some in _timed(scorer, sides).items()}
        with suppress(OSError, UserError):  # a cache that cannot be written stops nothing
            write_json(path, {**cached, key: rates})
    return clear_choice({side: rates[str(side)] for side in sides if str(side) in rates}) or limit


def _timed(scorer: Scorer, sides: list[int]) -> dict[int, list[float]]:
    """Pixels a second of every side in every round; without those that do not fit in memory."""
    rates: dict[int, list[float]] = {side: [] for side in sides}
    timed: dict[int, list[float]] = {}
    for done in range(1, ROUNDS + 1):
        with suppress(*OUT_OF_MEMORY):  # nor would larger ones fit
            for side in sides:
                rates[side].append(_rate(scorer, side))
        timed = {side: some for side, some in rates.items() if len(some) == done}
        if clear_choice(timed) == max(timed, default=None):
            break  # further rounds can only confirm it
    return timed


def _rate(scorer: Scorer, side: int) -> float:
    """Pixels a second of tiles one after the other."""
    count = math.ceil(LEAST_PX / side**2)
    return harmonic_mean([pixels_per_second(scorer, side, repeats=1) for _ in range(count)])


def clear_choice(rates: Mapping[int, Sequence[float]]) -> int | None:
    """The largest side, but for a smaller one that was clearly faster in every round.

    >>> clear_choice({256: [9.0, 3.0, 3.0], 1024: [4.0, 4.0, 4.0]})  # other work, for a moment
    1024
    >>> clear_choice({256: [5.0, 5.0, 5.0], 1024: [4.0, 4.0, 4.0]})
    256
    """
    best: int | None = None
    for side in sorted(rates, reverse=True):
        if best is None or all(
            ours > CLEARLY * theirs for ours, theirs in zip(rates[side], rates[best], strict=True)
        ):
            best = side
    return best


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
        ROUNDS,
    ]
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _processor() -> str:
    """The model of the processor; Python names only its architecture on Linux."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line
    return platform.processor()
