"""A whole volume: checked, decided once, labelled slab by slab, resumable."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from fibsem.data.digests import digest_of, slice_digests, stamps_of
from fibsem.data.greys import greys_of
from fibsem.data.material import Extent, given_extent
from fibsem.data.volumes import Volume, VoxelNm, stated_nm
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import ANEW, Options
from fibsem.inference.volume.bands import one_class_bands
from fibsem.inference.volume.boundary import porosity_per_px_of_boundary, some_slices
from fibsem.inference.volume.budget import room_of
from fibsem.inference.volume.entries import Likeness, Provenance
from fibsem.inference.volume.finishing import finish
from fibsem.inference.volume.labelling import Labelling
from fibsem.inference.volume.ledger import Ledger
from fibsem.inference.volume.likeness import (
    TrainedOn,
    assumed_axes,
    grey_distance,
    grey_warnings,
    overruled,
    scale_warnings,
    size_warnings,
)
from fibsem.inference.volume.members import porosity_by_member
from fibsem.inference.volume.outputs import Outputs
from fibsem.inference.volume.plan import Planner, Say, ScorerOf, Show
from fibsem.inference.volume.preflight import check_asked, check_room, forget_lost
from fibsem.inference.volume.reading import Reading
from fibsem.inference.volume.remote import Load
from fibsem.inference.volume.summary import describe, porosity_of, write_porosity
from fibsem.inference.volume.tested import FilmSquares, porosity_by_seed, porosity_interval
from fibsem.inference.volume.witness import check_unchanged, of_mask, of_volume, witnessed
from fibsem.inference.volume.work import Work
from fibsem.system.files import write_json
from fibsem.system.identity import Identity
from fibsem.system.locks import at_work
from fibsem.system.records import typed


def segment_volume(
    volume: Volume,
    segmenter: Segmenter,
    folder: Path,
    options: Options,
    *,
    voxel_nm: VoxelNm = (None, None, None),
    load: Load | None = None,
    provenance: Provenance | None = None,
    trained: Sequence[TrainedOn] = (),
    tested: Sequence[FilmSquares] = (),
    progress: Show | None = None,
    say: Callable[[str], None] = print,
    anew: str = ANEW,
) -> dict[str, Any]:
    """Label every voxel of a volume; goes on where an earlier run of the same was stopped.

    Parameters
    ----------
    volume, segmenter
        What is labelled, and by what. The correction is fitted to this volume.
    folder
        Results: ``labels.ome.zarr``, ``labels/`` or ``labels.tif`` (uint8), the same of
        ``probabilities`` and ``uncertainty``, ``previews/``, ``porosity.csv`` by slice,
        ``ledger.json`` and ``summary.json``.
    options
        Format, precision, memory budget, workers and so on.
    voxel_nm
        Written with the labels; on axes where it is None, the volume's own, else that of
        ``trained``.
    load
        Gives the segmenter in another process; needed for workers.
    provenance
        What the summary says of the models' origin and of the run.
    trained
        What each model was trained on; what differs in this volume is said.
    tested
        Squares of the films that the model was tested on: they correct the porosity of their own.
    progress, say
        Called after every slice or slab, and with warnings.
    anew
        How whoever calls this is told to label the volume anew; refusals name it.

    Returns
    -------
    dict
        The record of ``summary.json``.

    Raises
    ------
    UserError
        If the folder holds a different segmentation, other results or the volume, the memory
        budget or the disk is too small for this one, the certificate fails, a slice cannot be read
        or was replaced meanwhile, or the uncertainty of a single model is wanted.

    Notes
    -----
    Memory: the slices of one neighbourhood, a few slices of scores and the feature maps of one
    tile; independent of the number of slices.

    Examples
    --------
    ```python
    segmenter = load_bundle(Path("outputs/promote/NAME/bundle")).segmenter
    volume = open_volume("film/slices")
    record = segment_volume(volume, segmenter, Path("labels"), Options(memory_gib=2.0))
    record["porosity"], record["missing"]
    ```
    """
    started = time.perf_counter()
    stated = stated_nm(voxel_nm, volume.voxel_nm)
    voxel_nm = stated_nm(stated, *(one.voxel_nm for one in trained[:1]))
    check_asked(volume, folder, options, voxel_nm, load)
    options.check_members(len(segmenter.members))
    segmenter = segmenter.with_views(options.symmetry)
    room = room_of(volume.shape[1:], volume.kept_bytes, segmenter.halo[0], options)
    asked = given_extent(volume.shape, options.valid)
    key = _key(volume.signature(), segmenter, voxel_nm, options, asked)
    scorer_of, show = functools.cache(partial(Scorer, segmenter)), progress or (lambda *_: None)
    with at_work(folder):  # nothing was written so far
        _check_kind(folder)
        stamps = stamps_of(volume)
        ledger = Ledger.open(folder, key, options, volume, anew)
        volume = witnessed(volume, ledger.read, of_volume(anew))
        asked = _as_begun(asked, ledger)
        planner = Planner(volume, segmenter, options, asked, room, scorer_of, say, show)
        work = _begun(planner, ledger, folder, voxel_nm)
        _likeness(work, stated, trained, say)  # said before it is labelled
        labelling = Labelling(work, started)
        origin = _provenance(ledger, provenance, labelling.fresh)
        pores = _labelled(labelling, load, scorer_of, show, say)
        check_unchanged(volume, stamps, ledger.read, of_volume(anew))
        record = {
            **_porosities(work, pores, tested, scorer_of, len(trained)),
            **describe(work),
            **_of_training(work, stated, trained, say),
            **origin,
            **ledger.decided["measured"],
        }
        write_porosity(work, pores)
        write_json(folder / "summary.json", record)
    return record


def _begun(planner: Planner, ledger: Ledger, folder: Path, voxel_nm: VoxelNm) -> Work:
    """The segmentation with its outputs and its plan; refused where the disk is too small."""
    volume, segmenter, options = planner.volume, planner.segmenter, planner.options
    outputs = Outputs(folder, volume.shape, voxel_nm, options, segmenter.classes, segmenter.platt)
    forget_lost(ledger, outputs, planner.say)
    check_room(volume.shape, folder, options, ledger)
    return Work(volume, segmenter, options, planner.plan(ledger), outputs, ledger)


def _labelled(
    labelling: Labelling, load: Load | None, scorer_of: ScorerOf, show: Show, say: Say
) -> list[int | None]:
    """Label what is missing and finish it; pore voxels of every slice."""
    labelling.run(load, scorer_of, show, say)
    labelling.measure()  # in case that it is stopped before the end
    pores = finish(labelling.work, show)
    labelling.measure()
    return pores


def _porosities(
    work: Work,
    pores: Sequence[int | None],
    tested: Sequence[FilmSquares],
    scorer_of: ScorerOf,
    models: int,
) -> dict[str, Any]:
    """Porosity of the map, what is told with it, its interval, and what is added to none."""
    by_map = porosity_of(work.volume.path, pores, work.pixels)
    own = next((film for film in tested if film.is_of(work.volume)), None)
    per_px = porosity_per_px_of_boundary(work)
    reading = (
        Reading.of(work.plan.extent, work.options.valid, work.volume.value_range) if own else None
    )
    mapped = by_map.porosity
    alone = porosity_by_member(work, scorer_of, mapped)
    return {
        **by_map.to_json(),
        **porosity_interval(own, mapped, tested, work.options, per_px, reading, models),
        "porosity_per_px_of_boundary": per_px,
        "porosity_by_seed": porosity_by_seed(own, tested).to_json(),
        "sample": own and own.sample,
        "porosity_by_member": alone and alone.to_json(),
    }


def _key(
    volume: Mapping[str, object],
    segmenter: Segmenter,
    voxel_nm: VoxelNm,
    options: Options,
    asked: Extent | None,
) -> dict[str, Any]:
    """All that the labels follow from; a folder that holds labels of something else is refused.

    Of the ``volume`` that is its signature.
    """
    key = {
        "volume": volume,
        "model": segmenter.identity,
        "voxel_nm": list(voxel_nm),
        **options.key,
    }
    if segmenter.symmetry > 1:
        key["calibrated"] = False  # earlier versions calibrated the mean of views
    if asked and asked.mask:
        key["mask"] = asked.mask.signature()
    return key


def _as_begun(asked: Extent | None, ledger: Ledger) -> Extent | None:
    """What is asked for as material, with a mask that stays what the first slab was made by.

    Labels, counts of pores and the pixels that they are shares of read it, in every process.
    """
    if asked is None or asked.mask is None:
        return asked
    digests = slice_digests(asked.mask)
    ledger.hold_mask(digest_of(list(digests.values())))
    return replace(asked, mask=witnessed(asked.mask, digests, of_mask(ledger.anew)))


def _of_training(
    work: Work, stated: VoxelNm, trained: Sequence[TrainedOn], say: Say
) -> dict[str, Any]:
    """What a volume has of the training of its models, and in what it is unlike."""
    likeness = _likeness(work, stated, trained, say)
    alone = len(trained) == 1 and work.segmenter.symmetry == 1
    # slope and offset of the probabilities, and the share of solid that they assume
    share = trained[0].solid_share if alone else None
    return {
        "voxel_nm_assumed": assumed_axes(stated, trained),
        "calibration": {**asdict(work.segmenter.platt), "solid_share": share},
        "grey_distance": likeness.grey_distance,
        "warnings": [*likeness.warnings, *_bands(work, say)],
    }


def _check_kind(folder: Path) -> None:
    """Refuse to write a segmentation beside the results of another command."""
    before = Identity.beside(folder)
    if before is not None:
        Identity("segmentation", {}, {}).check(before, folder, remedy="another output")


def _likeness(work: Work, stated: VoxelNm, trained: Sequence[TrainedOn], say: Say) -> Likeness:
    """How far a volume is from what the models were trained on, found and said once."""
    ledger = work.ledger
    if "likeness" not in ledger.decided:
        far, warnings = _unlike(work, stated, trained) if trained else (None, [])
        for warning in warnings:
            say(f"warning: {warning}")
        ledger.decide(likeness={"grey_distance": far, "warnings": warnings})
    return typed(Likeness, ledger.decided["likeness"])


def _unlike(
    work: Work, stated: VoxelNm, trained: Sequence[TrainedOn]
) -> tuple[float | None, list[str]]:
    """Distance of the grey values, if the models know theirs, and what is said of the volume."""
    own = greys_of(work.corrected)
    greys = [model.greys for model in trained if model.greys]
    far = grey_distance(own.histogram, greys) if greys else None
    learnt, scaling = [model.moments for model in trained], work.segmenter.recipe.scaling
    return far, [
        *overruled(stated, work.volume.voxel_nm),
        *size_warnings(stated, trained), *grey_warnings(far),
        *scale_warnings(own.moments, learnt, scaling),
    ]  # fmt: skip


def _bands(work: Work, say: Say) -> list[str]:
    """What is said of sides that are one class alone."""
    warnings = list(one_class_bands(some_slices(work)))
    for warning in warnings:
        say(f"warning: {warning}")
    return warnings


def _provenance(ledger: Ledger, given: Provenance | None, fresh: int) -> dict[str, Any]:
    """The origin of the labels: a start that finds them finished does not count.

    Where another version of the code labelled the earlier slabs, ``earlier_code`` names it.
    """
    before = ledger.decided.get("provenance", {}) if ledger.slabs else {}
    if before and not fresh:
        return dict(before)
    codes = [*before.get("earlier_code", []), before.get("code")]
    code = given and given.code
    earlier = tuple(one for one in dict.fromkeys(codes) if one not in (None, code))
    if given is None:
        now = {"earlier_code": list(earlier)} if earlier else {}
    else:
        now = replace(given, earlier_code=earlier).to_json()
    ledger.decide(provenance=now)
    return now
