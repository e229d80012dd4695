"""Search for finished results of commands in folders, by dataset."""

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
from fibsem.system.advice import Command
from fibsem.system.files import known_json, read_json
from fibsem.system.identity import LEDGER, Identity, kind_of, same_data
from fibsem.system.records import Record, typed
from fibsem.system.summaries import SHAPES
from fibsem.system.summaries.figures import Text
from fibsem.system.summaries.lineage import Lineage, WrittenLineage
from fibsem.system.summaries.segmentation import FilmPlace

ResultKind = Literal[
    "inspection", "evaluation", "sweep", "promotion", "segmentation", "quantification"
]
#: Kinds that a report shows; trainings are part of a sweep or evaluation.
KINDS: tuple[ResultKind, ...] = get_args(ResultKind)
#: Kinds of results on volumes.
VOLUMES: tuple[ResultKind, ...] = ("segmentation", "quantification")
#: Subfolders that belong to a result, and do not contain results of other commands.
PARTS: Mapping[ResultKind, tuple[str, ...]] = {
    "evaluation": ("seed-*", "figures"),
    "sweep": ("trials", "tuner", "figures"),
    "promotion": ("rank", "final", "bundle", "tables", "figures"),
    "segmentation": ("labels", "labels-2d", "probabilities", "uncertainty", "previews"),
}
#: What is done with a damaged result, for messages.
LEFT_OUT = "it is left out"


@dataclass(frozen=True)
class ResultOrigin(FilmPlace):
    """Origin of a result: the data and labels that it is of; None where not recorded.

    Attributes
    ----------
    dataset, data
        Name and hash of the data that the result was made on.
    command
        Command that made the result.
    grey_hash, volume_hash
        Digest of the grey values of the labelled film; earlier versions have that of its files.
    labelling
        Digest of everything that the labels depend on; None in records of earlier versions.
    segmentation, labels_hash
        Folder of the measured labels, and the digest of their contents.
    labels
        Name of the volume of labels in the folder of a segmentation.
    porosity
        Porosity of the labels.
    run_id, parent_run_id
        Run of an evaluation or a promotion, and of a sweep.
    study
        Name of a sweep.
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
    run_id: Text = None
    parent_run_id: Text = None
    study: Text = None


@dataclass(frozen=True)
class OfModel(ResultOrigin):
    """Origin of a promotion, with the lineage of its model."""

    lineage: WrittenLineage | None = None


@dataclass(frozen=True)
class OfModels(ResultOrigin):
    """Origin of a segmentation or quantification, with the lineages of its models."""

    lineage: tuple[WrittenLineage, ...] | None = None


#: Type of the origin of each kind of result.
ORIGINS: Mapping[str, type[ResultOrigin]] = {
    **dict.fromkeys(KINDS, ResultOrigin),
    "promotion": OfModel, "segmentation": OfModels, "quantification": OfModels,
}  # fmt: skip
S = TypeVar("S")


@dataclass(frozen=True)
class FinishedCommand(Generic[S]):
    """One finished command: its folder, and the contents of its ``summary.json``.

    A record of any version has an ``origin``; a complete one also has a ``summary`` of its kind.
    """

    kind: ResultKind
    folder: Path
    record: Record

    @cached_property
    def summary(self) -> S:
        """The typed summary of the command.

        Raises
        ------
        ValueError
            If a key is missing or has an invalid value.
        """
        return cast(S, typed(SHAPES[self.kind], self.record))

    @cached_property
    def origin(self) -> ResultOrigin:
        """Data and labels that the result is of."""
        return typed(ORIGINS[self.kind], self.record)

    @cached_property
    def written(self) -> float:
        """Time of completion, in seconds since 1970."""
        return (self.folder / "summary.json").stat().st_mtime

    @property
    def grey_hash(self) -> str | None:
        """Digest of the labelled film; for earlier versions that of its files."""
        return self.origin.grey_hash or self.origin.volume_hash

    @property
    def run(self) -> tuple[str | None, ...] | None:
        """Kind, run, study and data of a result, which copies share; None if it is of no run."""
        run_id = self.origin.run_id or self.origin.parent_run_id
        return (self.kind, run_id, self.origin.study, self.lineage.data) if run_id else None

    def is_measured_in(self, labels: FinishedCommand[Any]) -> bool:
        """Return whether a quantification names the folder of a segmentation."""
        return Path(str(self.origin.segmentation)).resolve() == labels.folder.resolve()

    @cached_property
    def lineage(self) -> Lineage:
        """Lineage of the (first) model, or only dataset and hash for results without a model."""
        origin = self.origin
        if isinstance(origin, OfModel) and origin.lineage:
            return origin.lineage
        if isinstance(origin, OfModels) and origin.lineage:
            return origin.lineage[0]
        if not isinstance(origin, OfModel | OfModels):
            return Lineage(dataset=origin.dataset, data=origin.data)
        home = self.folder if self.kind == "promotion" else self.folder.parent.parent
        # older promotions keep the lineage in the bundle only
        bundle = home / "bundle" / "bundle.json"
        return known_json(bundle, Lineage.in_bundle) or Lineage()


@dataclass(frozen=True)
class Opened:
    """An opened dataset: its hash, and the paths of its films."""

    data: str
    films: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class Results:
    """The results of one dataset, oldest first.

    Attributes
    ----------
    data
        Hash of the data that the results were made on.
    each
        The results, including segmentations of its films by models trained on other data.
    others
        Number of results with the same dataset name but other data.
    now
        Hash of the current data, or None if they were not opened.
    elsewhere
        Folders of segmentations that are not known to be of a film of the dataset.
    """

    dataset: str
    data: str | None
    each: tuple[FinishedCommand[Any], ...]
    others: int
    now: str | None = None
    elsewhere: tuple[Path, ...] = ()

    @property
    def of_former_data(self) -> bool:
        """Whether labels, split or films have changed since the results were made."""
        recorded = None not in (self.data, self.now)
        return recorded and not same_data(self.data, self.now)

    def whole(self) -> Results:
        """Return the results with complete records; warn about the others and leave them out."""
        return replace(self, each=tuple(filter(_is_whole, self.each)))

    def of(self, shape: type[S]) -> list[FinishedCommand[S]]:
        """Return the results of one command by its summary type, such as ``SweepSummary``."""
        return [result for result in self.each if SHAPES[result.kind] is shape]


def find_results(folders: Iterable[Path], dataset: str, opened: Opened | None = None) -> Results:
    """Find the results of a dataset in folders, at any depth.

    Results on different data are not comparable: if labels or split have changed, only results on
    one state of the data are returned. This is the current state if the dataset was ``opened`` and
    has results, else that of the latest result. Segmentations do not determine the latest state, as
    an old model can label a volume today. Segmentations of a film of the dataset by models of
    another dataset are included.

    Raises
    ------
    UserError
        If a folder does not exist, or the folders have no result of the dataset.

    Examples
    --------
    ```python
    [(one.kind, one.folder) for one in find_results([Path("outputs")], "phantom").each]
    ```
    """
    folders = list(folders)
    for folder in folders:
        if not folder.is_dir():
            raise UserError(
                f"`folders` must be folders of results, but {folder} is not there; "
                f"{Command('evaluate').line}, sweep, promote and segment make some."
            )
    results = (result for folder in folders for result in _walk(folder, dataset))
    unique = {result.folder.resolve(): result for result in results}
    every = sorted(unique.values(), key=lambda result: result.written)
    of_dataset = _without_copies([r for r in every if r.lineage.dataset == dataset])
    guests, elsewhere = _labelled_by_others(every, of_dataset, opened)
    if not (of_dataset or guests):
        raise UserError(
            f"`data={dataset}` must have results in {', '.join(map(str, folders))}, but has none; "
            f"{_others_in(every)}{Command('evaluate').line}, sweep, promote and segment make some."
        )
    now = opened.data if opened else None
    data = _state_of(of_dataset, now)
    shown = [
        result
        for result in every
        if result in guests or (result in of_dataset and _is_made_on(result, data))
    ]
    others = len(of_dataset) + len(guests) - len(shown)
    return Results(dataset, data, tuple(shown), others, now, elsewhere)


def _without_copies(every: Sequence[FinishedCommand[Any]]) -> list[FinishedCommand[Any]]:
    """Return the results, oldest first, without former copies of those of one run; warn of these.

    A backup, or a sweep that several machines worked on, would be counted twice.
    """
    latest: dict[object, FinishedCommand[Any]] = {}
    for result in every:  # copies that keep the time of their files come later by their names
        if result.run not in latest or result.written > latest[result.run].written:
            latest[result.run] = result
    distinct = []
    for result in every:
        if result.run is None or (shown := latest[result.run]) is result:
            distinct.append(result)
        else:
            text = "a {} must be counted once, but {} and {} are of the same run; {} is left out."
            message = text.format(result.kind, shown.folder, result.folder, result.folder)
            print(f"warning: {message}", file=sys.stderr)
    return distinct


def _others_in(every: Iterable[FinishedCommand[Any]]) -> str:
    """Name the datasets of all results, as a hint for the message; "" without any."""
    names = sorted({result.lineage.dataset for result in every if result.lineage.dataset})
    return f"there are some of {', '.join(names)} (data= or data.path=); " if names else ""


def _state_of(of_dataset: Sequence[FinishedCommand[Any]], now: str | None) -> str | None:
    """Return the hash of the data to show: ``now`` if it has results, else that of the latest."""
    latest = [result for result in of_dataset if result.kind not in VOLUMES] or of_dataset
    if now is not None and any(_is_made_on(result, now) for result in latest):
        return now
    return latest[-1].lineage.data if latest else now


def _labelled_by_others(
    every: Sequence[FinishedCommand[Any]],
    of_dataset: Sequence[FinishedCommand[Any]],
    opened: Opened | None,
) -> tuple[list[FinishedCommand[Any]], tuple[Path, ...]]:
    """Find segmentations of a dataset's films by models of other datasets, and quantifications.

    The films are those of the opened dataset, and those that its own models labelled. Returns these
    results, and the folders of all other segmentations.
    """
    strange = [
        result for result in every if result not in of_dataset and result.kind == "segmentation"
    ]
    if not strange:
        return [], ()
    films = set(map(str, opened.films)) if opened else set()
    films = films.union(
        *(_film_of(result) for result in of_dataset if result.kind == "segmentation")
    )
    guests = [result for result in strange if films & _film_of(result)]
    measured = [
        result
        for result in every
        if result not in of_dataset and result.kind == "quantification"
        and any(_may_be_of(result, labels) for labels in guests)
    ]  # fmt: skip
    return [*guests, *measured], tuple(result.folder for result in strange if result not in guests)


def _may_be_of(measured: FinishedCommand[Any], labels: FinishedCommand[Any]) -> bool:
    """Return whether the labelling digests match, or the folders if a digest is not recorded."""
    both = measured.origin.labelling, labels.origin.labelling
    return measured.is_measured_in(labels) if None in both else both[0] == both[1]


def _film_of(segmentation: FinishedCommand[Any]) -> set[str]:
    """Return identifiers of a film: the path of its files, if they exist, and its digest."""
    film = grey_values(segmentation.folder, segmentation.origin)
    places = {str(film.path.resolve())} if film else set()
    return places | ({segmentation.grey_hash} if segmentation.grey_hash else set())


def _is_made_on(result: FinishedCommand[Any], data: str | None) -> bool:
    """Return whether a result was made on the data with this hash."""
    made_on = result.lineage.data
    return made_on == data or same_data(made_on, data)


def _walk(top: Path, dataset: str) -> Iterator[FinishedCommand[Any]]:
    """Yield every result below a folder; warn about those of a dataset that are not finished.

    Results can be nested: a promotion contains segmentations, which may contain quantifications.
    Parts of a result and Zarr volumes are skipped. Symbolic links are followed, as results may be
    on other disks, but each folder is visited once.
    """
    visited: set[Path] = set()
    for name, folders, files in os.walk(top, onerror=_say_unread, followlinks=True):
        folder = Path(name)
        if (real := folder.resolve()) in visited:  # a cyclic or a second link
            folders.clear()
            continue
        visited.add(real)
        result = _read(folder) if "summary.json" in files else None
        if result is None and (kind := _begun(folder, files, dataset)):
            text = "a result must be finished to be shown, but the {} in {} is not; {}."
            print(f"warning: {text.format(kind, folder, LEFT_OUT)}", file=sys.stderr)
        if result is not None:
            yield result
        folders[:] = sorted(folder for folder in folders if not _is_part(folder, result))


def _begun(folder: Path, files: Iterable[str], dataset: str) -> str | None:
    """Return the kind of a result without a summary, of this dataset; None if nothing was begun."""
    if "summary.json" in files:
        return None
    if LEDGER in files:
        return "segmentation"
    begun = Identity.beside(folder)
    if begun is None or begun.kind not in KINDS or begun.data.get("name") != dataset:
        return None
    return begun.kind


def _is_part(name: str, result: FinishedCommand[Any] | None) -> bool:
    """Return whether a folder is a Zarr volume, or a part of the result that contains it."""
    parts = PARTS.get(result.kind, ()) if result else ()
    return name.endswith(".zarr") or any(fnmatchcase(name, pattern) for pattern in parts)


def _say_unread(error: OSError) -> None:
    text = "a folder of results must be one that can be read, but {} is not ({}); {}."
    print(f"warning: {text.format(error.filename, error.strerror, LEFT_OUT)}", file=sys.stderr)


def _is_whole(result: FinishedCommand[Any]) -> bool:
    try:
        result.summary  # noqa: B018 (read here, and cached)
    except ValueError as error:
        file = result.folder / "summary.json"
        text = f"a record must be whole, but {file} is damaged ({error}); {LEFT_OUT}."
        print(f"warning: {text}", file=sys.stderr)
        return False
    return True


def with_origin(record: Any) -> Any:
    """Validate the origin of a ``summary.json`` if its kind is shown; return it unchanged."""
    if (kind := kind_of(record)) in ORIGINS:
        typed(ORIGINS[str(kind)], record)
    return record


def _read(folder: Path) -> FinishedCommand[Any] | None:
    """Read the result of a folder; None if it is of another command, or damaged (which warns)."""
    try:
        record = read_json(folder / "summary.json", with_origin, remedy=LEFT_OUT)
    except UserError as error:
        print(f"warning: {error}", file=sys.stderr)
        return None
    kind = kind_of(record)
    return next((FinishedCommand(name, folder, record) for name in KINDS if name == kind), None)
