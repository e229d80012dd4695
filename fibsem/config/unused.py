"""Keys that have no effect with the values of other keys, or that a command does not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Conditions on the value of another key: above a number, null, or given.
ABOVE_0, ABOVE_1, NOT_GIVEN, GIVEN = " above 0", " above 1", "=null", " that is given"
#: Another key, and the values or the condition under which a key is used.
With = tuple[str, tuple[str | bool, ...] | str]


def _single_conditions(**needs: With) -> dict[str, tuple[With, ...]]:
    """Return conditions of training keys that depend on one other training key."""
    return {f"train.{key}": ((f"train.{other}", which),) for key, (other, which) in needs.items()}


#: Conditions of each key, one of which is enough; if none is met the key has no effect.
USED_WITH: dict[str, tuple[With, ...]] = {
    **_single_conditions(
        batch=("mode", ("patch",)),
        windows=("mode", ("grid",)),
        grid=("mode", ("grid",)),
        momentum=("optimizer", ("muon", "sgd", "nesterov")),
        weight_decay=("optimizer", ("muon", "adamw")),
        decay=("schedule", ("step",)),
        decay_every=("schedule", ("step", "cyclic")),
        min_learning_rate=("schedule", ("step", "cosine", "wsd")),
        loss_weight=("loss", ("bce_dice", "bce_iou", "bce_porosity")),
        shift_sd=("shift_probability", ABOVE_0),
        shift_probability=("shift_sd", ABOVE_0),
        teacher=("teacher_share", ABOVE_0),
        teacher_share=("teacher", GIVEN),
    ),
    "train.loss": (("train.loss", ("bce",)), ("train.loss_weight", ABOVE_0)),
    "train.min_steps": (("train.mode", ("patch",)), ("train.steps", NOT_GIVEN)),
    "train.share": (
        ("train.mode", ("patch",)), ("train.steps", NOT_GIVEN), ("train.validation", ("lattice",)),
    ),
    "search.grid.points": (("search.sampler", ("grid",)),),
    "search.nsga2.population": (("search.sampler", ("nsga2",)),),
    "search.hyperband.epochs": (("search.sampler", ("hyperband",)),),
    "search.patient.patience": (("search.pruner", ("patient",)),),
    "search.pruner_warmup": (("search.pruner", ("median", "halving", "hyperband", "patient")),),
    "search.startup_trials": (
        ("search.sampler", ("tpe", "cmaes", "bayesian")),
        ("search.pruner", ("median", "patient")),
    ),
    "search.memory_gib": (("search.isolate", (False,)),),
    "budget": (("plan", NOT_GIVEN),),
    "budget_is": (("budget", GIVEN), ("plan", GIVEN)),
    "candidates": (("ensemble_of", ("seeds",)),),
    "rank.seeds": (("rank.k", ABOVE_1),),
    "rank.seed": (("rank.k", ABOVE_1),),
    "final.shift_sd": (("final.shift_probability", ABOVE_0),),
    "final.shift_probability": (("final.shift_sd", ABOVE_0),),
    "workers": (("scheduler", NOT_GIVEN),),
    "reason": (("rollback", (True,)),),
    **dict.fromkeys(("block_voxels", "face", "draws"), (("blocks", ABOVE_0),)),
    "mesh_cell": (("mesh", ("stl", "ply")),),
    "data.name": (("data.path", NOT_GIVEN),),
    "data.root": (("data.path", NOT_GIVEN),),
    "data.phantom": (("data.path", NOT_GIVEN),),
    "data.download": (("data.path", NOT_GIVEN),),
}  # fmt: skip
#: Condition of all keys in a group.
OF_GROUP: dict[str, With] = {"segmentation": ("segment", (True,))}
#: Keys that decide whether a model's hyperparameter has an effect.
OF_MODEL = {"model.slices": ("nbhd",)}
#: Training keys that a model without epochs, which is fitted in one call, reads.
FITTED = ("mode", "batch", "share", "min_steps", "rare_windows", "validation", "val_all", "test",
          "init", "teacher", "teacher_share")  # fmt: skip

#: Groups of ``conf/base.yaml`` that a command has but does not read, and the reason.
_BY_TRIALS = "a promotion takes it from the trials"
_BY_MODEL = "a segmentation takes it from the model"
_NO_TRAINING = "an inspection trains nothing"
_NO_SEARCH = "only python -m fibsem.sweep searches"
_NO_NETWORK = "a report trains nothing"
_OF_TWO = "a comparison reads two finished evaluations"
_OF_REPORT = (
    "nbhd", "model", "train", "sampling", "seed", "preprocess", "search", "space", "split", "data",
    "folders", "overwrite",
)  # fmt: skip
NOT_READ: dict[str, dict[str, str]] = {
    "train": {"search": _NO_SEARCH, "space": _NO_SEARCH},
    "evaluate": {"search": _NO_SEARCH, "space": _NO_SEARCH},
    "promote": {
        **dict.fromkeys(("nbhd", "model", "train", "preprocess", "sampling"), _BY_TRIALS),
        "search": _NO_SEARCH, "space": _NO_SEARCH,
    },
    "segment": {
        **dict.fromkeys(("data", "nbhd", "model", "train", "split", "preprocess"), _BY_MODEL),
        **dict.fromkeys(("sampling", "seed"), "a segmentation draws nothing"),
        "search": _NO_SEARCH, "space": _NO_SEARCH,
    },
    "inspect": {
        **dict.fromkeys(("nbhd", "model", "train", "sampling", "seed"), _NO_TRAINING),
        "search": _NO_SEARCH, "space": _NO_SEARCH, "overwrite": "it looks anew each time",
    },
    "report": {
        **dict.fromkeys(("nbhd", "model", "train", "sampling", "seed", "preprocess"), _NO_NETWORK),
        "search": _NO_SEARCH, "space": _NO_SEARCH, "overwrite": "it is written anew each time",
    },
    "compare": dict.fromkeys(
        ("nbhd", "model", "train", "sampling", "seed", "preprocess", "search", "space", "split",
         "data", "seeds", "evaluation", "budget", "budget_is", "plan", "overwrite", "tracking"),
        _OF_TWO,
    ),
    "lineage": dict.fromkeys((*_OF_REPORT, "repoint"), "a lineage is read from one result"),
    "repoint": dict.fromkeys((*_OF_REPORT, "output"), "only the store is repaired"),
}  # fmt: skip


def used_with(key: str) -> tuple[str, ...]:
    """Return the dotted keys that decide whether a key has an effect; empty if it always has.

    >>> used_with("train.batch"), used_with("model.slices"), used_with("seed")
    (('train.mode',), ('nbhd',), ())
    """
    return OF_MODEL.get(key) or tuple(other for other, _ in _needs(key))


def why_unused(key: str, now: Mapping[str, Any]) -> str | None:
    """Explain why a key has no effect, by the keys it depends on; None if it has an effect.

    Parameters
    ----------
    key
        Dotted key, as it is typed.
    now
        Values of other keys, by dotted key; conditions on missing keys count as met.

    Examples
    --------
    >>> why_unused("train.batch", {"train.mode": "grid"})
    'it is of train.mode=patch, and here that is grid'
    >>> why_unused("train.min_steps", {"train.mode": "grid", "train.steps": 50})
    'it is of train.mode=patch or train.steps=null, and here those are grid and 50'
    """
    needs = _needs(key)
    if not needs or any(other not in now or _is_met(now[other], which) for other, which in needs):
        return None
    others = [(other, which) for other, which in needs if other != key]
    named = " or ".join(f"{other}{_condition_text(which)}" for other, which in others)
    shown = " and ".join(_shown(now[other]) for other, _ in others)
    return f"it is of {named}, and here {'that is' if len(others) == 1 else 'those are'} {shown}"


def not_read(key: str, command: str) -> str | None:
    """Explain why a command does not read a key that it has; None if it reads it.

    ``evaluate compare=[A,B]`` is the command ``compare``; ``report`` with ``lineage=`` or
    ``repoint=`` is a command of that name.

    >>> not_read("train.epochs", "promote"), not_read("train.epochs", "train")
    ('a promotion takes it from the trials', None)
    """
    return NOT_READ.get(command, {}).get(key.partition(".")[0])


def _needs(key: str) -> tuple[With, ...]:
    """Return the conditions of a key, or of its group."""
    group, dot, _ = key.partition(".")
    return (OF_GROUP[group],) if dot and group in OF_GROUP else USED_WITH.get(key, ())


def _is_met(value: Any, which: tuple[str | bool, ...] | str) -> bool:
    """Return whether a value of another key meets a condition."""
    if isinstance(which, tuple):
        return value in which
    if which == ABOVE_1:
        return bool(value > 1)
    return value is None if which == NOT_GIVEN else bool(value)


def _condition_text(which: tuple[str | bool, ...] | str) -> str:
    """Return a condition as text, with values as users type them."""
    if isinstance(which, str):
        return which
    return f"={' or '.join(map(_shown, which))}"


def _shown(value: Any) -> str:
    """Return a value as users type it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
