"""Patch by patch against dense, for every neighbourhood of the study: the project's Table 4.13.

    .venv/bin/python experiments/benchmarks/patch_vs_dense.py --json FILE

About ten minutes on 2 cores; a row is printed as soon as it is timed. One slice of 2247 x 3372,
2dcnn with default sizes. Expected: dense is hundreds of times faster, the more the larger the
neighbourhood.

Single batches and blocks are timed, with the batch size that segmentations use.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from fibsem.geometry import Nbhd
from fibsem.inference import BlockScorer, pixels_per_second
from fibsem.models import build, resolve

#: A slice of the thesis (y, x).
SLICE = (2247, 3372)
#: Patches that a segmentation evaluates at once.
BATCH = 512
#: Neighbourhoods of its 2D networks, (n_x, n_y, n_z).
NEIGHBOURHOODS = tuple(f"{n}x{n}x{nz}" for n in (11, 33, 49, 65, 81) for nz in (3, 11))


@dataclass(frozen=True)
class Row:
    """One neighbourhood: size of the extracted patches of a slice, and both times for it."""

    nbhd: Nbhd
    extracted_gib: float
    patch_s: float
    dense_s: float


def rows(neighbourhoods: Sequence[str], patches: int = BATCH) -> Iterator[Row]:
    """Time the default 2dcnn of each neighbourhood patch by patch and densely.

    Patches are those of the valid network, float32; extraction is counted, not timed.
    """
    area = SLICE[0] * SLICE[1]
    for text in neighbourhoods:
        keras.backend.clear_session()
        nbhd = Nbhd.parse(text)
        spec = resolve("2dcnn", nbhd, "valid")
        model = build(spec)
        batch = np.zeros((patches, *spec.window, nbhd.z), np.float32)
        model.predict_on_batch(batch)  # compiles
        started = time.perf_counter()
        model.predict_on_batch(batch)
        patch_s = area * (time.perf_counter() - started) / patches
        dense_s = area / pixels_per_second(BlockScorer(spec, model), 512)
        yield Row(nbhd, area * prod(nbhd.shape) * 4 / 2**30, patch_s, dense_s)


def main() -> None:
    """Print the table in Markdown, line by line, and write it if a file is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--nbhd", nargs="+", default=NEIGHBOURHOODS)
    given = parser.parse_args()
    print("| neighbourhood | extracted patch by patch (GiB) | patch by patch | dense | ratio |")
    print("|---|--:|--:|--:|--:|", flush=True)
    record = []
    for row in rows(given.nbhd):
        ratio = row.patch_s / row.dense_s
        print(
            f"| {row.nbhd} | {row.extracted_gib:.1f} | {row.patch_s / 60:.1f} min | "
            f"{row.dense_s:.1f} s | {ratio:.0f} |",
            flush=True,
        )
        record.append({**asdict(row), "nbhd": str(row.nbhd), "ratio": ratio})
    if given.json:
        given.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
