"""What a segmentation costs: seconds per gigapixel, from a timed block."""

from __future__ import annotations

import time

import numpy as np

from fibsem.analysis.postprocessing import FloatArray
from fibsem.inference.predict import BlockScorer
from fibsem.models.threshold import Level

#: Side of the timed block: large enough that its halo hardly counts where blocks are large.
SIDE = {"dense": 512, "features": 512, "patch": 32}


def seconds_per_gigapixel(scorer: BlockScorer, *, side: int | None = None) -> float:
    """Time a block of noise twice, and scale the faster time to 10^9 pixels; the model alone."""
    side = side or SIDE[scorer.mode]
    spec = scorer.spec
    shape = tuple(side + n - 1 for n in spec.window)
    block: FloatArray = np.random.default_rng(0).normal(size=(*shape, spec.nbhd.z)).astype("f4")
    scorer.level = Level(0.0, 1.0)
    times = []
    for _ in range(3):  # the first one traces
        started = time.perf_counter()
        scorer(block)
        times.append(time.perf_counter() - started)
    return 1e9 * min(times[1:]) / side**2
