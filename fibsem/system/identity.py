"""What a result was computed from: kept beside it, and compared before it is used again.

Settings and data are compared one by one, so that a refusal can say what differs.
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

#: Where it is kept, in the folder of the results.
FILE = "identity.json"
#: What a segmentation goes on from, which is there before its summary.
LEDGER = "ledger.json"
#: Keys of a ``summary.json`` by which the kind of the results is known.
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
    "lineage": ("lineage",),  # which others have, too: it is the last
}
#: Differences that are named.
MOST_NAMED = 4

#: Value of a key that one of two identities does not have.
ABSENT = "none"


@dataclass(frozen=True)
class Identity(Stored):
    """What a result was computed from.

    Attributes
    ----------
    kind
        What was computed, in a word: ``training``, ``sweep``, ``evaluation`` and so on.
    settings
        Every setting that counts, by dotted key.
    data
        Digests by what of the data they are of; ``hash`` is that of all.
    """

    kind: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any]

    def __post_init__(self) -> None:
        for part in ("settings", "data"):  # as they are read back: lists, no tuples
            plain = json.loads(json.dumps(dict(getattr(self, part)), default=str))
            object.__setattr__(self, part, plain)

    @cached_property
    def hash(self) -> str:
        """Sixteen hex digits, for records that lie among others."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @classmethod
    def beside(cls, folder: Path) -> Identity | None:
        """The identity beside the results in a folder; None where it is not there, or damaged."""
        return known_json(folder / FILE, cls.from_json)

    def write(self, folder: Path) -> None:
        """Keep it beside the results."""
        write_json(folder / FILE, self.to_json())

    def check(
        self,
        before: Identity,
        where: object,
        *,
        defaults: Callable[[], Mapping[str, Any]] = dict,
        remedy: str | None = None,
    ) -> None:
        """Refuse to go on from results of another identity.

        Parameters
        ----------
        before
            That of the results.
        where
            They lie.
        defaults
            Values of the settings that are younger than the results.
        remedy
            What the user can do; by default another output, the former settings, or to begin anew.

        Raises
        ------
        UserError
            Names what differs, then and now.
        """
        remedy = remedy or f"another output, the former settings or {OVERWRITE.at('true')}"
        must = f"`output` must be a new folder or hold the same {self.kind}"
        if before.kind != self.kind:
            raise UserError(
                f"{must}, but {where} holds {_one(before.kind)}; the choices are {remedy}."
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
    own: Iterable[str],
    *,
    overwrite: bool = False,
    former: Callable[[], Identity | None] = lambda: None,
    defaults: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Go on with the results of a folder, or begin them; from here on they are of ``now``.

    Parameters
    ----------
    folder, now
        Where, and what they are computed from.
    own
        Patterns of the files that ``overwrite`` removes: all that such results consist of.
    overwrite
        Begin anew, whatever they were computed from, and even if they are damaged.
    former
        Says it of results that lie there without an identity, as versions before left them; None
        where there are none.
    defaults
        Values of settings that are younger than the results.

    Raises
    ------
    UserError
        If the folder holds results of something else; names what differs.
    """
    kept = Identity.beside(folder)
    if kept is None:
        check_others(folder, now.kind)
    if overwrite:
        if kept and kept.kind != now.kind:
            now.check(kept, folder, remedy="another output")
        remove_own(folder, [*own, FILE])  # the identity last: killed here, nothing is mixed
    elif (before := kept or former()) is not None:
        now.check(before, folder, defaults=defaults)
    if overwrite or kept != now:
        now.write(folder)


def tell_removed(
    folder: Path, now: Identity, *, end: str = "summary.json", say: Callable[[str], None] = print
) -> None:
    """Say that what is begun anew was stopped before its end, and would have been gone on with.

    Parameters
    ----------
    folder, now
        As of :func:`settle`, which removes it.
    end
        The file that is there when all is done.
    say
        Called with the warning.
    """
    if Identity.beside(folder) == now and not (folder / end).exists():
        say(
            f"warning: {OVERWRITE.at('true')} removes what was done so far of this {now.kind} in "
            f"{folder}; without it the same settings go on from there"
        )


def kind_of(record: object) -> str | None:
    """Which kind of results a ``summary.json`` is of; None of those of no command."""
    if not isinstance(record, dict):
        return None
    return next((kind for kind, keys in KEYS.items() if all(key in record for key in keys)), None)


def check_others(folder: Path, kind: str) -> None:
    """Refuse to write over results of another kind, as far as they can be read.

    Raises
    ------
    UserError
        If the folder holds what another command made, or the summary of some other program.
    """
    before, summary = Identity.beside(folder), known_json(folder / "summary.json")
    if before is not None:
        made_by: str | None = before.kind
    elif (folder / LEDGER).exists():
        made_by = "segmentation"
    else:
        made_by = kind if summary is None else kind_of(summary)
    if made_by != kind:
        what = "other results" if made_by is None else _one(made_by)
        raise UserError(
            f"`output` must be a new folder or hold {_one(kind)}, but {folder} holds {what}; the "
            "choices are another output or none."
        )


def _one(kind: str) -> str:
    """A kind of results with its article.

    >>> _one("inspection"), _one("sweep")
    ('an inspection', 'a sweep')
    """
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def differences(
    before: Identity, now: Identity, defaults: Callable[[], Mapping[str, Any]] = dict
) -> Iterator[str]:
    """What differs between two identities: key, then, now."""
    yield from _of_settings(before.settings, now.settings, defaults)
    yield from _of_data(before.data, now.data)


def _of_settings(
    before: Mapping[str, Any], now: Mapping[str, Any], defaults: Callable[[], Mapping[str, Any]]
) -> Iterator[str]:
    younger = now.keys() - before.keys()
    if younger:
        before = {**{key: value for key, value in defaults().items() if key in younger}, **before}
    other_model = before.get("model.name") != now.get("model.name")
    for key in sorted(before.keys() | now.keys(), key=lambda key: (key != "model.name", key)):
        if other_model and key.startswith("model.") and key != "model.name":
            continue  # each has its own
        then, today = before.get(key, ABSENT), now.get(key, ABSENT)
        if then != today:
            yield f"{key} ({_short(then)}, now {_short(today)})"


def _of_data(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if before.keys() == {"hash"}:  # of a version that kept no more
        if not same_data(before["hash"], now.get("hash")):
            yield f"data ({_short(before['hash'])}, now {_short(now.get('hash', ABSENT))})"
        return
    for key in {**before, **now}:
        then, today = before.get(key, ABSENT), now.get(key, ABSENT)
        if then != today and key != "hash":
            yield f"{key} ({_short(then)}, now {_short(today)})"


def _short(value: Any) -> str:
    """A value as a message can hold it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def same_data(one: str | None, other: str | None) -> bool:
    """Whether two hashes are of the same dataset.

    Versions that looked at three slices of each film wrote the first part alone.

    >>> same_data("e12d92aee181-5ab0c9d1e2f3", "e12d92aee181")
    True
    >>> same_data("e12d92aee181-5ab0c9d1e2f3", "e12d92aee181-77aa00bb11cc")
    False
    """
    if one is None or other is None:
        return False
    return one == other or one.partition("-")[0] == other or other.partition("-")[0] == one
