"""Label a slab in another process: its input, its result, and the state that the process keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fibsem.data.volumes import Manner, VoxelNm, reopen
from fibsem.data.volumes.covered import covered
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options, advised_overwrite
from fibsem.inference.volume.labelling.slab import Slab, SlabWorker
from fibsem.inference.volume.ledger.entries import SliceRecord
from fibsem.inference.volume.ledger.outputs import Outputs
from fibsem.inference.volume.ledger.witness import of_volume, witnessed
from fibsem.inference.volume.plan import SegmentationPlan
from fibsem.system.advice import KeyNames, called, key_names
from fibsem.system.processes import peak_rss_gib

LoadSegmenter = Callable[[], Segmenter]


@dataclass(frozen=True)
class RemoteSegmentation:
    """A segmentation in a small form that can be pickled, for other processes.

    Attributes
    ----------
    name
        Name of this segmentation, since a process may work on several.
    volume, manner, value_range
        Path of the volume, and options for opening it.
    load, identity
        Function that loads the segmenter and can be pickled, and the identity it must have.
    folder, voxel_nm, options
        Folder of the outputs, voxel size in them, and options.
    keys
        Names of keys for messages.
    plan
        The plan of the segmentation.
    """

    name: str
    volume: Path
    manner: Manner
    value_range: tuple[float, float] | None
    load: LoadSegmenter = field(
        repr=False
    )  # hidden, as it contains the address of the store, and Dask logs arguments of failed calls
    identity: str
    folder: Path
    voxel_nm: VoxelNm
    options: Options
    plan: SegmentationPlan
    keys: KeyNames = field(default_factory=key_names)


@dataclass(frozen=True)
class SlabResult:
    """Result of a slab; ``read`` are digests of the slices that were read for it."""

    start: int
    slices: list[SliceRecord]
    read: dict[int, str]
    seconds: dict[str, float]
    peak_rss_gib: float


#: Worker of the current segmentation, and digests of the slices it has read; kept, so that networks
#: are built and traced only once.
_workers: dict[str, tuple[SlabWorker, dict[int, str]]] = {}
_alone = threading.Lock()


def label_slab(job: RemoteSegmentation, slab: Slab) -> SlabResult:
    """Label one slab of a job in this process."""
    # one slab at a time: a Dask worker may have several threads, and networks use all cores
    with _alone, called(job.keys):
        if job.name not in _workers:
            _workers.clear()
            _workers[job.name] = _open(job)
        worker, read_as = _workers[job.name]
        halo = worker.segmenter.halo[0]
        worker.stages.seconds.clear()
        results: list[SlabResult] = []

        def finished(start: int, slices: list[SliceRecord]) -> None:
            seconds = dict(worker.stages.seconds)
            near = range(start - halo, start + len(slices) + halo)
            read = {z: digest for z, digest in read_as.items() if z in near}
            results.append(SlabResult(start, slices, read, seconds, peak_rss_gib()))

        segmenter = worker.segmenter
        outputs = Outputs(
            job.folder, worker.volume.shape, job.voxel_nm, job.options,
            segmenter.classes, segmenter.platt,
        )  # fmt: skip
        with outputs.opened():
            worker.run([slab], outputs, finished)
        return results[0]


def _open(job: RemoteSegmentation) -> tuple[SlabWorker, dict[int, str]]:
    read_as: dict[int, str] = {}
    film = reopen(job.volume, job.manner, job.value_range)
    volume = covered(witnessed(film, read_as, of_volume()), job.plan.extent.masked)
    segmenter = job.load().with_views(job.options.symmetry)
    if segmenter.identity != job.identity:
        raise UserError(
            "a model must not change while a volume is segmented, but its weights are those of "
            f"{segmenter.identity} by now, and the slabs so far are of {job.identity}; the choices "
            f"are the former ones or {advised_overwrite()}."
        )
    worker = SlabWorker.of_plan(
        volume, segmenter, Scorer(segmenter, job.plan.precision), job.plan,
        uncertainty=job.options.uncertainty,
    )  # fmt: skip
    return worker, read_as
