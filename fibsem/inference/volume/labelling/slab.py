"""Label slices of a volume in turn: read, correct, score, post-process, write.

One thread reads ahead, and one post-processes and writes, while the network scores. Every slice of
consecutive slabs is read only once.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fibsem.analysis.postprocessing import segment_slice
from fibsem.data.corrected import CorrectedVolume, reflected
from fibsem.data.material import Extent
from fibsem.data.preprocessing import Correction
from fibsem.data.volumes import Volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.memory import OUT_OF_MEMORY
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.tiling.tiles import SMALLEST, Tiling
from fibsem.inference.volume.ledger.destination import Destination
from fibsem.inference.volume.ledger.entries import SliceRecord
from fibsem.inference.volume.plan import SegmentationPlan
from fibsem.system.advice import MEMORY_GIB, as_here

FloatArray = npt.NDArray[np.float32]

#: Slices that may wait with their scores for post-processing, which takes less time than scoring.
WAITING = 1

Slab = tuple[int, int]


@dataclass(frozen=True)
class Scored:
    """A slice with its scores.

    Attributes
    ----------
    z
        Index of the slice.
    scores : (y, x) float32
        Mean probabilities of solid; zeros if the slice is missing.
    grey : (y, x) float32
        Corrected grey values; None if they are no longer needed.
    missing
        Whether the slice itself could not be read, or contains no material.
    beside_missing
        Whether a missing slice was replaced in its neighbourhood.
    spread : (y, x) float32
        Standard deviation of the members' probabilities; None unless requested.
    """

    z: int
    grey: FloatArray | None
    scores: FloatArray
    missing: bool
    beside_missing: bool
    spread: FloatArray | None = None


class Stages:
    """Seconds spent in each stage, each of which runs in one thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - started


class SlabWorker:
    """Worker that labels slabs of one volume.

    Parameters
    ----------
    volume, correction
        The volume, and the correction of its grey values.
    segmenter, scorer
        The models, and their scorer.
    tiling
        Tiles of a slice; halved when an allocation fails.
    say
        Called with warnings.
    uncertainty
        Whether the spread between the members is computed, too.
    extent
        Extent of the material in the volume; None: everything.

    Examples
    --------
    ```python
    segmenter = load_bundle(Path("outputs/promote/NAME/bundle")).segmenter
    scorer, film = Scorer(segmenter), open_volume("film/slices")
    tiling = tiling_of(scorer, film.shape, Room(memory_gib=4.0))
    worker = SlabWorker(film, fit_correction(film, segmenter.recipe), segmenter, scorer, tiling)
    next(worker.scored([0])).scores  # of slice 0, (y, x)
    ```
    """

    def __init__(
        self,
        volume: Volume,
        correction: Correction,
        segmenter: Segmenter,
        scorer: Scorer,
        tiling: Tiling,
        say: Callable[[str], None] = print,
        uncertainty: bool = False,
        extent: Extent | None = None,
    ) -> None:
        self.extent = extent or Extent(volume.shape)
        self.volume = CorrectedVolume(volume, correction, self.extent)
        self.uncertainty = uncertainty
        self.segmenter, self.scorer, self.tiling = segmenter, scorer, tiling
        self.stages = Stages()
        self._say = say
        self._slices: dict[int, Future[FloatArray]] = {}

    @classmethod
    def of_plan(
        cls,
        volume: Volume,
        segmenter: Segmenter,
        scorer: Scorer,
        plan: SegmentationPlan,
        say: Callable[[str], None] = print,
        *,
        uncertainty: bool = False,
    ) -> SlabWorker:
        """Return the worker of a plan, wherever it writes: files, here or on a cluster, an array.

        Examples
        --------
        ```python
        worker = SlabWorker.of_plan(film, segmenter, scorer, plan)
        worker.run([(0, film.shape[0])], outputs, finished)
        ```
        """
        return cls(
            volume, plan.correction, segmenter, scorer, plan.tiling, say,
            uncertainty=uncertainty, extent=plan.extent,
        )  # fmt: skip

    def run(
        self,
        slabs: Iterable[Slab],
        outputs: Destination,
        finished: Callable[[int, list[SliceRecord]], None],
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        """Label and write slabs; call ``finished`` with each when all its slices are written."""
        slabs = list(slabs)
        slab_of = {z: slab for slab in slabs for z in range(*slab)}
        waiting: deque[Future[None]] = deque()
        records: dict[int, SliceRecord] = {}

        def finish(scored: Scored) -> None:
            start, stop = slab_of[scored.z]
            records[scored.z] = self._finish(scored, outputs)
            if progress:
                progress("slices", scored.z + 1, self.volume.shape[0])
            # a waiting slice is written even if the previous one failed
            if all(z in records for z in range(start, stop)):
                finished(start, [records[z] for z in range(start, stop)])

        if progress and slabs:
            progress("slices", slabs[0][0], self.volume.shape[0])
        finisher = ThreadPoolExecutor(1)
        try:
            for scored in self.scored(slab_of):
                while len(waiting) >= WAITING or (waiting and waiting[0].done()):
                    waiting.popleft().result()
                if scored.z not in outputs.previewed:
                    scored = replace(scored, grey=None)
                waiting.append(finisher.submit(as_here(finish), scored))
            while waiting:
                waiting.popleft().result()
        finally:  # after an error nothing else is written
            finisher.shutdown(cancel_futures=True)

    def scored(self, slices: Iterable[int]) -> Iterator[Scored]:
        """Score slices in turn, while the next one is read."""
        slices = list(slices)
        with ThreadPoolExecutor(1) as reader:
            for z, following in zip(slices, [*slices[1:], None], strict=True):
                with self.stages("waiting for input"):
                    around = [future.result() for future in self._read_around(z, reader)]
                if following is not None:
                    self._read_around(following, reader)
                yield self._score(z, around)

    def _score(self, z: int, around: list[FloatArray]) -> Scored:
        halo = self.segmenter.halo[0]
        near = reflected(z - halo, z + halo + 1, self.volume.shape[0]).tolist()
        missing = self.volume.volume.missing
        beside = any(k in missing or self.extent.is_blank(k) for k in near)
        grey = self._inner(around[halo])
        if z in missing or self.extent.is_blank(z):
            return Scored(z, grey, np.zeros_like(grey), True, beside)
        if self.scorer.needs_slice:
            self.scorer.look(grey)
        while True:
            try:
                scores, spread = self._by_tiles(around)
                return Scored(z, grey, scores, False, beside, spread)
            except OUT_OF_MEMORY as error:
                self.tiling = self._smaller(error)

    def _by_tiles(self, around: list[FloatArray]) -> tuple[FloatArray, FloatArray | None]:
        """Return the mean probability of every pixel of a slice, and the spread or None."""
        _, halo_y, halo_x = self.segmenter.halo
        scores = np.empty(self.tiling.slice_shape, np.float32)
        spread = np.empty_like(scores) if self.uncertainty else None
        for rows, columns in self.tiling.tiles:
            with self.stages("tiles"):
                spans = (
                    slice(rows.start, rows.stop + 2 * halo_y),
                    slice(columns.start, columns.stop + 2 * halo_x),
                )
                block = np.stack([grey[spans] for grey in around], axis=-1)
            with self.stages("network"):
                if spread is None:
                    scores[rows, columns] = self.scorer(block)
                else:
                    scores[rows, columns], spread[rows, columns] = self.scorer.with_spread(block)
        return scores, spread

    def _smaller(self, error: BaseException) -> Tiling:
        """Return tiles of half the side, after a failed allocation."""
        now = self.tiling
        if max(now.height, now.width) <= max(SMALLEST, self.scorer.alignment):
            raise UserError(
                f"`{MEMORY_GIB}` must allow tiles of {now.height} x {now.width} pixels, but memory "
                "ran out; the choices are a machine with more memory or a smaller network."
            ) from error
        halved = now.halved
        self._say(
            f"warning: memory ran out with tiles of {now.height} x {now.width}; going on with "
            f"{halved.height} x {halved.width}"
        )
        return halved

    def _finish(self, scored: Scored, outputs: Destination) -> SliceRecord:
        """Post-process and write one slice."""
        if scored.missing:
            why = self.volume.volume.why_missing.get(scored.z)
            outputs.write_missing(scored.z, unread=why is not None)
            return SliceRecord(None, scored.beside_missing, why_missing=why)
        inside = self.extent.inside(scored.z)
        with self.stages("post-processing"):
            labels = segment_slice(scored.scores, self.segmenter.postprocessing)
            pores = int(
                np.count_nonzero((labels == 0) if inside is None else inside & (labels == 0))
            )
        with self.stages("output"):
            outputs.write(scored.z, labels, scored.scores, scored.grey, scored.spread, inside)
        spread = None
        if scored.spread is not None:
            shown = scored.spread if inside is None else scored.spread[inside]
            spread = float(shown.mean(dtype=float))
        return SliceRecord(pores, scored.beside_missing, spread)

    def _read_around(self, z: int, reader: ThreadPoolExecutor) -> list[Future[FloatArray]]:
        """Start reading the slices in the neighbourhood of z, mirrored at the volume's ends."""
        halo = self.segmenter.halo[0]
        needed = reflected(z - halo, z + halo + 1, self.volume.shape[0]).tolist()
        # slices of the last neighbourhood may be in use, and mirrored ones recur at the end
        slices = {k: future for k, future in self._slices.items() if k >= min([*needed, z - halo])}
        for k in dict.fromkeys(needed):
            if k not in slices:
                slices[k] = reader.submit(as_here(self._read), k)
        self._slices = slices
        return [slices[k] for k in needed]

    def _read(self, z: int) -> FloatArray:
        """Read and correct a slice with the halo around, (y + 2 halo_y, x + 2 halo_x)."""
        with self.stages("input"):
            _, halo_y, halo_x = self.segmenter.halo
            box = Box((z, 0, 0), (z + 1, *self.volume.shape[1:]))
            return self.volume.read(box.grow((0, halo_y, halo_x)))[0]

    def _inner(self, grey: FloatArray) -> FloatArray:
        """Crop the halo off a slice."""
        _, halo_y, halo_x = self.segmenter.halo
        height, width = self.volume.shape[1:]
        return grey[halo_y : halo_y + height, halo_x : halo_x + width]
