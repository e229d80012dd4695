"""What commands have left behind: finished results in folders, and which dataset they are of."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast, get_args

from fibsem.errors import UserError
from fibsem.reporting.labelled_film import grey_values
from fibsem.system.files import known_json, read_json
from fibsem.system.identity import LEDGER, kind_of, same_data
from fibsem.system.records import Record, typed
from fibsem.system.summaries import SHAPES
from fibsem.system.summaries.figures import Text
from fibsem.system.summaries.lineage import Lineage, WrittenLineage
from fibsem.system.summaries.segmentation import FilmPlace

ResultKind = Literal[
    "inspection", "evaluation", "sweep", "promotion", "segmentation", "quantification"
]
#: Kinds that are shown: a training is one of its sweep or evaluation, and a report shows others.
KINDS: tuple[ResultKind, ...] = get_args(ResultKind)
#: Kinds of results that are of volumes.
VOLUMES: tuple[ResultKind, ...] = ("segmentation", "quantification")
#: Folders in which a result keeps its own parts; what other commands put into it lies elsewhere.
PARTS: Mapping[ResultKind, tuple[str, ...]] = {
    "evaluation": ("seed-*", "figures"),
    "sweep": ("trials", "tuner", "figures"),
    "promotion": ("rank", "final", "bundle", "tables", "figures"),
    "segmentation": ("labels", "labels-2d", "probabilities", "uncertainty", "previews"),
}
#: What becomes of a damaged result.
LEFT_OUT = "it is left out"


@dataclass(frozen=True)
class ResultOrigin(FilmPlace):
    """What tells whose a result is, and of which labels; what it does not say is None.

    Attributes
    ----------
    dataset, data
        Name and hash of the data that it was made on.
    command
        That made it.
    grey_hash, volume_hash
        Digits of the film that was labelled; of earlier versions those of its files alone.
    labelling
        Digits of all that the labels follow from; None in records of earlier versions.
    segmentation, labels_hash
        Folder of the labels that were measured, and digits of what they held.
    labels
        Volume of the labels that were made, in their folder.
    porosity
        Of the labels.
    """

    dataset: Text = None
    data: Text = None
    command: Text = None
    grey_hash: Text = None
    volume_hash: Text = None
    labelling: Text = None
    segmentation: Text = None
    labels: Text = None
    labels_hash: Text = None
    porosity: float | None = None


@dataclass(frozen=True)
class OfModel(ResultOrigin):
    """Origin of a promotion: the lineage of its model."""

    lineage: WrittenLineage | None = None


@dataclass(frozen=True)
class OfModels(ResultOrigin):
    """Origin of what models have made: their lineage."""

    lineage: tuple[WrittenLineage, ...] | None = None


#: What is read of results to tell whose they are.
ORIGINS: Mapping[str, type[ResultOrigin]] = {
    **dict.fromkeys(KINDS, ResultOrigin),
    "promotion": OfModel, "segmentation": OfModels, "quantification": OfModels,
}  # fmt: skip
S = TypeVar("S")


@dataclass(frozen=True)
class FinishedCommand(Generic[S]):
    """One finished command: its folder, and what its ``summary.json`` says.

    A record of any version has an ``origin``; one that is whole has a ``summary``, of the shape of
    its kind.
    """

    kind: ResultKind
    folder: Path
    record: Record

    @cached_property
    def summary(self) -> S:
        """What a report shows of it.

        Raises
        ------
        ValueError
            Names what is missing, or cannot be.
        """
        return cast(S, typed(SHAPES[self.kind], self.record))

    @cached_property
    def origin(self) -> ResultOrigin:
        """What tells whose it is."""
        return typed(ORIGINS[self.kind], self.record)

    @cached_property
    def written(self) -> float:
        """When it was finished, in seconds since 1970."""
        return (self.folder / "summary.json").stat().st_mtime

    @property
    def grey_hash(self) -> str | None:
        """Digits of the film that was labelled; of earlier versions those of its files."""
        return self.origin.grey_hash or self.origin.volume_hash

    def is_measured_in(self, labels: FinishedCommand[Any]) -> bool:
        """Whether a quantification names the folder of a segmentation, whatever lay there then."""
        return Path(str(self.origin.segmentation)).resolve() == labels.folder.resolve()

    @cached_property
    def lineage(self) -> Lineage:
        """Where the result comes from: lineage of its model, or the data where it has none yet."""
        origin = self.origin
        if isinstance(origin, OfModel) and origin.lineage:
            return origin.lineage
        if isinstance(origin, OfModels) and origin.lineage:
            return origin.lineage[0]
        if not isinstance(origin, OfModel | OfModels):
            return Lineage(dataset=origin.dataset, data=origin.data)
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
    each: tuple[FinishedCommand[Any], ...]
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

    def of(self, shape: type[S]) -> list[FinishedCommand[S]]:
        """The results of one command, by the shape of its summary: ``SweepSummary`` and so on."""
        return [result for result in self.each if SHAPES[result.kind] is shape]


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


def _state_of(own: Sequence[FinishedCommand[Any]], now: str | None) -> str | None:
    """Hash of the data whose results are shown: as they are ``now``, if there are any of it."""
    latest = [result for result in own if result.kind not in VOLUMES] or own
    if now is not None and any(_on(result, now) for result in latest):
        return now
    return latest[-1].lineage.data if latest else now


def _labelled_by_others(
    every: Sequence[FinishedCommand[Any]],
    own: Sequence[FinishedCommand[Any]],
    opened: Opened | None,
) -> tuple[list[FinishedCommand[Any]], tuple[Path, ...]]:
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


def _may_be_of(measured: FinishedCommand[Any], labels: FinishedCommand[Any]) -> bool:
    """Whether a quantification is of labels that were made as those of a segmentation were."""
    both = measured.origin.labelling, labels.origin.labelling
    return measured.is_measured_in(labels) if None in both else both[0] == both[1]


def _film_of(segmentation: FinishedCommand[Any]) -> set[str]:
    """What a film is known by: the place of its files, if they are there, and their digest."""
    film = grey_values(segmentation.folder, segmentation.origin)
    places = {str(film.path.resolve())} if film else set()
    return places | ({segmentation.grey_hash} if segmentation.grey_hash else set())


def _on(result: FinishedCommand[Any], data: str | None) -> bool:
    """Whether a result was made on these data."""
    made_on = result.lineage.data
    return made_on == data or same_data(made_on, data)


def _walk(top: Path) -> Iterator[FinishedCommand[Any]]:
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


def _is_part(name: str, result: FinishedCommand[Any] | None) -> bool:
    """Whether a folder is a stack, or a part of the result that it lies in."""
    parts = PARTS.get(result.kind, ()) if result else ()
    return name.endswith(".zarr") or any(fnmatchcase(name, part) for part in parts)


def _say_unread(error: OSError) -> None:
    text = "a folder of results must be one that can be read, but {} is not ({}); {}."
    print(f"warning: {text.format(error.filename, error.strerror, LEFT_OUT)}", file=sys.stderr)


def _is_whole(result: FinishedCommand[Any]) -> bool:
    try:
        result.summary  # noqa: B018 (it is read here, and kept)
    except ValueError as error:
        file = result.folder / "summary.json"
        text = f"a record must be whole, but {file} is damaged ({error}); {LEFT_OUT}."
        print(f"warning: {text}", file=sys.stderr)
        return False
    return True


def with_origin(record: Any) -> Any:
    """A ``summary.json`` as it is, if it is of no kind that is shown, or tells whose it is."""
    if (kind := kind_of(record)) in ORIGINS:
        typed(ORIGINS[str(kind)], record)
    return record


def _read(folder: Path) -> FinishedCommand[Any] | None:
    """The result of a folder; None for one of another command, or of one that is damaged."""
    try:
        record = read_json(folder / "summary.json", with_origin, remedy=LEFT_OUT)
    except UserError as error:
        print(f"warning: {error}", file=sys.stderr)
        return None
    kind = kind_of(record)
    return next((FinishedCommand(one, folder, record) for one in KINDS if one == kind), None)
