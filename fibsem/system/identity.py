"""The identity of a result: its settings and data digests, compared before it is used again.

Settings and digests are compared one by one, so that an error can name the differences.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fibsem.errors import UserError
from fibsem.system.advice import OVERWRITE
from fibsem.system.files import known_json, remove_own, write_json
from fibsem.system.records import Stored

#: File name of an identity in the folder of the results.
FILE = "identity.json"
#: File from which a segmentation resumes; it exists before the summary.
LEDGER = "ledger.json"
#: Keys of a ``summary.json`` that identify the kind of the results.
KEYS: Mapping[str, tuple[str, ...]] = {
    "evaluation": ("groups", "val", "seconds_per_gigapixel"),
    "sweep": ("study", "trials", "parent_run_id"),
    "promotion": ("winner", "version", "gate"),
    "segmentation": ("labels", "porosity", "slabs"),
    "quantification": ("segmentation", "percolates", "porosity_interval"),
    "inspection": ("voxel_nm", "samples", "warnings"),
    "report": ("page", "tables", "figures"),
    "training": ("run_id", "val", "field"),
    "comparison": ("first", "second", "squares", "seeds"),
    "export": ("onnx", "weights"),
    "lineage": ("lineage",),  # last, because other kinds have this key, too
}
#: Most differences that an error names.
MOST_NAMED = 4

#: Value shown for a key that one of two identities lacks.
ABSENT = "none"


@dataclass(frozen=True)
class Identity(Stored):
    """Settings and data from which a result was computed.

    Attributes
    ----------
    kind
        Kind of the result in one word: ``training``, ``sweep``, ``evaluation`` and so on.
    settings
        Every setting that affects the result, by dotted key.
    data
        Digests by part of the data; ``hash`` is the digest of all.
    """

    kind: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name in ("settings", "data"):  # as JSON reads them back: lists instead of tuples
            plain = json.loads(json.dumps(dict(getattr(self, name)), default=str))
            object.__setattr__(self, name, plain)

    @cached_property
    def hash(self) -> str:
        """Digest of the identity, 16 hex digits."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @classmethod
    def beside(cls, folder: Path) -> Identity | None:
        """Read the identity in a folder of results; None if it is missing or damaged."""
        return known_json(folder / FILE, cls.from_json)

    def write(self, folder: Path) -> None:
        """Write the identity into the folder of the results."""
        write_json(folder / FILE, self.to_json())

    def check(
        self,
        before: Identity,
        where: object,
        *,
        defaults: Callable[[], Mapping[str, Any]] = dict,
        remedy: str | None = None,
    ) -> None:
        """Raise an error if existing results have another identity.

        Parameters
        ----------
        before
            Identity of the results.
        where
            Folder or study of the results, for the message.
        defaults
            Returns the values of settings that were introduced after the results were written.
        remedy
            What the user can do; by default another output, the former settings, or overwriting.

        Raises
        ------
        UserError
            If they differ; names the differences with both values.
        """
        remedy = remedy or f"another output, the former settings or {OVERWRITE.at('true')}"
        must = f"`output` must be a new folder or hold the same {self.kind}"
        if before.kind != self.kind:
            raise UserError(
                f"{must}, but {where} holds {_with_article(before.kind)}; the choices are {remedy}."
            )
        differing = list(differences(before, self, defaults))
        if differing:
            named = ", ".join(differing[:MOST_NAMED])
            more = len(differing) - MOST_NAMED
            named += f" and {more} more" if more > 0 else ""
            raise UserError(
                f"{must}, with the same settings and data, but {where} was made with another "
                f"{named}; the choices are {remedy}."
            )


def settle(
    folder: Path,
    now: Identity,
    patterns: Iterable[str],
    *,
    overwrite: bool = False,
    former: Callable[[], Identity | None] = lambda: None,
    defaults: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Start or resume results in a folder, and write the identity ``now`` beside them.

    Parameters
    ----------
    folder, now
        Folder of the results, and their identity.
    patterns
        Patterns of the files that ``overwrite`` removes: all files of such results.
    overwrite
        Start anew, even if existing results of this kind differ or are damaged.
    former
        Returns the identity of results that earlier versions left without one, or None if there
        are none.
    defaults
        Returns the values of settings that were introduced after the results were written.

    Raises
    ------
    UserError
        If the folder holds results of another kind or, without ``overwrite``, of another identity;
        names the differences.
    """
    existing = Identity.beside(folder)
    if existing is None:
        check_others(folder, now.kind)
    if overwrite:
        if existing and existing.kind != now.kind:
            now.check(existing, folder, remedy="another output")
        remove_own(folder, [*patterns, FILE])  # identity last: a kill in between mixes no results
    elif (before := existing or former()) is not None:
        now.check(before, folder, defaults=defaults)
    if overwrite or existing != now:
        now.write(folder)


def tell_removed(
    folder: Path, now: Identity, *, end: str = "summary.json", say: Callable[[str], None] = print
) -> None:
    """Warn that overwriting removes unfinished results which could have been resumed.

    Parameters
    ----------
    folder, now
        Folder and identity, as in :func:`settle`, which removes the results.
    end
        File that exists once the results are complete.
    say
        Called with the warning.
    """
    if Identity.beside(folder) == now and not (folder / end).exists():
        say(
            f"warning: {OVERWRITE.at('true')} removes what was done so far of this {now.kind} in "
            f"{folder}; without it the same settings go on from there"
        )


def kind_of(record: object) -> str | None:
    """Return the kind of results of a ``summary.json``, or None if no command wrote it."""
    if not isinstance(record, dict):
        return None
    return next((kind for kind, keys in KEYS.items() if all(key in record for key in keys)), None)


def check_others(folder: Path, kind: str) -> None:
    """Raise an error if a folder holds results of another kind, as far as they can be read.

    Raises
    ------
    UserError
        If the folder holds results of another command, or a summary of another program.
    """
    before, summary = Identity.beside(folder), known_json(folder / "summary.json")
    if before is not None:
        present: str | None = before.kind
    elif (folder / LEDGER).exists():
        present = "segmentation"
    else:
        present = kind if summary is None else kind_of(summary)
    if present != kind:
        held = "other results" if present is None else _with_article(present)
        raise UserError(
            f"`output` must be a new folder or hold {_with_article(kind)}, but {folder} holds "
            f"{held}; the choices are another output or none."
        )


def _with_article(kind: str) -> str:
    """Return a kind of results with its indefinite article.

    >>> _with_article("inspection"), _with_article("sweep")
    ('an inspection', 'a sweep')
    """
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def differences(
    before: Identity, now: Identity, defaults: Callable[[], Mapping[str, Any]] = dict
) -> Iterator[str]:
    """Yield each difference between two identities: the key, its former and its present value."""
    yield from _setting_differences(before.settings, now.settings, defaults)
    yield from _data_differences(before.data, now.data)


def _setting_differences(
    before: Mapping[str, Any], now: Mapping[str, Any], defaults: Callable[[], Mapping[str, Any]]
) -> Iterator[str]:
    younger = now.keys() - before.keys()
    if younger:
        before = {**{key: value for key, value in defaults().items() if key in younger}, **before}
    other_model = before.get("model.name") != now.get("model.name")
    for key in sorted(before.keys() | now.keys(), key=lambda key: (key != "model.name", key)):
        if other_model and key.startswith("model.") and key != "model.name":
            continue  # each model has its own settings
        then, today = before.get(key, ABSENT), now.get(key, ABSENT)
        if then != today:
            yield f"{key} ({_short(then)}, now {_short(today)})"


def _data_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if before.keys() == {"hash"}:  # earlier versions kept only the hash
        if not same_data(before["hash"], now.get("hash")):
            yield f"data ({_short(before['hash'])}, now {_short(now.get('hash', ABSENT))})"
        return
    for key in {**before, **now}:
        then, today = before.get(key, ABSENT), now.get(key, ABSENT)
        if then != today and key != "hash":
            yield f"{key} ({_short(then)}, now {_short(today)})"


def _short(value: Any) -> str:
    """Return a value as text of at most 60 characters."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def same_data(one: str | None, other: str | None) -> bool:
    """Return whether two hashes are of the same dataset; False if either is None.

    Earlier versions, which hashed three slices of each film, wrote only the first part.

    >>> same_data("e12d92aee181-5ab0c9d1e2f3", "e12d92aee181")
    True
    >>> same_data("e12d92aee181-5ab0c9d1e2f3", "e12d92aee181-77aa00bb11cc")
    False
    """
    if one is None or other is None:
        return False
    return one == other or one.partition("-")[0] == other or other.partition("-")[0] == one
