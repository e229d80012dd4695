"""Tests on a few places of a volume before a long run: the certificate, and bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.analysis.postprocessing import segment_slice
from fibsem.data.corrected import CorrectedVolume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.predict import BlockScorer, compiled
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.tiling.tiles import Tiling
from fibsem.inference.volume.boxes import random_boxes, spread_slices
from fibsem.system.advice import CERTIFICATE
from fibsem.system.records import Stored

FloatArray = npt.NDArray[np.float32]
#: Function that returns differences between two ways to compute the scores of a block with halo.
Compare = Callable[[FloatArray], FloatArray]

#: Largest difference of probabilities that rounding in float32 explains.
TOLERANCE = 1e-4
#: Largest share of labels that bfloat16 may change.
MOST_CHANGED = 0.002
#: Number of places that are compared, and their sides in pixels for both tests.
PLACES, CERTIFIED_SIDE, COMPARED_SIDE = 4, 64, 256
#: Number of pixels in a place that are evaluated patch by patch.
PIXELS = 64


@dataclass(frozen=True)
class Certificate(Stored):
    """The largest difference between two ways to compute the same probabilities.

    Attributes
    ----------
    largest_difference
        Largest difference over all members.
    pixels
        Number of pixels compared, summed over places and members.
    against
        What was compared: dense evaluation with ``patches``, or a ``whole`` tile with smaller ones.
    """

    largest_difference: float
    pixels: int
    against: str


def certify(volume: CorrectedVolume, scorer: Scorer, tiling: Tiling) -> Certificate | None:
    """Compare dense evaluation in float32 with patches, on random pixels of a volume.

    For models without patch evaluation (U-Net, forest, threshold), tiles of the run are compared
    with tiles of half their side. Returns None if all members are evaluated patch by patch, since
    there is nothing to compare.

    Parameters
    ----------
    volume
        The corrected volume.
    scorer, tiling
        Scorer in float32, and tiles of the run.

    Raises
    ------
    UserError
        If the difference is larger than rounding: then dense evaluation is not the trained model.
    """
    differences: list[float] = []
    pixels, ways = 0, set()
    for k, member in enumerate(scorer.members):
        if member.mode == "patch":
            continue
        if member.spec.family == "pixel":
            ways.add("patches")
            compare, boxes = (
                _patches(member),
                random_boxes(volume.shape, CERTIFIED_SIDE, PLACES, seed=k),
            )
        else:
            ways.add("whole")
            compare, boxes = _tiles(member, tiling), _random_tiles(volume.shape[0], tiling, seed=k)
        for box in boxes:
            if member.needs_slice:
                member.look(volume.slice(box.start[0]))
            difference = compare(volume.block(box, member.halo))
            differences.append(float(np.abs(difference).max()))
            pixels += difference.size
    if not differences:
        return None
    certificate = Certificate(float(np.max(differences)), pixels, " and ".join(sorted(ways)))
    check(certificate)
    return certificate


def check(certificate: Certificate) -> None:
    """Refuse a certificate with a difference that is larger than rounding, or not a number.

    Raises
    ------
    UserError
        With the difference.
    """
    if not certificate.largest_difference <= TOLERANCE:
        raise UserError(
            f"dense and patch evaluation must agree within {TOLERANCE:g}, but differ by "
            f"{certificate.largest_difference:.2g} on this volume: the network or this machine's "
            f"TensorFlow is not what the project was tested with; {CERTIFICATE.at('false')} "
            "goes on regardless."
        )


def _patches(member: BlockScorer) -> Compare:
    """Return a function that compares dense and patch evaluation at random pixels of a block.

    A single view is enough: a pixel network treats mirrored blocks like any other.
    """
    by_patch = compiled(member.model)
    n_y, n_x = member.spec.window

    def compare(block: FloatArray) -> FloatArray:
        dense = member.one_view(block)
        y, x = np.random.default_rng(0).integers(dense.shape, size=(PIXELS, 2)).T
        patches = np.stack([block[b : b + n_y, a : a + n_x] for b, a in zip(y, x, strict=True)])
        difference: FloatArray = dense[y, x] - by_patch(patches).reshape(-1)
        return difference

    return compare


def _tiles(member: BlockScorer, tiling: Tiling) -> Compare:
    """Return a function that compares the scores of a whole tile with those of smaller tiles."""
    _, halo_y, halo_x = member.halo

    def compare(block: FloatArray) -> FloatArray:
        at_once = member(block)
        height, width = at_once.shape
        by_parts = np.empty_like(at_once)
        for rows, columns in Tiling((height, width), height, width, tiling.alignment).halved.tiles:
            strip = block[rows.start : rows.stop + 2 * halo_y]
            by_parts[rows, columns] = member(strip[:, columns.start : columns.stop + 2 * halo_x])
        difference: FloatArray = at_once - by_parts
        return difference

    return compare


def share_changed(
    volume: CorrectedVolume, segmenter: Segmenter, rough: Scorer, exact: Scorer
) -> float:
    """Return the share of labels that differ between two precisions, on sample places."""
    changed = total = 0
    for box in random_boxes(volume.shape, COMPARED_SIDE, PLACES, seed=0):
        for scorer in (rough, exact):
            if scorer.needs_slice:
                scorer.look(volume.slice(box.start[0]))
        block = volume.block(box, segmenter.halo)
        ours, theirs = (
            segment_slice(scorer(block), segmenter.postprocessing) for scorer in (rough, exact)
        )
        changed += int(np.count_nonzero(ours != theirs))
        total += ours.size
    return changed / total


def _random_tiles(depth: int, tiling: Tiling, seed: int) -> Iterator[Box]:
    """Yield random tiles of the run in slices spread over a volume."""
    rng = np.random.default_rng(seed)
    for z in spread_slices(depth, PLACES):
        rows, columns = tiling.tiles[rng.integers(len(tiling.tiles))]
        yield Box((z, rows.start, columns.start), (z + 1, rows.stop, columns.stop))
