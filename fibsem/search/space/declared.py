"""Read the search space of a configuration, and check it against the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fibsem.config import AUTO, Configuration, Tree, flat, require
from fibsem.config.unused import used_with
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.pretrained import has_weights
from fibsem.models.spec import MAX_HEAD, MODELS, Padding, resolve
from fibsem.search.space.declared_axes import (
    axes_of,
    begins_with_defaults,
    check_conditions,
    check_names,
    check_values,
    flat_lists,
    strata_of,
)
from fibsem.search.space.space import (
    GEOMETRY,
    Axis,
    Choice,
    Conditions,
    Limit,
    Range,
    Space,
    Values,
)

#: Sections of the configuration whose keys may be axes; and keys in them that may not, since they
#: change the figures by which trials are compared.
SWEPT = ("nbhd", "model", "train", "preprocess", "seed")
COMPARED_BY = ("train.validation", "train.test")
#: Keys of a starting model and a teacher, which are not axes either: the model is looked up once,
#: when a sweep begins.
MODELS_BEFORE = ("train.init", "train.teacher")
#: Not an axis if ``train.validation`` is ``lattice``: it sets how many pixels validation scores.
LATTICE = ("train.share",)


def read_space(tree: Tree) -> Space:
    """Read the search space of a configuration, restricted to networks that fit its neighbourhood.

    Raises
    ------
    UserError
        If an axis is not a key of the configuration or may not be one, has no or illegal values, or
        depends on an axis that does not come before it.

    Examples
    --------
    >>> from fibsem.config import compose
    >>> space = read_space(compose("sweep", ["model=2dcnn", "nbhd=33x33x3"]))
    >>> next(iter(space.plan(0)))["model.filters"]
    16
    """
    configuration, declared = Configuration(tree), tree["space"]
    check_names(declared)
    by_lattice = tree["train"]["validation"] == "lattice"
    axes: dict[str, Axis] = {}
    conditions: dict[str, Conditions] = {}
    for key, axis, when in axes_of(declared["axes"]):
        configuration.with_values({key: None})  # refuses a key that the configuration does not have
        compared = key in COMPARED_BY or (by_lattice and key in LATTICE)
        sweepable = key.partition(".")[0] in SWEPT and not compared
        require("space.axes", key, sweepable, f"keys of {', '.join(SWEPT)}, by which trials of "
                "the same data, judged by the same labels, may differ")  # fmt: skip
        require("space.axes", key, key not in MODELS_BEFORE, "no model that trainings begin with "
                "or learn from; a sweep for each of them compares them")  # fmt: skip
        check_conditions(key, when, axes)
        check_values(key, axis)
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
    space = Space(
        declared["name"], axes, enumerated, strata_of(declared),
        lambda values: _fits(padding, {**fixed, **values}), conditions,
        tuple(_limits(declared.get("limits") or (), axes)),
    )  # fmt: skip
    if not begins_with_defaults(declared):
        return space

    def by_itself(name: str) -> Values:
        """Return the default settings of ``fibsem.train`` for an architecture."""
        return configuration.with_values({"model.name": name}).run.settings

    several = axes.get("model.name")
    names = several.values if isinstance(several, Choice) else (tree["model"]["name"],)
    return replace(space, defaults=tuple(_defaults(space, names, by_itself)))


def _defaults(
    space: Space, names: Iterable[str], by_itself: Callable[[str], Values]
) -> Iterator[Values]:
    """Yield the default settings of each architecture as points, if they lie in the space.

    Architectures that start from weights of the package come first.
    """
    for name in sorted(names, key=lambda name: not has_weights(name)):
        try:
            now = by_itself(name)
        except UserError:  # its neighbourhood is legal only with other values
            continue
        point: Values = {}
        for key, axis in space.axes.items():
            if space.exists(key, point):
                point[key] = _as_drawn(axis, now.get(key))
        within = all(axis.holds(point[key]) for key, axis in space.axes.items() if key in point)
        if within and space.legal(point):
            yield point


def _as_drawn(axis: Axis, value: Any) -> Any:
    """Convert a value to the form of an axis: lists instead of a configuration's tuples."""
    if isinstance(axis, Range):
        return value if axis.integer or value is None else float(value)
    return list(value) if isinstance(value, tuple) else value


def scalings_of(space: Space, base: str) -> tuple[str, ...]:
    """Return the values of ``preprocess.scaling``, with ``base`` if trials may lack the axis."""
    key = "preprocess.scaling"
    axis = space.axes.get(key)
    scalings = tuple(map(str, axis.values)) if isinstance(axis, Choice) else ()
    return (*scalings, base) if scalings and key in space.conditions else scalings


def repeats(space: Space, drawn: int) -> str | None:
    """Return a warning if more trials are drawn than the space has points, else None.

    Examples
    --------
    >>> from fibsem.search.space.space import Choice
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
    """Refuse an axis that has no effect: trials that differ only in it would differ by chance.

    Parameters
    ----------
    whys
        For each axis, the reason why it has no effect in each training, or None if it has one.

    Raises
    ------
    UserError
        If an axis has no effect in any training, and no key that it depends on is an axis.
    """
    for key, reasons in whys.items():
        if all(reasons) and not any(other in whys for other in used_with(key)):
            raise UserError(
                f"`space.axes.{key}` must change something, but {reasons[0]}; ~space.axes.{key} "
                "takes it out."
            )


def _check_architecture(backend: str, space: str, axes: Mapping[str, Axis]) -> None:
    """Refuse a sweep over architectures that backend or space cannot draw."""
    models = ", ".join(MODELS)
    if backend != "optuna":  # oracles draw every axis, even if it does not exist
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
    """Read ``space.limits``: conditions (``when``), and values that other axes may then have."""
    for entry in declared:
        legal = isinstance(entry, dict) and isinstance(entry.get("when"), dict)
        require("space.limits", entry, legal, "a list of axes with what they have left, and `when`")
        parts = (entry["when"], {k: v for k, v in entry.items() if k != "when"})
        when, left = ({key: tuple(values) for key, values in flat_lists(lists)} for lists in parts)
        for key in (*when, *left):
            if key not in axes:
                raise UserError(
                    f"`space.limits` must name axes of the space, but got {key!r}; the choices are "
                    f"{', '.join(axes)}."
                )
        yield Limit(when, left)


def _fits(padding: Padding, values: Values) -> bool:
    """Whether a network with these values can be built, with a head that is not too wide."""
    others = [key for key in GEOMETRY if key not in ("nbhd", "model.name")]
    hyperparameters = {key.removeprefix("model."): values.get(key) for key in others}
    if all(value is None for value in hyperparameters.values()):
        return True
    try:
        head = resolve(
            values["model.name"], Nbhd.parse(values["nbhd"]), padding, hyperparameters
        ).head
    except UserError:
        return False
    return head is None or padding == "same" or head <= MAX_HEAD
