"""Every key of a command in a table, as ``--cfg job`` prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fibsem.api.options import one_line_errors, tree_of
from fibsem.config import CONF, commented_keys, require

if TYPE_CHECKING:
    import pandas as pd


@one_line_errors
def keys(command: str, **options: Any) -> pd.DataFrame:
    """List the keys of a command, and so the options of its function.

    Parameters
    ----------
    command
        Name of the function, such as ``train``.
    options
        Options of it: the table has the values that follow from them, ``experiment="thesis"``.

    Returns
    -------
    pandas.DataFrame
        ``default`` and ``comment`` by dotted key, without keys that the command does not read.

    Raises
    ------
    UserError
        If there is no such command, or an option is wrong.

    Examples
    --------
    >>> table = keys("train", experiment="quick")
    >>> table.loc["budget", "default"], table.loc["train.epochs", "comment"]
    ('10min', 'maximum number of epochs')
    """
    import pandas as pd

    commands = sorted(file.stem for file in CONF.glob("*.yaml") if file.stem != "base")
    require("command", command, command in commands, f"one of {', '.join(commands)}")
    rows = commented_keys(command, tree_of(command, None, options))
    return pd.DataFrame(rows, columns=["key", "default", "comment"]).set_index("key")
