"""The films of a report: the latest segmentation of each, whoever made it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from fibsem.reporting.measured import is_of
from fibsem.reporting.results import FinishedCommand, Record, Results
from fibsem.system.file_names import name_of
from fibsem.system.records import typed
from fibsem.system.summaries.figures import Labelled

#: What a later quantification of a segmentation says better: it has read all labels as they are.
MEASURED = (
    "porosity", "porosity_ci", "porosity_corrected", "porosity_interval", "porosity_by_member",
    "porosity_per_px_of_boundary", "porosity_assuming_label_shift",
)  # fmt: skip


def films_of(results: Results) -> dict[str, Labelled]:
    """What is told of the porosity of every film, by a name that tells it apart; oldest first.

    That is what its latest segmentation says, as quantified since; the spread over seeds of
    evaluations of the same network, where its promotion knows none; and how far the people agree
    who labelled the same squares of it, as the latest inspection found.
    """
    latest: dict[str, FinishedCommand] = {}
    for one in results.of("segmentation"):
        film = str(one.grey_hash or one.folder)
        latest.pop(film, None)
        latest[film] = one
    shown = list(latest.values())
    names = names_of([one.folder for one in shown])
    films = {name: labelled_porosity(one, results) for name, one in zip(names, shown, strict=True)}
    return {**_gone(results, shown), **films}


def labelled_porosity(segmentation: FinishedCommand, results: Results) -> Labelled:
    """What is told of the porosity of one segmentation."""
    record = segmentation.record
    for one in results.of("quantification"):
        if is_of(one, segmentation):
            record = {**record, **{key: one.record[key] for key in MEASURED if key in one.record}}
    has_seeds = (record.get("porosity_by_seed") or {}).get("sd") is not None
    seeds = None if has_seeds else _evaluated(record, results)
    beside = {"porosity_by_seed": seeds, "agreement": _agreement(record.get("sample"), results)}
    return typed(Labelled, {**record, **{key: value for key, value in beside.items() if value}})


def _agreement(sample: str | None, results: Results) -> Record | None:
    """How far people agree who labelled the same squares of a sample."""
    inspected = results.of("inspection")
    samples = inspected[-1].record["samples"] if inspected else {}
    agreement: Record | None = samples.get(sample, {}).get("agreement")
    return agreement


#: What the seeds of an evaluation are apart on, and how.
EVALUATED_ON = "test squares by fibsem.evaluate, of networks of its own settings"


def _evaluated(record: Record, results: Results) -> Record | None:
    """How far the seeds of the latest evaluation of the same network are apart on this film."""
    for one in reversed(results.of("evaluation")):
        network = f"{one.record['model']} {one.record['nbhd']}"
        figures = one.record["samples"].get(record.get("sample"), {}).get("test_chosen")
        if figures and set(record["members"]) == {network} and len(one.record["runs"]) > 1:
            sd, seeds = figures["porosity"]["std"], len(one.record["runs"])
            return {"sd": sd, "seeds": seeds, "on": EVALUATED_ON}
    return None


def _gone(results: Results, shown: Sequence[FinishedCommand]) -> dict[str, Labelled]:
    """What the latest promotion says of films that are segmented nowhere any more."""
    promotions = results.of("promotion")
    if not promotions:
        return {}
    samples, segmented = promotions[-1].record["samples"], {_place(one.folder)[-1] for one in shown}
    return {
        name: typed(Labelled, record) for name, record in samples.items() if name not in segmented
    }


def names_of(folders: Iterable[Path]) -> list[str]:
    """Names of segmented volumes, each as short as tells it apart."""
    places = [_place(folder) for folder in folders]

    def name(parts: list[str]) -> str:
        for length in range(1, len(parts)):
            if sum(other[-length:] == parts[-length:] for other in places) == 1:
                return "/".join(parts[-length:])
        return "/".join(parts)

    return [name(parts) for parts in places]


def _place(folder: Path) -> list[str]:
    """Where a segmented volume lies: a promotion has its samples in ``volumes``, by their names."""
    *path, last = folder.parts
    return [*path[:-1], name_of(last)] if path[-1:] == ["volumes"] else [*path, last]
