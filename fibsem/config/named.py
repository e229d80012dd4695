"""A choice of a group by its name alone, ``data.name=hpc``: all else would be another one's."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from fibsem.config.keys import CONF
from fibsem.config.overrides import meant
from fibsem.errors import UserError

#: Groups whose files hold a name, and the default choice.
CHOSEN = {"model": "2dcnn", "data": "phantom"}


def check_whole(arguments: Iterable[str]) -> None:
    """Refuse the name of a choice that is not chosen.

    With ``data.name=hpc`` a phantom was simulated and measured as ``hpc``. A dataset of one's own
    may have any name.

    Raises
    ------
    UserError
        Names what takes the choice.

    Examples
    --------
    >>> check_whole(["model=3dcnn", "data.path=film", "data.name=demo"])
    """
    overrides = [one.lstrip("+") for one in arguments if "=" in one and not one.startswith("-")]
    given = {one.partition("=")[0]: meant(one) for one in overrides}
    for group, default in {**CHOSEN, **_of_experiment(given.get("experiment"))}.items():
        name, chosen = given.get(f"{group}.name"), given.get(group, default)
        own = group == "data" and "data.path" in given
        if name != chosen and not own and name in choices_of(group):
            raise UserError(
                f"`{group}.name` must be left to `{group}`, but got {name}; {group}={name} takes "
                "it with all that it has."
            )


def _of_experiment(name: str | None) -> dict[str, str]:
    """Choices of :data:`CHOSEN` that an experiment makes."""
    file = CONF / "experiment" / f"{name}.yaml"
    if name not in choices_of("experiment"):
        return {}
    listed = yaml.safe_load(file.read_text(encoding="utf-8")).get("defaults", [])
    chosen = {key: value for one in listed if isinstance(one, dict) for key, value in one.items()}
    return {group: chosen[key] for group in CHOSEN if (key := f"override /{group}") in chosen}


def choices_of(group: str) -> set[str]:
    """Names of the files of a group.

    Examples
    --------
    >>> sorted(choices_of("data"))
    ['demo', 'hpc', 'phantom']
    """
    return {file.stem for file in (CONF / group).glob("*.yaml")}
