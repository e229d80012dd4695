"""What the benchmarks share: options, the record, and the rate of the machine's matrix product."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def options(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser


def report(figures: dict, path: Path | None) -> None:
    """Print the figures with a description of the machine, and write them if a path is given."""
    figures = {**figures, "machine": {"cpus": os.cpu_count(), "processor": platform.machine()}}
    print(json.dumps(figures, indent=2))
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2) + "\n")


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Return the median time of a call, after a warm-up call."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return median(times)


def matmul_gflops(size: int = 4096) -> float:
    """Return the rate of a float32 matrix product in TensorFlow, in GFLOP/s."""
    import tensorflow as tf

    matrix = tf.random.stateless_normal((size, size), (1, 2))
    product = tf.function(lambda: tf.reduce_sum(matrix @ matrix))
    return 2 * size**3 / seconds(lambda: product().numpy(), 3) / 1e9
