"""Films of a report, with the porosity from the latest segmentation of each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from fibsem.reporting.measured import FinishedLabels, is_of
from fibsem.reporting.results import Results
from fibsem.system.file_names import name_of, subfolder_of
from fibsem.system.summaries import (
    EvaluationSummary,
    InspectionSummary,
    PromotionSummary,
    QuantificationSummary,
    SegmentationSummary,
    SegmentedFilm,
)
from fibsem.system.summaries.figures import Agreement
from fibsem.system.summaries.porosity import FilmPorosity, Seeds


def films_of(results: Results) -> dict[str, FilmPorosity]:
    """Return the porosity of every film by a unique name, oldest first.

    It is that of the latest segmentation, updated by later quantifications. If the promotion has no
    spread over seeds, that of an evaluation of the same network is used. The agreement of
    annotators is that of the latest inspection.
    """
    latest: dict[str, FinishedLabels] = {}
    for result in results.of(SegmentationSummary):
        film = str(result.grey_hash or result.folder)
        latest.pop(film, None)
        latest[film] = result
    shown = list(latest.values())
    names = names_of([result.folder for result in shown])
    films = {
        name: labelled_porosity(result, results) for name, result in zip(names, shown, strict=True)
    }
    return {**_gone(results, shown), **films}


def labelled_porosity(segmentation: FinishedLabels, results: Results) -> FilmPorosity:
    """Return the porosity of one segmentation.

    That of a later quantification is preferred, because it has read the current labels.

    Examples
    --------
    ```python
    results = find_results([Path("outputs")], "phantom")
    labels = [one for one in results.each if one.kind == "segmentation"]
    labelled_porosity(labels[-1], results).porosity
    ```
    """
    film = segmentation.summary
    porosity = film.alone()
    for measured in results.of(QuantificationSummary):
        if is_of(measured, segmentation):
            porosity = replace(measured.summary.alone(), porosity_by_seed=porosity.porosity_by_seed)
    if porosity.porosity_by_seed is None or porosity.porosity_by_seed.sd is None:
        seeds = _evaluated(film, results) or porosity.porosity_by_seed
        porosity = replace(porosity, porosity_by_seed=seeds)
    return replace(porosity, agreement=_agreement(film.sample, results))


def _agreement(sample: str | None, results: Results) -> Agreement | None:
    """Return the agreement of annotators of a sample from the latest inspection, or None."""
    inspected = results.of(InspectionSummary)
    film = inspected[-1].summary.samples.get(sample or "") if inspected else None
    return film.agreement if film else None


#: Description of the data and networks that the spread over seeds of an evaluation refers to.
EVALUATED_ON = "test squares by fibsem.evaluate, of networks of its own settings"


def _evaluated(film: SegmentedFilm, results: Results) -> Seeds | None:
    """Return the spread over seeds of the latest evaluation of the same network on this film."""
    for result in reversed(results.of(EvaluationSummary)):
        evaluated = result.summary
        network, seeds = f"{evaluated.model} {evaluated.nbhd}", len(evaluated.runs)
        figures = evaluated.samples.get(film.sample or "", {}).get("test_chosen")
        if not figures or math.isnan(sd := figures.porosity.std):
            continue
        if set(film.members) == {network} and seeds > 1:
            return Seeds(sd=sd, seeds=seeds, on=EVALUATED_ON)
    return None


def _gone(results: Results, shown: Sequence[FinishedLabels]) -> dict[str, FilmPorosity]:
    """Return porosities of the latest promotion for films whose segmentation was removed since."""
    promotions = results.of(PromotionSummary)
    if not promotions:
        return {}
    latest = promotions[-1]
    named = {_path_names(result.folder)[-1] for result in shown} | {
        result.summary.sample for result in shown
    }
    folders = {result.folder.resolve() for result in results.of(SegmentationSummary)}
    return {
        name: film.alone()
        for name, film in latest.summary.samples.items()
        if name not in named
        and subfolder_of(latest.folder / "volumes", name).resolve() not in folders
    }


def names_of(folders: Iterable[Path]) -> list[str]:
    """Return the shortest unique name of each segmented volume; equal paths get numbers."""
    paths = [_path_names(folder) for folder in folders]

    def name(parts: list[str]) -> str:
        for length in range(1, len(parts)):
            if sum(path[-length:] == parts[-length:] for path in paths) == 1:
                return "/".join(parts[-length:])
        return "/".join(parts)

    names = [name(parts) for parts in paths]
    return [
        f"{name} ({names[: k + 1].count(name)})" if names.count(name) > 1 else name
        for k, name in enumerate(names)
    ]


def _path_names(folder: Path) -> list[str]:
    """Return the parts of a volume's path; file names in ``volumes`` become sample names."""
    *path, last = folder.parts
    return [*path[:-1], name_of(last)] if path[-1:] == ["volumes"] else [*path, last]
