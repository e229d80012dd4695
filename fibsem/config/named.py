"""Refuse a name such as ``data.name=hpc`` whose file ``data=hpc`` is not chosen."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from fibsem.config.keys import CONF, choices_of
from fibsem.config.overrides import meant
from fibsem.errors import UserError

#: Groups whose files set the key ``name``, and the default file of each.
CHOSEN = {"model": "2dcnn", "data": "phantom"}


def check_chosen(arguments: Iterable[str]) -> None:
    """Refuse a ``model.name`` or ``data.name`` of a file that is not chosen.

    The other keys would be those of another file: ``data.name=hpc`` alone would simulate a phantom
    and call it ``hpc``. A dataset given by ``data.path`` may have any name.

    Raises
    ------
    UserError
        If there is such a name; the message says how to choose the file.

    Examples
    --------
    >>> check_chosen(["model=3dcnn", "data.path=film", "data.name=demo"])
    """
    overrides = [
        argument.lstrip("+")
        for argument in arguments
        if "=" in argument and not argument.startswith("-")
    ]
    values = {override.partition("=")[0]: meant(override) for override in overrides}
    for group, default in {**CHOSEN, **_groups_of_experiment(values.get("experiment"))}.items():
        name, chosen = values.get(f"{group}.name"), values.get(group, default)
        has_path = group == "data" and "data.path" in values
        if name != chosen and not has_path and name in choices_of(group):
            raise UserError(
                f"`{group}.name` must be left to `{group}`, but got {name}; {group}={name} takes "
                "it with all that it has."
            )


def _groups_of_experiment(name: str | None) -> dict[str, str]:
    """Return the files that an experiment chooses for groups of :data:`CHOSEN`."""
    file = CONF / "experiment" / f"{name}.yaml"
    if name not in choices_of("experiment"):
        return {}
    listed = yaml.safe_load(file.read_text(encoding="utf-8")).get("defaults", [])
    chosen = {
        key: value for entry in listed if isinstance(entry, dict) for key, value in entry.items()
    }
    return {group: chosen[key] for group in CHOSEN if (key := f"override /{group}") in chosen}
