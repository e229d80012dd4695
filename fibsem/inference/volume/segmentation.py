"""Label a whole volume slab by slab; can be stopped and resumed."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from fibsem.data.dataset.digests import stamp_of, stamps_of
from fibsem.data.material import given_extent
from fibsem.data.volumes import Volume, VoxelNm, stated_nm
from fibsem.data.volumes.covered import covered
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.before.budget import room_of
from fibsem.inference.volume.before.compared import compare, compare_labels, of_training
from fibsem.inference.volume.before.likeness import TrainedOn
from fibsem.inference.volume.before.preflight import (
    check_output_apart,
    check_reach,
    check_room,
    check_voxel,
    forget_lost,
)
from fibsem.inference.volume.finishing import finish
from fibsem.inference.volume.labelling.labelling import Labelling
from fibsem.inference.volume.labelling.remote import LoadSegmenter
from fibsem.inference.volume.ledger.key import as_begun, check_kind, key_of
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.inference.volume.ledger.outputs import Outputs
from fibsem.inference.volume.ledger.provenance import provenance_of
from fibsem.inference.volume.ledger.witness import check_slices_unchanged, of_volume, witnessed
from fibsem.inference.volume.plan import Planner, Show
from fibsem.inference.volume.porosity.boundary import some_slices
from fibsem.inference.volume.porosity.porosities import porosities
from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.inference.volume.summary import write_records
from fibsem.inference.volume.work import Work
from fibsem.system.locks import at_work
from fibsem.system.summaries.provenance import Provenance
from fibsem.system.summaries.segmentation import SegmentationSummary


def segment_volume(
    volume: Volume,
    segmenter: Segmenter,
    folder: Path,
    options: Options,
    *,
    voxel_nm: VoxelNm = (None, None, None),
    load: LoadSegmenter | None = None,
    provenance: Provenance | None = None,
    trained: Sequence[TrainedOn] = (),
    tested: Sequence[FilmSquares] = (),
    progress: Show | None = None,
    say: Callable[[str], None] = print,
) -> SegmentationSummary:
    """Label every voxel of a volume; resume where an earlier start was stopped.

    Parameters
    ----------
    volume, segmenter
        The volume, to which the correction of grey values is fitted, and the models.
    folder
        Output folder: ``labels.ome.zarr``, ``labels/`` or ``labels.tif`` (uint8), the same of
        ``probabilities`` and ``uncertainty``, ``previews/``, ``porosity.csv`` by slice,
        ``ledger.json`` and ``summary.json``.
    options
        Format, precision, memory budget, workers and so on.
    voxel_nm
        Voxel size that is written with the labels; on axes where it is None, that of the volume,
        else that of ``trained``.
    load
        Loads the segmenter in another process; required for workers.
    provenance
        Models with their lineages, code and command, for the summary.
    trained
        Properties of each model's training data; differences of this volume give warnings.
    tested
        Squares of the films that the model was tested on; those of this film correct its
        porosity.
    progress, say
        Called after every slice or slab, and with warnings.

    Returns
    -------
    SegmentationSummary
        The content of ``summary.json``.

    Raises
    ------
    UserError
        If the folder holds a different segmentation, other results or the volume, the memory
        budget or the disk is too small for this one, the certificate fails, a slice cannot be read
        or changes in the meantime, or the uncertainty of a single model is requested.

    Notes
    -----
    Memory: the slices of one neighbourhood, a few slices of scores and the feature maps of one
    tile; independent of the number of slices.

    Examples
    --------
    ```python
    segmenter = load_bundle(Path("outputs/promote/NAME/bundle")).segmenter
    volume = open_volume("film/slices")
    summary = segment_volume(volume, segmenter, Path("labels"), Options(memory_gib=2.0))
    summary.porosity, summary.missing
    ```
    """
    started = time.perf_counter()
    stated = stated_nm(voxel_nm, volume.voxel_nm)
    voxel_nm = stated_nm(stated, *(model.voxel_nm for model in trained[:1]))
    check_voxel(options, voxel_nm, volume.shape)
    check_reach(volume.path, options, load)
    check_output_apart(None if volume.in_memory else volume.path, folder)
    options.check_members(len(segmenter.members))
    segmenter = segmenter.with_views(options.symmetry)
    room = room_of(volume.shape[1:], volume.kept_bytes, segmenter.halo[0], options)
    declared = given_extent(volume.shape, options.valid)
    key = key_of(volume.signature(), segmenter, voxel_nm, options, declared)
    scorer_of, show = functools.cache(partial(Scorer, segmenter)), progress or (lambda *_: None)
    with at_work(folder):  # nothing is written before
        check_kind(folder)
        stamps = stamps_of(volume.source)
        ledger = Ledger.open(folder, key, options, volume.shape, stamp_of(stamps), say)
        ledger.hold_slices(volume)
        volume, declared = witnessed(volume, ledger.read, of_volume()), as_begun(declared, ledger)
        volume = volume if declared is None else covered(volume, declared.masked)
        planner = Planner(volume, segmenter, options, declared, room, scorer_of, say, show)
        work = _begun(planner, ledger, folder, voxel_nm)
        likeness = compare(work, stated, trained, say)  # warnings come before labelling
        labelling = Labelling(work, started)
        labels_provenance = provenance_of(ledger, provenance, labelling.fresh)
        labelling.run(load, scorer_of, show, say)
        pores = finish(work, show)
        labelling.measure()
        check_slices_unchanged(volume, stamps, ledger.read, of_volume())
        porosity = porosities(work, pores, tested, scorer_of, len(trained))
        labels = some_slices(work.outputs, ledger.slices())
        likeness = compare_labels(labels, porosity.film, likeness, say)
        beside_training = of_training(segmenter, stated, trained, likeness)
        return write_records(
            work, pores, porosity.film, porosity.of_dataset, beside_training, labels_provenance
        )


def _begun(planner: Planner, ledger: Ledger, folder: Path, voxel_nm: VoxelNm) -> Work:
    """Plan the segmentation and prepare its outputs; refuse a disk that is too small."""
    volume, segmenter, options = planner.volume, planner.segmenter, planner.options
    outputs = Outputs(folder, volume.shape, voxel_nm, options, segmenter.classes, segmenter.platt)
    forget_lost(ledger, outputs, planner.say)
    check_room(volume.shape, folder, options, ledger)
    return Work(volume, segmenter, options, planner.plan(ledger), outputs, ledger)
