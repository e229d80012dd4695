"""Names of users as MLflow takes them: in metric keys, names of runs and experiments, filters."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fibsem.system.spelling import Spelling

#: A part of a metric's key: letters, digits, and few signs; 250 characters for all of a key.
METRICS = Spelling(
    illegal=re.compile(r"[^\w\-. ]|_(?=x)|^\.(?=\.*$)"),
    number="_x{:X}-",
    numbers=re.compile("_x([0-9A-F]+)-"),
    cut="_x-",
    longest=200,
)
#: Names of experiments and runs: of any characters, of which databases keep 250.
NONE = re.compile("(?!)")
NAMES = Spelling(illegal=NONE, number="", numbers=NONE, cut="...", longest=250)
#: Values that a filter can hold: it knows quotes, and no way to write one.
FILTERED = re.compile(r"[\w .,:;/@+=()-]+")


def metric_part(name: str) -> str:
    """A name as a part of a metric's key.

    >>> metric_part("HPC22"), metric_part("HPC 30 % (2)")
    ('HPC22', 'HPC 30 _x25- _x28-2_x29-')
    """
    return METRICS.write(name)


def stored_name(name: str) -> str:
    """A name of an experiment or a run, cut where a database would."""
    return NAMES.write(name)


def filter_of(tags: Mapping[str, object]) -> str:
    """What a store is asked for: runs with these tags, of those that a filter can hold.

    Whoever asks compares the tags of the answer, too.
    """
    clauses = [
        f"tags.`{key}` = '{value}'" for key, value in tags.items() if FILTERED.fullmatch(str(value))
    ]
    return " and ".join(clauses)


def run_name(values: Mapping[str, object]) -> str:
    """Name of a trial: its swept values, as short as people read them.

    >>> run_name({"model.blocks": 3, "train.learning_rate": 0.012345})
    'blocks=3 learning_rate=0.0123'
    """
    return " ".join(f"{key.split('.')[-1]}={_short(value)}" for key, value in values.items())


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
