"""The fastest side of a tile on this machine, measured once and kept in the user's cache.

In theory the largest tile is the fastest, since it has the smallest share of halo. Processor
caches may make a smaller one faster, or other work on the machine may only make it seem faster. So
sizes are timed in several rounds, for about equal numbers of pixels, and a smaller one is chosen
only if it was clearly faster in every round. If none was in the first round, there is no second.
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

from fibsem.geometry import Triple
from fibsem.inference.model.cost import pixels_per_second
from fibsem.inference.model.memory import OUT_OF_MEMORY
from fibsem.inference.model.segmenter import Scorer
from fibsem.inference.tiling.tiles import Room, Tiling, choose_tiling, largest_side
from fibsem.system.cache import cache_json, cached_json, user_cache
from fibsem.system.records import typed

SIDES = (256, 384, 512, 768, 1024, 1536)
#: Most rounds of timing, and the factor by which a smaller tile must be faster in each.
ROUNDS, CLEARLY = 3, 1.15
#: Fewest pixels to time per size and round. A single small tile might be scored between two bursts
#: of other work, which a large tile always meets.
LEAST_PX = 768**2
#: Fewest voxels of a volume for which sizes are timed.
WORTH_TUNING = 200_000_000


def tiling_of(scorer: Scorer, shape: Triple, room: Room) -> Tiling:
    """Choose tiles for a volume: with ``room.side``, or the fastest if the volume is large.

    Examples
    --------
    ```python
    scorer = Scorer(load_bundle(Path("outputs/promote/NAME/bundle")).segmenter)
    tiling_of(scorer, (200, 2247, 3372), Room(memory_gib=4.0)).tiles[0]
    ```
    """
    side = room.side
    if side is None and scorer.mode == "dense" and math.prod(shape) >= WORTH_TUNING:
        side = fastest_side(scorer, largest_side(scorer, room.memory_gib, room.held_gib))
    return choose_tiling(scorer, shape[1:], room.memory_gib, side, room.held_gib)


def fastest_side(scorer: Scorer, limit: int) -> int:
    """Return the fastest side of square tiles up to ``limit``, measured once and cached."""
    sides = [side for side in SIDES if side <= limit] or [limit]
    path, key = cache_file(), _key(scorer)
    cached = cached_json(path, partial(typed, dict[str, dict[str, list[float]]])) or {}
    rates = dict(cached.get(key, {}))
    if any(str(side) not in rates for side in sides):
        rates |= {str(side): rounds for side, rounds in _timed(scorer, sides).items()}
        cache_json(path, {**cached, key: rates})
    return clear_choice({side: rates[str(side)] for side in sides if str(side) in rates}) or limit


def _timed(scorer: Scorer, sides: list[int]) -> dict[int, list[float]]:
    """Measure the pixels per second by side and round, without sides that exceed the memory."""
    rates: dict[int, list[float]] = {side: [] for side in sides}
    timed: dict[int, list[float]] = {}
    for done in range(1, ROUNDS + 1):
        with suppress(*OUT_OF_MEMORY):  # larger ones would not fit either
            for side in sides:
                rates[side].append(_rate(scorer, side))
        timed = {side: rounds for side, rounds in rates.items() if len(rounds) == done}
        if clear_choice(timed) == max(timed, default=None):
            break  # further rounds cannot change the choice
    return timed


def _rate(scorer: Scorer, side: int) -> float:
    """Measure the pixels per second of tiles with this side."""
    count = math.ceil(LEAST_PX / side**2)
    return harmonic_mean([pixels_per_second(scorer, side, repeats=1) for _ in range(count)])


def clear_choice(rates: Mapping[int, Sequence[float]]) -> int | None:
    """Return the largest side, unless a smaller one was clearly faster in every round.

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
    """Return the path of ``tiles.json`` in the user's cache."""
    return user_cache() / "tiles.json"


def _key(scorer: Scorer) -> str:
    """Return the cache key: digest of networks, precision, processor, cores, TensorFlow version."""
    parts = [
        [member.spec.to_json() for member in scorer.members],
        scorer.precision,
        _processor(),
        len(os.sched_getaffinity(0)),
        [device.name for device in tf.config.list_physical_devices()],
        tf.__version__,
        ROUNDS,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _processor() -> str:
    """Return the processor's model name; Python only has its architecture on Linux."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line
    return platform.processor()
