"""Trees by key: what of one counts, and the folder of a command."""

from __future__ import annotations

import copy
import glob
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fibsem.config.commands import compose
from fibsem.config.configuration import Configuration
from fibsem.config.promotion import SETTINGS
from fibsem.config.reading import Tree, flat, read, read_path
from fibsem.config.runs import AUTO
from fibsem.config.training import TrainConfig
from fibsem.system.file_names import part_name
from fibsem.system.identity import Identity, differences, same_data

#: Keys that do not change what is computed, only how much of it, where and how it is told. Where
#: the data lie is one of them: what they are, their digests say.
OUTSIDE = (
    "command",
    "output",
    "overwrite",
    "tracking",
    "data",
    "seeds",
    "search.trials",
    "search.max_seconds",
    "search.memory_gib",
    "search.workers",
    "search.isolate",
    "search.storage",
    "search.retries",
    "search.max_failures",
    "search.heartbeat_s",
    "search.grace_s",
    "search.stall_s",
    "search.patience_s",
    "search.keep",
    "search.dry_run",
)

#: Files by which a folder of a version that kept no identity is known to hold results.
RESULTS = ("summary.json", "result.json", "run.json", "study.db", "trials")
#: Keys of `OUTSIDE` by which folders have always been named.
NAMING = ("data",)

#: What a training reads of a tree.
TRAINING = ("nbhd", "seed", "split", "sampling", "preprocess", "model", "train")
#: What each command reads. All of it that is not `OUTSIDE` is the identity of its results.
READ_BY = {
    "train": TRAINING,
    "evaluate": (*TRAINING, "evaluation"),
    "sweep": (*TRAINING, "search", "space", "study"),
    "simulate": ("phantom", "layout"),
    "promote": SETTINGS,
    "segment": (
        "volume", "weights", "range", "voxel_nm", "format", "precision", "probabilities",
        "uncertainty", "missing", "min_volume_nm3", "pattern", "series", "sparse", "valid",
        "symmetry",
    ),
}  # fmt: skip
#: Keys of `READ_BY` that name a folder only where they are set: there was a time without them.
WHERE_SET = {
    "pattern": None, "series": None, "sparse": False, "valid": "auto", "symmetry": 1,
    "ensemble_of": "seeds",
}  # fmt: skip
#: Commands that take from a model or from trials what others take from the configuration.
NAMED_BY_WHAT_THEY_READ = ("promote", "segment")


def settings_of(command: str, tree: Tree) -> dict[str, object]:
    """Every setting that counts for the results of a command, by dotted key.

    Those of a training are resolved: an automatic choice is what it came to.

    Examples
    --------
    ```python
    settings_of("train", compose("train", ["train.epochs=5"]))["train.epochs"]
    ```
    """
    given = {key: tree[key] for key in READ_BY[command] if key in tree}
    counting = {key: value for key, value in flat(given) if not is_outside(key)}
    if "model" not in given:
        return counting
    if tree["model"]["name"] == AUTO:  # nothing is resolved before an architecture is drawn
        train = read(TrainConfig, tree["train"], "train").settings
        return {**counting, **dict(flat({"train": train}))}
    others = {key: value for key, value in counting.items() if key.split(".")[0] not in TRAINING}
    return {**Configuration(tree).run.settings, **others}


def defaults_of(command: str, settings: Mapping[str, object]) -> dict[str, object]:
    """What :func:`settings_of` gives where nobody set anything, for the same model.

    Of network and training that is what was so before there was a choice, not what is usual now.

    Examples
    --------
    ```python
    settings = settings_of("train", compose("train", ["train.epochs=5"]))
    before = defaults_of("train", settings)
    {key for key, value in settings.items() if before.get(key) != value}
    ```
    """
    model = settings.get("model.name")
    tree = compose(command, [f"model={model}"] if model else [])
    former = {key: tree["model"][key] for key in ("name", "padding")}
    return settings_of(command, {**tree, "model": former, "train": {}})


def is_outside(key: str) -> bool:
    """Whether a dotted key, or one that it lies under, does not change what is computed."""
    return any(key == outside or key.startswith(f"{outside}.") for outside in OUTSIDE)


def settings_hash(tree: Tree) -> str:
    """Eight hex digits of everything that changes what is computed, and of where the data lie.

    Examples
    --------
    ```python
    settings_hash(compose("train")) == settings_hash(compose("train", ["output=here"]))
    ```
    """
    kept = copy.deepcopy(tree)
    for key in OUTSIDE:
        if key in NAMING:
            continue
        *path, last = key.split(".")
        node = kept
        for part in path:
            node = node.get(part, {})
        node.pop(last, None)
    text = json.dumps(kept, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def output_folder(
    command: str, tree: Tree, dataset: str, *what: str, data: str | None = None
) -> Path:
    """The folder of a command: as given, or one that the same command always gets again.

    Where a version of other keys has named it otherwise, it is found by what it was computed from,
    settings and, where it is known, the hash of the ``data``: datasets of one name have folders of
    their own. Of versions that kept no such thing, it is said.

    Examples
    --------
    ```python
    output_folder("train", compose("train", ["output=here"]), "demo")
    ```
    """
    if tree.get("output") not in (None, ""):
        return read_path(tree["output"], "output")
    folder = _named_folder(command, tree, "-".join([part_name(dataset), *what]))
    if folder.exists() or command not in ("train", "sweep", "evaluate", "promote"):
        return folder
    if tree.get("compare"):  # its results are named by what it compares alone
        return folder
    if tree.get("budget") or tree.get("plan"):  # what has none is of other steps
        return folder
    named = ("trials",) if tree.get("study") else ("trials", "study")  # as the folder is
    return _former_folder(folder, command, settings_of(command, tree), named, data) or folder


def _named_folder(command: str, tree: dict[str, Any], title: str) -> Path:
    """A folder by a title and by every setting that counts for a command."""
    counting = tree
    if command in NAMED_BY_WHAT_THEY_READ:
        keys = READ_BY[command]
        counting = {key: tree[key] for key in keys if tree[key] != WHERE_SET.get(key, ...)}
    return Path("outputs") / command / f"{title}-{settings_hash(counting)}"


def _former_folder(
    folder: Path, command: str, settings: Mapping[str, Any], named: Sequence[str], data: str | None
) -> Path | None:
    """The folder that a version of other keys gave to these results; None where there is none."""
    title, digits = folder.name.rpartition("-")[0], "[0-9a-f]" * 8
    others = sorted(folder.parent.glob(f"{glob.escape(title)}-{digits}"))
    others = [one for one in others if not _is_of_other_data(one, data)]
    return _same_results(others, settings, named, partial(defaults_of, command))


def _is_of_other_data(folder: Path, data: str | None) -> bool:
    """Whether the results in a folder are known to be of other data than a command's."""
    before = Identity.beside(folder)
    then = before.data.get("hash") if before else None
    return None not in (then, data) and not same_data(then, data)


def _same_results(
    folders: Sequence[Path],
    settings: Mapping[str, Any],
    named: Sequence[str],
    defaults: Callable[[Mapping[str, object]], Mapping[str, object]],
) -> Path | None:
    """The one of some folders with results of these settings; says which do not say theirs.

    Parameters
    ----------
    folders, settings
        Where is looked, and for what.
    named
        Settings that are what they are in each folder.
    defaults
        Gives those of a version before for what it did not know.
    """
    older = []
    for folder in folders:
        before = Identity.beside(folder)
        if before is None:
            if any((folder / name).exists() for name in RESULTS):
                older.append(folder)
            continue
        derived = {key: before.settings[key] for key in named if key in before.settings}
        now = replace(before, settings={**settings, **derived})
        if not list(differences(before, now, partial(defaults, now.settings))):
            return folder
    if older:
        print(
            "a new folder is begun; those of a version that named them otherwise can be gone on "
            f"with by output=: {', '.join(map(str, older))}"
        )
    return None
