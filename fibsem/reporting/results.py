"""What commands have left behind: finished results in folders, and which dataset they are of."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from fibsem.errors import UserError
from fibsem.reporting.labelled_film import grey_values
from fibsem.system.files import known_json, read_json
from fibsem.system.identity import LEDGER, kind_of, same_data
from fibsem.system.summaries import SHAPES, of_kind
from fibsem.system.summaries.lineage import Lineage, WrittenLineage

Record = dict[str, Any]
Kind = Literal["inspection", "evaluation", "sweep", "promotion", "segmentation", "quantification"]
#: Kinds that are shown: a training is one of its sweep or evaluation, and a report shows others.
KINDS: tuple[Kind, ...] = get_args(Kind)
#: Kinds of results that are of volumes.
VOLUMES: tuple[Kind, ...] = ("segmentation", "quantification")
#: Folders in which a result keeps its own parts; what other commands put into it lies elsewhere.
PARTS: Mapping[Kind, tuple[str, ...]] = {
    "evaluation": ("seed-*", "figures"),
    "sweep": ("trials", "tuner", "figures"),
    "promotion": ("rank", "final", "bundle", "tables", "figures"),
    "segmentation": ("labels", "labels-2d", "probabilities", "uncertainty", "previews"),
}
#: What becomes of a damaged result.
LEFT_OUT = "it is left out"


@dataclass(frozen=True)
class FinishedCommand:
    """One finished command: its folder, and what its ``summary.json`` says."""

    kind: Kind
    folder: Path
    record: Record

    @cached_property
    def written(self) -> float:
        """When it was finished, in seconds since 1970."""
        return (self.folder / "summary.json").stat().st_mtime

    @property
    def grey_hash(self) -> str | None:
        """Digits of the film that was labelled; of earlier versions those of its files."""
        return self.record.get("grey_hash") or self.record.get("volume_hash")

    @property
    def labelling(self) -> str | None:
        """Digits of all that labels follow from; None in records of earlier versions."""
        return self.record.get("labelling")

    def is_measured_in(self, labels: FinishedCommand) -> bool:
        """Whether a quantification names the folder of a segmentation, whatever lay there then."""
        return Path(str(self.record.get("segmentation"))).resolve() == labels.folder.resolve()

    @cached_property
    def lineage(self) -> Lineage:
        """Where the result comes from: lineage of its model, or the data where it has none yet."""
        if self.kind in ("inspection", "evaluation", "sweep"):
            return Lineage(dataset=self.record.get("dataset"), data=self.record.get("data"))
        lineage = self.record.get("lineage")
        if lineage:
            return Lineage.from_json(lineage if self.kind == "promotion" else lineage[0])
        home = self.folder if self.kind == "promotion" else self.folder.parent.parent
        bundle = home / "bundle" / "bundle.json"  # of older promotions, and of their volumes
        return known_json(bundle, Lineage.in_bundle) or Lineage()


@dataclass(frozen=True)
class Opened:
    """What is told by a dataset whose files were read: its hash, and where its films lie."""

    data: str
    films: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class Results:
    """The results of one dataset, oldest first.

    Attributes
    ----------
    data
        Hash of the data that they were made on.
    each
        The results; segmentations of its films count, whatever data their model was trained on.
    others
        How many of its name were made on other data.
    now
        Hash of the data as they are, where somebody opened them.
    elsewhere
        Folders of segmentations that are of no film of the dataset, as far as one can tell.
    """

    dataset: str
    data: str | None
    each: tuple[FinishedCommand, ...]
    others: int
    now: str | None = None
    elsewhere: tuple[Path, ...] = ()

    @property
    def of_former_data(self) -> bool:
        """Whether labels, split or films were changed since all that there is was made."""
        recorded = None not in (self.data, self.now)
        return recorded and not same_data(self.data, self.now)

    def whole(self) -> Results:
        """The results that can be shown whole; others are said and left out."""
        return replace(self, each=tuple(filter(_is_whole, self.each)))

    def of(self, kind: Kind) -> list[FinishedCommand]:
        """The results of one command."""
        return [result for result in self.each if result.kind == kind]


def find_results(folders: Iterable[Path], dataset: str, opened: Opened | None = None) -> Results:
    """The results of a dataset in some folders, as far down as they lie.

    Figures of different data do not belong into one table: where labels or split have changed,
    only results on one state of them are taken, which is that of the dataset if it was ``opened``
    and has results, else the latest. A segmentation does not say what is latest: an old model can
    label a volume today. One of a film of the dataset by the model of another counts.

    Raises
    ------
    UserError
        If a folder is not there, or there is nothing of the dataset in them.
    """
    folders = list(folders)
    for folder in folders:
        if not folder.is_dir():
            raise UserError(
                f"`folders` must be folders of results, but {folder} is not there; "
                "python -m fibsem.evaluate, sweep, promote and segment make some."
            )
    unique = {result.folder.resolve(): result for folder in folders for result in _walk(folder)}
    every = sorted(unique.values(), key=lambda result: result.written)
    own = [result for result in every if result.lineage.dataset == dataset]
    guests, elsewhere = _labelled_by_others(every, own, opened)
    if not (own or guests):
        raise UserError(
            f"`data={dataset}` must have results in {', '.join(map(str, folders))}, but has none; "
            "python -m fibsem.evaluate, sweep, promote and segment make some."
        )
    now = opened.data if opened else None
    data = _state_of(own, now)
    kept = [result for result in every if result in guests or (result in own and _on(result, data))]
    others = len(own) + len(guests) - len(kept)
    return Results(dataset, data, tuple(kept), others, now, elsewhere)


def _state_of(own: Sequence[FinishedCommand], now: str | None) -> str | None:
    """Hash of the data whose results are shown: as they are ``now``, if there are any of it."""
    latest = [result for result in own if result.kind not in VOLUMES] or own
    if now is not None and any(_on(result, now) for result in latest):
        return now
    return latest[-1].lineage.data if latest else now


def _labelled_by_others(
    every: Sequence[FinishedCommand], own: Sequence[FinishedCommand], opened: Opened | None
) -> tuple[list[FinishedCommand], tuple[Path, ...]]:
    """Films of a dataset that the models of others labelled, with what was measured of them.

    Its films are those that its own models have labelled, and those of the opened dataset. With
    them the folders of other segmentations.
    """
    strange = [one for one in every if one not in own and one.kind == "segmentation"]
    if not strange:
        return [], ()
    films = set(map(str, opened.films)) if opened else set()
    films = films.union(*(_film_of(one) for one in own if one.kind == "segmentation"))
    guests = [one for one in strange if films & _film_of(one)]
    measured = [
        one
        for one in every
        if one not in own and one.kind == "quantification"
        and any(_may_be_of(one, labels) for labels in guests)
    ]  # fmt: skip
    return [*guests, *measured], tuple(one.folder for one in strange if one not in guests)


def _may_be_of(measured: FinishedCommand, labels: FinishedCommand) -> bool:
    """Whether a quantification is of labels that were made as those of a segmentation were."""
    if None in (measured.labelling, labels.labelling):
        return measured.is_measured_in(labels)
    return measured.labelling == labels.labelling


def _film_of(segmentation: FinishedCommand) -> set[str]:
    """What a film is known by: the place of its files, if they are there, and their digest."""
    film = grey_values(segmentation.folder, segmentation.record)
    places = {str(film.path.resolve())} if film else set()
    return places | ({segmentation.grey_hash} if segmentation.grey_hash else set())


def _on(result: FinishedCommand, data: str | None) -> bool:
    """Whether a result was made on these data."""
    made_on = result.lineage.data
    return made_on == data or same_data(made_on, data)


def _walk(top: Path) -> Iterator[FinishedCommand]:
    """Every result below a folder.

    A result may have others in it: a promotion its volumes, a segmentation what was measured of it.
    Its parts and its stacks are not looked through. Results lie on other disks, too: links are
    followed, each folder once.
    """
    visited: set[Path] = set()
    for name, folders, files in os.walk(top, onerror=_say_unread, followlinks=True):
        folder = Path(name)
        if (real := folder.resolve()) in visited:  # a link that leads back, or a second one
            folders.clear()
            continue
        visited.add(real)
        result = _read(folder) if "summary.json" in files else None
        if result is None and LEDGER in files:
            text = "a segmentation must be finished to be shown, but that of {} is not; {}."
            print(f"warning: {text.format(folder, LEFT_OUT)}", file=sys.stderr)
        if result is not None:
            yield result
        folders[:] = sorted(one for one in folders if not _is_part(one, result))


def _is_part(name: str, result: FinishedCommand | None) -> bool:
    """Whether a folder is a stack, or a part of the result that it lies in."""
    parts = PARTS.get(result.kind, ()) if result else ()
    return name.endswith(".zarr") or any(fnmatchcase(name, part) for part in parts)


def _say_unread(error: OSError) -> None:
    text = "a folder of results must be one that can be read, but {} is not ({}); {}."
    print(f"warning: {text.format(error.filename, error.strerror, LEFT_OUT)}", file=sys.stderr)


@dataclass(frozen=True)
class _Made:
    """What results may say of their data."""

    dataset: str | None = None
    data: str | None = None


@dataclass(frozen=True)
class _OfModel:
    """What a promotion may say of the model."""

    lineage: WrittenLineage | None = None


@dataclass(frozen=True)
class _OfModels:
    """What the results of models may say of them."""

    lineage: tuple[WrittenLineage, ...] | None = None


#: What is read of results to tell whose they are.
ORIGINS: dict[str, type] = {
    **dict.fromkeys(KINDS, _Made),
    "promotion": _OfModel, "segmentation": _OfModels, "quantification": _OfModels,
}  # fmt: skip


def _is_whole(result: FinishedCommand) -> bool:
    try:
        of_kind(SHAPES, result.record)
    except ValueError as error:
        file = result.folder / "summary.json"
        text = f"a record must be whole, but {file} is damaged ({error}); {LEFT_OUT}."
        print(f"warning: {text}", file=sys.stderr)
        return False
    return True


def _with_origins(record: Any) -> Any:
    return of_kind(ORIGINS, record)


def _read(folder: Path) -> FinishedCommand | None:
    """The result of a folder; None for one of another command, or of one that is damaged."""
    try:
        record = read_json(folder / "summary.json", _with_origins, remedy=LEFT_OUT)
    except UserError as error:
        print(f"warning: {error}", file=sys.stderr)
        return None
    kind = kind_of(record)
    return next((FinishedCommand(one, folder, record) for one in KINDS if one == kind), None)
