"""Convert Python arguments to the configuration tree of a command, and its errors to one line."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from fibsem.config import (
    CONF,
    Tree,
    check_chosen,
    choices_of,
    compose,
    override,
    require,
    with_architecture,
)
from fibsem.config.keys import check_given, own_keys
from fibsem.errors import UserError, one_line
from fibsem.system.advice import OF_FILM, KeyNames, called, in_manifest
from fibsem.system.secrets import in_message, remember_typed, remember_variables, tell_none
from fibsem.tracking.lending import stores_given_back

if TYPE_CHECKING:
    from fibsem.api.datasets import OpenDataset

P = ParamSpec("P")
R = TypeVar("R")


def tree_of(
    command: str,
    dataset: str | Path | OpenDataset | None = None,
    options: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> Tree:
    """Return the configuration tree of a command with some options.

    Parameters
    ----------
    command
        Name of the command.
    dataset
        A name of ``conf/data``, the path of a manifest, or a dataset from :func:`open_dataset`.
    options
        Values by key, nested or dotted; None is a value like any other.
    keywords
        Further keys; None means that a key is not given.

    Raises
    ------
    UserError
        If a key does not exist, or a value is not legal.

    >>> tree_of("train", "demo", {"train": {"steps": 7}}, nbhd="9x9x1", seed=None)["command"]
    'python -m fibsem.train data=demo nbhd=9x9x1 train.steps=7'
    """
    named = {key: value for key, value in keywords.items() if value is not None}
    leaves = _leaves({**named, **(options or {})})
    typed = [*overrides_of(dataset), *(override(key, v) for key, v in leaves)]
    remember_typed(typed)
    check_given(typed)
    groups = [key for key, value in (options or {}).items() if _is_whole(command, key, value)]
    check_chosen(
        override
        for override in typed
        if not override.startswith(tuple(f"{key}.name=" for key in groups))
    )
    return compose(command, with_architecture(command, typed))


def _is_whole(command: str, group: str, values: object) -> bool:
    """Whether values of a group are all of one choice, as a saved configuration has them."""
    if not isinstance(values, Mapping) or values.get("name") not in choices_of(group):
        return False
    return set(values) >= set(compose(command, [f"{group}={values['name']}"])[group])


def _leaves(options: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values; an axis, or a mapping of metrics, counts as one value.

    >>> dict(_leaves({"search": {"trials": 8, "constraints": {"val/miou": 0.8}}}))
    {'search.trials': 8, 'search.constraints': {'val/miou': 0.8}}
    """
    for key, value in options.items():
        if isinstance(value, Mapping) and not _is_value(value):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _is_value(mapping: Mapping[str, Any]) -> bool:
    """Return whether a mapping is an axis of a space, or a mapping of metrics (names with slashes).

    Such a value replaces the former one as a whole: an axis with new ends but without ``log`` is no
    longer logarithmic.
    """
    names = set(map(str, mapping))
    return names >= {"low", "high"} or "values" in names or any("/" in name for name in names)


def overrides_of(dataset: str | Path | OpenDataset | None) -> Iterator[str]:
    """Yield the overrides that name a dataset on a command line.

    >>> [*overrides_of("demo"), *overrides_of("my/film"), *overrides_of(Path("demo"))]
    ['data=demo', 'data.path=my/film', 'data.path=demo']
    """
    if isinstance(dataset, str) and (CONF / "data" / f"{dataset}.yaml").is_file():
        yield override("data", dataset)
    elif isinstance(dataset, str | Path):
        yield override("data.path", dataset)
    elif dataset is not None:
        legal = hasattr(dataset, "overrides_here")
        require("dataset", type(dataset).__name__, legal, "a name, a path or of api.open_dataset")
        dataset.check_current()
        yield from dataset.overrides_here


def some_dataset(dataset: str | Path | OpenDataset | None) -> str | Path | OpenDataset:
    """Return the dataset of a call; None, as of a setting that is missing, is not the default one.

    >>> some_dataset("demo")
    'demo'
    """
    if dataset is None:
        raise UserError("`dataset` must be a name or a path, but got None.")
    return dataset


class _AsInConf:
    """Placeholder for the default of an option in a signature."""

    def __repr__(self) -> str:
        return "<as in conf/>"


AS_IN_CONF = _AsInConf()


def completes(command: str, *only: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add the keys of a command to the signature of its function, so that notebooks complete them.

    Some functions read few of their command's keys: these are given as ``only``.

    >>> @completes("quantify")
    ... def measure(film, **options): ...
    >>> [name for name in inspect.signature(measure).parameters if name.startswith("mesh")]
    ['mesh', 'mesh_cell']
    """

    def with_keys(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        *named, options = signature.parameters.values()
        keys = [
            inspect.Parameter(
                key, inspect.Parameter.KEYWORD_ONLY, default=AS_IN_CONF, annotation=Any
            )
            for key in sorted(set(only or own_keys(command)) - set(signature.parameters))
        ]
        complete = signature.replace(parameters=[*named, *keys, options])
        function.__signature__ = complete  # type: ignore[attr-defined]
        return function

    return with_keys


#: Arguments of functions for keys of other names.
ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "compare": {"compare": "first, second"},
    "estimate": {"weights": "model"},
    "export": {"weights": "model"},
    "lineage": {"lineage": "result"},
    "open_volume": {"range": "value_range"},
    "segment": {"weights": "model"},
}

#: Seeds and precision are global in a process, so that only one training may run in it.
_TRAINING = RLock()


def one_at_a_time(function: Callable[P, R]) -> Callable[P, R]:
    """Make threads that train wait for each other, since they share seeds and precision.

    The states of the caller's random generators are restored afterwards.
    """

    @wraps(function)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with _TRAINING:
            of_python = random.getstate()
            of_numpy = np.random.get_state()  # noqa: NPY002 - the caller's generator
            try:
                return function(*args, **kwargs)
            finally:
                random.setstate(of_python)
                np.random.set_state(of_numpy)  # noqa: NPY002

    return alone


def one_line_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function raise a :class:`UserError` for what its command would report in one line.

    Passwords are removed from messages, since the output of a notebook is not guarded. Messages
    name keys as Python arguments, or as keys of the manifest. MLflow settings of the caller are
    restored afterwards, so that its own tracking still goes to its own store.
    """
    name = function.__name__
    keys = own_keys(name) if (CONF / f"{name}.yaml").is_file() else OF_FILM
    names = KeyNames(ARGUMENTS.get(name, {}), python=True)
    elsewhere = in_manifest(key for key in OF_FILM if key not in keys)

    @wraps(function)
    def in_one_line(*args: P.args, **kwargs: P.kwargs) -> R:
        remember_variables()
        try:
            with stores_given_back(), called(names, elsewhere):
                return function(*args, **kwargs)
        except UserError as error:
            tell_none(error)
            raise
        except Exception as error:
            tell_none(error)
            line = one_line(error)
            if line is None:
                raise
            raise UserError(in_message(line)) from error

    return in_one_line
