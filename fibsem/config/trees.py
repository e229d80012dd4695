"""Keys of a configuration that change results, and the output folder of a command."""

from __future__ import annotations

import copy
import glob
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fibsem.config.commands import compose
from fibsem.config.configuration import Configuration
from fibsem.config.promotion import SETTINGS
from fibsem.config.reading import Tree, flat, read_path
from fibsem.config.runs import AUTO
from fibsem.config.training import TrainConfig
from fibsem.config.typed import typed_values
from fibsem.system.file_names import part_name
from fibsem.system.identity import Identity, differences, same_data

#: Keys that do not change results, only their number, their folder, and messages. ``data`` is one
#: of them, since datasets are compared by their digests.
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

#: Defaults of the previous version. Unless such a key is typed, a notice names results with its
#: former default before new results are begun.
FORMER_DEFAULTS: Mapping[str, object] = {"train.steps": None}

#: Folder of all results that are given no other.
OUTPUTS = Path("outputs")
#: Files by which results of earlier versions, without an identity, are recognised.
RESULTS = ("summary.json", "result.json", "run.json", "study.db", "trials")
#: Keys of `OUTSIDE` that nevertheless count for the names of folders.
NAMING = ("data",)

#: Sections of the configuration that a training reads.
TRAINING = ("nbhd", "seed", "split", "sampling", "preprocess", "model", "train")
#: Sections that each command reads; their keys, except `OUTSIDE`, are the identity of results.
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
#: Newer keys, which count for the name of a folder only if they differ from these values.
WHERE_SET = {
    "pattern": None, "series": None, "sparse": False, "valid": "auto", "symmetry": 1,
    "ensemble_of": "seeds",
}  # fmt: skip
#: Commands whose folders are named only by the keys in `READ_BY`.
NAMED_BY_WHAT_THEY_READ = ("promote", "segment")


def settings_of(command: str, tree: Tree) -> dict[str, object]:
    """Return every setting that changes the results of a command, by dotted key.

    Automatic values of a training are resolved.

    Examples
    --------
    ```python
    settings_of("train", compose("train", ["train.epochs=5"]))["train.epochs"]
    ```
    """
    values = {key: tree[key] for key in READ_BY[command] if key in tree}
    counting = {key: value for key, value in flat(values) if not is_outside(key)}
    if "model" not in values:
        return counting
    if tree["model"]["name"] == AUTO:  # cannot be resolved before an architecture is drawn
        train = TrainConfig.of(tree["train"]).settings
        return {**counting, **dict(flat({"train": train}))}
    others = {key: value for key, value in counting.items() if key.split(".")[0] not in TRAINING}
    return {**Configuration(tree).run.settings, **others}


def defaults_of(command: str, settings: Mapping[str, object]) -> dict[str, object]:
    """Return the default values of :func:`settings_of` for the same model.

    For network and training these are the values of earlier versions, which did not have the key.

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
    """Return whether a dotted key, or a section that it lies in, does not change results."""
    return any(key == outside or key.startswith(f"{outside}.") for outside in OUTSIDE)


def settings_hash(tree: Tree) -> str:
    """Return eight hex digits that depend on ``data`` and all settings that change results.

    Examples
    --------
    ```python
    settings_hash(compose("train")) == settings_hash(compose("train", ["output=here"]))
    ```
    """
    settings = copy.deepcopy(tree)
    for key in OUTSIDE:
        if key in NAMING:
            continue
        *path, last = key.split(".")
        node = settings
        for step in path:
            node = node.get(step, {})
        node.pop(last, None)
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def output_folder(
    command: str, tree: Tree, dataset: str, *words: str, data: str | None = None
) -> Path:
    """Return the output folder of a command: as given, or named after its settings.

    A version with other keys may have given another name to the same results: such a folder is
    found by its identity, settings and hash of the ``data``. Folders of versions without an
    identity are named in a notice, and so is one that only has `FORMER_DEFAULTS`.

    Examples
    --------
    ```python
    output_folder("train", compose("train", ["output=here"]), "demo")
    ```
    """
    if tree.get("output") not in (None, ""):
        return read_path(tree["output"], "output")
    folder_title = "-".join([part_name(dataset), *words])
    folder = _named_folder(command, tree, folder_title)
    if folder.exists() or command not in ("train", "sweep", "evaluate", "promote"):
        return folder
    if tree.get("compare"):  # a comparison is named by the two evaluations alone
        return folder
    typed = typed_values(tree.get("command") or "")
    changed = {key: value for key, value in FORMER_DEFAULTS.items() if key not in typed}
    if tree.get("budget") or tree.get("plan"):  # only results of a budget have such steps
        former = _named_folder(command, _with_values(tree, changed), folder_title)
        return former if former.exists() else folder
    named = ("trials",) if tree.get("study") else ("trials", "study")  # derived from the folder
    others, settings = _others(folder, data), settings_of(command, tree)
    same = partial(_same_results, others, named=named, defaults=partial(defaults_of, command))
    if begun := same(settings):
        return begun
    _tell_of(_without_identity(others), changed, same({**settings, **changed}))
    return folder


def _named_folder(command: str, tree: dict[str, Any], title: str) -> Path:
    """Return the folder named after a title and the settings that count for the command."""
    counting = tree
    if command in NAMED_BY_WHAT_THEY_READ:
        keys = READ_BY[command]
        counting = {key: tree[key] for key in keys if tree[key] != WHERE_SET.get(key, ...)}
    return OUTPUTS / command / f"{title}-{settings_hash(counting)}"


def _with_values(tree: Tree, values: Mapping[str, object]) -> Tree:
    """Return a copy of a tree with other values of dotted keys that it has."""
    changed = copy.deepcopy(tree)
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        if name in changed.get(section, {}):
            changed[section][name] = value
    return changed


def _others(folder: Path, data: str | None) -> list[Path]:
    """Return existing folders of a title, without those whose results are of other data."""
    title, digits = folder.name.rpartition("-")[0], "[0-9a-f]" * 8
    others = sorted(folder.parent.glob(f"{glob.escape(title)}-{digits}"))
    return [folder for folder in others if not _is_of_other_data(folder, data)]


def _is_of_other_data(folder: Path, data: str | None) -> bool:
    """Return whether the results in a folder are certainly of other data."""
    before = Identity.beside(folder)
    then = before.data.get("hash") if before else None
    return None not in (then, data) and not same_data(then, data)


def _same_results(
    folders: Iterable[Path],
    settings: Mapping[str, Any],
    *,
    named: Sequence[str],
    defaults: Callable[[Mapping[str, object]], Mapping[str, object]],
) -> Path | None:
    """Return the first of some folders with the same settings, or None.

    Parameters
    ----------
    folders, settings
        Folders to look in, and settings to look for.
    named
        Settings that may differ, as they are derived from the folder.
    defaults
        Returns values of settings that an earlier version did not have.
    """
    for folder in folders:
        if before := Identity.beside(folder):
            derived = {key: before.settings[key] for key in named if key in before.settings}
            now = replace(before, settings={**settings, **derived})
            if not list(differences(before, now, partial(defaults, now.settings))):
                return folder
    return None


def _without_identity(folders: Iterable[Path]) -> list[Path]:
    """Return the folders with results of a version that wrote no identity."""
    return [
        folder
        for folder in folders
        if Identity.beside(folder) is None and any((folder / name).exists() for name in RESULTS)
    ]


def _tell_of(older: Sequence[Path], changed: Mapping[str, object], former: Path | None) -> None:
    """Print which results of earlier versions can be continued, and with which options.

    Parameters
    ----------
    older
        Folders without an identity.
    changed, former
        Former defaults, and the folder whose settings differ by them alone.
    """
    if older:
        print(
            "a new folder is begun; those of a version that named them otherwise can be gone on "
            f"with by output=: {', '.join(map(str, older))}"
        )
    if former:
        keys = " ".join(f"{key}={json.dumps(value)}" for key, value in changed.items())
        print(f"a new folder is begun; {former} has the former default, and goes on with {keys}")
