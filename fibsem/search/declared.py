"""The space that a configuration declares, read and checked against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from fibsem.config import AUTO, Configuration, Tree, flat, require
from fibsem.config.unused import used_with
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.spec import MAX_HEAD, MODELS, Padding, resolve
from fibsem.search.space import GEOMETRY, Axis, Choice, Conditions, Limit, Range, Space, Values

#: Where keys are by which trials may differ; those among them that say what trials are judged by.
SWEPT = ("nbhd", "model", "train", "preprocess", "seed")
COMPARED_BY = ("train.validation", "train.test")
#: With the thesis's validation also this: it says how many pixels the lattice has.
LATTICE = ("train.share",)


def read_space(tree: Tree) -> Space:
    """The space of a configuration, restricted to its neighbourhood and padding.

    Raises
    ------
    UserError
        If an axis is no key of the configuration, or has no value, or hangs on an axis that is not
        before it.

    Examples
    --------
    >>> from fibsem.config import compose
    >>> space = read_space(compose("sweep", ["model=2dcnn", "nbhd=33x33x3"]))
    >>> next(iter(space.plan(0)))["model.filters"]
    32
    """
    given, declared = Configuration(tree), tree["space"]
    by_lattice = tree["train"]["validation"] == "lattice"
    axes: dict[str, Axis] = {}
    conditions: dict[str, Conditions] = {}
    for key, axis, when in _axes(declared["axes"]):
        given.with_values({key: None})  # refuses a key that the configuration does not have
        compared = key in COMPARED_BY or (by_lattice and key in LATTICE)
        sweepable = key.partition(".")[0] in SWEPT and not compared
        require("space.axes", key, sweepable, f"keys of {', '.join(SWEPT)}, by which trials of "
                "the same data, judged by the same labels, may differ")  # fmt: skip
        for other in when:
            if other not in axes:
                raise UserError(
                    f"`space.axes.{key}.when` must name axes before it, but got {other!r}; "
                    f"before it are {', '.join(axes) or 'none'}."
                )
        axes[key] = axis
        if when:
            conditions[key] = when
    enumerated = tuple(declared.get("enumerate") or ())
    for key in enumerated:
        if key not in axes or key in conditions:
            raise UserError(
                f"`space.enumerate` must name unconditional axes of the space, but got {key!r}; "
                f"the choices are {', '.join(k for k in axes if k not in conditions)}."
            )
    if tree["model"]["name"] == AUTO:
        _check_architecture(tree["search"]["backend"], declared["name"], axes)
    padding, flat_tree = tree["model"]["padding"], dict(flat(tree))
    fixed = {key: flat_tree.get(key) for key in GEOMETRY}
    return Space(
        declared["name"], axes, enumerated, int(declared.get("strata", 5)),
        lambda values: _fits(padding, {**fixed, **values}), conditions,
        tuple(_limits(declared.get("limits") or (), axes)),
    )  # fmt: skip


def one_of_each(given: Configuration, space: Space) -> list[Configuration]:
    """A training of every architecture of a sweep; what all have in common, the first one says."""
    if given.tree["model"]["name"] != AUTO:
        return [given]
    named: dict[str, Values] = {}
    for point in islice(space.plan(0), 10 * space.architectures):
        named.setdefault(point["model.name"], point)
    return [given.with_values(point) for point in named.values()]


def repeats(space: Space, drawn: int) -> str | None:
    """What is said of more draws than a space has points; None where each can be another one.

    Examples
    --------
    >>> few = Space("few", {"model.blocks": Choice((2, 3))}, (), strata=1, fits=lambda given: True)
    >>> repeats(few, 2), repeats(few, 3)  # doctest: +ELLIPSIS
    (None, 'space few has 2 points for 3 trials: some come again, with the same result; ...')
    """
    if drawn <= space.size:
        return None
    return (
        f"space {space.name} has {space.size:.0f} points for {drawn} trials: some come again, "
        "with the same result; search.sampler=grid takes each once"
    )


def check_used(whys: Mapping[str, Sequence[str | None]]) -> None:
    """Refuse to search over what does nothing: what is compared then is luck.

    Parameters
    ----------
    whys
        Of each axis, why it does nothing in each of some trainings; None where it does.

    Raises
    ------
    UserError
        If an axis does nothing in any, and what it is used with is no axis either.
    """
    for key, those in whys.items():
        if all(those) and not any(other in whys for other in used_with(key)):
            raise UserError(
                f"`space.axes.{key}` must change something, but {those[0]}; ~space.axes.{key} "
                "takes it out."
            )


def _check_architecture(backend: str, space: str, axes: Mapping[str, Axis]) -> None:
    """Refuse a sweep over architectures where nothing could draw them."""
    models = ", ".join(MODELS)
    if backend != "optuna":  # whose oracles draw every axis, also those that do not exist
        raise UserError(
            f"`search.backend` must be optuna with model=auto, but got {backend}; the choices are "
            f"search=default or one model of {models}."
        )
    if "model.name" not in axes:
        raise UserError(
            f"`model=auto` needs the axis model.name, but space={space} has none; "
            f"the choices are space=auto or one model of {models}."
        )


def _limits(declared: Sequence[Mapping[str, Any]], axes: Mapping[str, Axis]) -> Iterator[Limit]:
    """Read ``space.limits``: ``when`` as of an axis, and what others have left then."""
    for entry in declared:
        legal = isinstance(entry, dict) and isinstance(entry.get("when"), dict)
        require("space.limits", entry, legal, "a list of axes with what they have left, and `when`")
        parts = (entry["when"], {k: v for k, v in entry.items() if k != "when"})
        when, left = ({key: tuple(values) for key, values in flat_lists(part)} for part in parts)
        for key in (*when, *left):
            if key not in axes:
                raise UserError(
                    f"`space.limits` must name axes of the space, but got {key!r}; the choices are "
                    f"{', '.join(axes)}."
                )
        yield Limit(when, left)


def _fits(padding: Padding, values: Values) -> bool:
    """Whether a network with these values exists; a head that is a convolution, not too wide."""
    others = [key for key in GEOMETRY if key not in ("nbhd", "model.name")]
    given = {key.removeprefix("model."): values.get(key) for key in others}
    if all(value is None for value in given.values()):
        return True
    try:
        head = resolve(values["model.name"], Nbhd.parse(values["nbhd"]), padding, given).head
    except UserError:
        return False
    return head is None or padding == "same" or head <= MAX_HEAD


def _axes(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Axis, Conditions]]:
    """Walk nested axes: a list is a choice, low and high are a range, anything else a group.

    ``values`` beside ``when`` is a choice that exists for some values of another axis.
    """
    for name, node in tree.items():
        key = f"{path}{name}"
        when: dict[str, tuple[Any, ...]] = {}
        if isinstance(node, dict) and "when" in node:
            when = {other: tuple(values) for other, values in flat_lists(node["when"])}
            node = {k: v for k, v in node.items() if k != "when"}
        if isinstance(node, dict) and set(node) == {"values"}:
            node = node["values"]
        if isinstance(node, list):
            if not node:
                raise UserError(f"`space.axes.{key}` must have at least one value, but is empty.")
            yield key, Choice(tuple(node)), when
        elif isinstance(node, dict) and "low" in node and "high" in node:
            yield key, _range(key, node), when
        elif isinstance(node, dict):
            yield from _axes(node, f"{key}.")
        elif node is not None:  # null takes an axis out
            yield key, Choice((node,)), when


def flat_lists(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Dotted keys and lists of values of a nested mapping; a single value is a list of one."""
    for name, node in tree.items():
        if isinstance(node, dict):
            yield from flat_lists(node, f"{path}{name}.")
        else:
            yield f"{path}{name}", node if isinstance(node, list) else [node]


def _range(key: str, node: Mapping[str, Any]) -> Range:
    unknown = set(node) - {"low", "high", "log", "int"}
    low, high, log = float(node["low"]), float(node["high"]), bool(node.get("log", False))
    if unknown or not low < high or (log and low <= 0):
        raise UserError(
            f"`space.axes.{key}` must have low < high (and low > 0 with log), and nothing else but "
            f"log and int, but got {dict(node)}."
        )
    return Range(low, high, log, bool(node.get("int", False)))
