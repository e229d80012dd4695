"""Label the missing slabs, in this process or in others, and measure time and memory."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from math import prod

import numpy as np

from fibsem.inference.model.cost import pixels_per_second
from fibsem.inference.model.segmenter import Scorer
from fibsem.inference.volume.labelling.executor import run_in_workers
from fibsem.inference.volume.labelling.remote import LoadSegmenter, RemoteSegmentation
from fibsem.inference.volume.labelling.slab import SlabWorker
from fibsem.inference.volume.plan import Say, ScorerOf, Show
from fibsem.inference.volume.work import Work
from fibsem.models.dense import why_not_dense
from fibsem.system.processes import peak_rss_gib
from fibsem.system.summaries.measured import Conditions, Measured, SlabCounts


class Labelling:
    """One run over the missing slabs of a segmentation.

    Parameters
    ----------
    work
        The segmentation.
    started
        Start of the command, by `time.perf_counter`.

    Attributes
    ----------
    fresh, resumed
        Number of slices to label, and number of slabs that earlier starts had labelled.
    began
        Start of the first slab, by `time.perf_counter`; None before.
    conditions
        Tiles, processes and stages of this run.
    """

    def __init__(self, work: Work, started: float) -> None:
        self.work, self.started = work, started
        self.fresh = sum(stop - start for start, stop in work.ledger.missing(work.depth))
        self.resumed = len(work.ledger.slabs)
        self.began: float | None = None
        tiling = work.plan.tiling
        self.conditions = Conditions((tiling.height, tiling.width), work.options.workers)

    def run(self, load: LoadSegmenter | None, scorer_of: ScorerOf, show: Show, say: Say) -> None:
        """Label the missing slabs, in this process or in others, and measure."""
        if self.fresh and self.work.plan.mode == "patch":
            say(patience(scorer_of(self.work.plan.precision), prod(self.work.volume.shape)))
        if self.fresh and self.work.options.elsewhere:
            assert load is not None
            self.conditions = self._in_workers(load, show)
        elif self.fresh:
            self.conditions = self._in_process(scorer_of(self.work.plan.precision), show, say)
        self.measure()  # in case the work is stopped before the end

    def _in_process(self, scorer: Scorer, show: Show, say: Say) -> Conditions:
        work = self.work
        worker = SlabWorker.of_plan(
            work.volume, work.segmenter, scorer, work.plan, say,
            uncertainty=work.options.uncertainty,
        )  # fmt: skip
        with work.outputs.opened():
            slabs = work.ledger.missing(work.depth)
            self.began = time.perf_counter()
            worker.run(slabs, work.outputs, work.ledger.finish, show)
        tile = worker.tiling.height, worker.tiling.width
        return Conditions(tile, workers=1, stages=dict(worker.stages.seconds))

    def _in_workers(self, load: LoadSegmenter, show: Show) -> Conditions:
        """Label the missing slabs in other processes."""
        with self.work.outputs.opened():  # created before many processes open them
            pass
        self.began = time.perf_counter()
        results = run_in_workers(self._sent(load), self.work.ledger, self.work.depth, show)
        stages: Counter[str] = Counter()
        for result in results:
            stages.update(result.seconds)
        return replace(
            self.conditions,
            scheduler=self.work.options.scheduler,
            stages=dict(stages),
            peak_rss_gib=max(result.peak_rss_gib for result in results),
        )

    def _sent(self, load: LoadSegmenter) -> RemoteSegmentation:
        """Return the segmentation in a form that can be sent to other processes."""
        work, folder = self.work, self.work.outputs.folder.resolve()
        return RemoteSegmentation(
            f"{folder} {time.time()}", work.volume.path.resolve(), work.volume.manner,
            work.volume.declared, load, work.segmenter.identity, folder, work.outputs.voxel_nm,
            work.options, work.plan,
        )  # fmt: skip

    def measure(self) -> None:
        """Enter time and memory of this run into the ledger, unless nothing was labelled."""
        ledger = self.work.ledger
        if not self.fresh and ledger.decided.measured is not None:
            return
        seconds = time.perf_counter() - self.started
        pixels = self.fresh * float(np.prod(self.work.volume.shape[1:]))
        conditions = self.conditions
        measured = Measured(
            conditions.tile, conditions.workers, conditions.stages,
            peak_rss_gib=max(peak_rss_gib(), conditions.peak_rss_gib or 0.0),
            scheduler=conditions.scheduler,
            seconds=seconds,
            start_s=None if self.began is None else self.began - self.started,
            voxels_per_second=pixels / seconds if self.fresh else None,
            slabs=SlabCounts(len(ledger.slabs), self.resumed),
        )  # fmt: skip
        ledger.decide(measured=measured)


def patience(scorer: Scorer, voxels: int) -> str:
    """Return a warning with the expected time of patch mode, from a timed 32 x 32 pixel block."""
    spec = next(member.spec for member in scorer.members if member.mode == "patch")
    rate = pixels_per_second(scorer, 32)
    hours = voxels / rate / 3600
    return (
        f"warning: {why_not_dense(spec)}; patch by patch, at {rate:.0f} pixels a second, this "
        f"volume takes about {hours:.1f} hours"
    )
