"""Encode users' names for MLflow: in metric keys, names of runs and experiments, and filters."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fibsem.system.spelling import Spelling

#: Encoding of a part of a metric key: letters, digits, ``_``, ``-``, ``.`` and space. A whole key
#: has at most 250 characters.
METRICS = Spelling(
    illegal=re.compile(r"[^\w\-. ]|_(?=x)|^\.(?=\.*$)"),
    number="_x{:X}-",
    numbers=re.compile("_x([0-9A-F]+)-"),
    cut="_x-",
    longest=200,
)
#: Encoding of names of experiments and runs: any characters, of which databases keep 250.
NONE = re.compile("(?!)")
NAMES = Spelling(illegal=NONE, number="", numbers=NONE, cut="...", longest=250)
#: Values that a filter can contain: its strings are quoted and cannot contain quotes.
FILTERED = re.compile(r"[\w .,:;/@+=()-]+")


def metric_part(name: str) -> str:
    """Encode a name as a part of a metric key.

    Examples
    --------
    >>> metric_part("HPC22"), metric_part("HPC 30 % (2)")
    ('HPC22', 'HPC 30 _x25- _x28-2_x29-')
    """
    return METRICS.write(name)


def metric_name(encoded: str) -> str:
    """Decode a name that :func:`metric_part` encoded; names over 100 characters may be cut.

    Examples
    --------
    >>> metric_name("HPC 30 _x25- _x28-2_x29-")
    'HPC 30 % (2)'
    """
    return METRICS.read(encoded)


def stored_name(name: str) -> str:
    """Return the name of an experiment or a run, truncated to the length that databases keep."""
    return NAMES.write(name)


def filter_of(tags: Mapping[str, object]) -> str:
    """Return an MLflow filter for runs with these tags, without values it cannot contain.

    Callers must therefore compare the tags of the runs that are found.
    """
    clauses = [
        f"tags.`{key}` = '{value}'" for key, value in tags.items() if FILTERED.fullmatch(str(value))
    ]
    return " and ".join(clauses)


def run_name(values: Mapping[str, object]) -> str:
    """Return the name of a trial: its swept values in short form.

    >>> run_name({"model.blocks": 3, "train.learning_rate": 0.012345})
    'blocks=3 learning_rate=0.0123'
    """
    return " ".join(f"{key.split('.')[-1]}={_short(value)}" for key, value in values.items())


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
