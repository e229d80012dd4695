"""A choice of a group by its name alone, ``data.name=hpc``: all else would be another one's."""

from __future__ import annotations

from collections.abc import Iterable

from fibsem.config.keys import CONF
from fibsem.config.overrides import meant
from fibsem.errors import UserError

#: Groups whose files have a name in them, and what is chosen where nothing is; "": that depends.
CHOSEN = {"model": "2dcnn", "data": "phantom", "space": ""}


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
    overrides = [one for one in arguments if "=" in one and not one.startswith("-")]
    given = {one.partition("=")[0]: meant(one) for one in overrides}
    for group, default in CHOSEN.items():
        name, chosen = given.get(f"{group}.name"), given.get(group, default)
        own = group == "data" and "data.path" in given
        if name != chosen and not own and name in _choices(group):
            raise UserError(
                f"`{group}.name` must be left to `{group}`, but got {name}; {group}={name} takes "
                "it with all that it has."
            )


def _choices(group: str) -> set[str]:
    return {file.stem for file in (CONF / group).glob("*.yaml")}
