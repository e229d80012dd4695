"""Compose Hydra's configuration into a plain tree, and run commands."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable
from threading import RLock
from typing import TYPE_CHECKING, Any

from fibsem.config.architecture import with_architecture
from fibsem.config.grouped import as_grouped, without_groups
from fibsem.config.keys import CONF, check_given, check_keys, choices_of, unknown_key
from fibsem.config.named import check_chosen
from fibsem.config.overrides import for_hydra, is_multirun, meant, without_password
from fibsem.config.reading import Tree, check_value, flat
from fibsem.config.runs import AUTO
from fibsem.config.typed import without_typed_axes
from fibsem.errors import UserError, one_line, printable
from fibsem.system.addresses import secrets_of
from fibsem.system.advice import OF_FILM, called, in_manifest
from fibsem.system.again import begin_with
from fibsem.system.interrupts import END_S, INTERRUPTED, end_cleanly, stopped
from fibsem.system.libraries import disinherit
from fibsem.system.processes import collect_seldom, ending_at_once
from fibsem.system.secrets import guard_output, remember_typed
from fibsem.system.streams import open_closed
from fibsem.system.threads import STOPS

if TYPE_CHECKING:
    from hydra.errors import MissingConfigException

#: Hydra has one global state per process, and threads may compose at once.
_HYDRA = RLock()
#: Exit codes of failures, the worse one first: a bug, and an error that the user can fix.
BUG, MISTAKE = 1, 2
#: Keys that make a command remove earlier results.
OVERWRITE = ("overwrite", "segmentation.overwrite")
#: Beginning of an error's note that names the job it ended, one of several.
OF_JOB = "of the job "


def compose(command: str, overrides: list[str] | None = None) -> Tree:
    """Compose a command's configuration without running it; also from within a command.

    Examples
    --------
    ```python
    compose("train", ["nbhd=33x33x3", "train.epochs=5"])["train"]["epochs"]
    ```
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    remember_typed(overrides or [])
    checked = _checked(command, overrides or [])
    with _HYDRA:
        running, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
        try:
            with (
                _one_line_errors(command),
                initialize_config_dir(str(CONF.resolve()), version_base=None),
            ):
                return _plain(hydra_compose(command, checked), command, checked)
        finally:
            GlobalHydra.instance().hydra = running


def _checked(command: str, arguments: Iterable[str]) -> list[str]:
    """Check that a command has the keys of all arguments, and prepare these for Hydra."""
    grouped = [as_grouped(argument) for argument in arguments]
    check_keys(command, grouped)
    return for_hydra(grouped)


def _plain(config: Any, command: str, overrides: Iterable[str]) -> Tree:
    """Convert Hydra's configuration to nested dicts, with the command line that reproduces it."""
    from omegaconf import OmegaConf

    tree = _without_empty(OmegaConf.to_container(config, resolve=True))
    values = {str(key): value for key, value in tree.items() if key != "hydra"}
    if command == "sweep":
        values = without_typed_axes(values, overrides)
    for key, value in {**values, **dict(flat(values))}.items():  # a table may be in a value's place
        check_value(key, value)
    return {**without_groups(values), "command": command_line(command, overrides)}


def _without_empty(value: Any) -> Any:
    """Return a tree with None in place of empty strings."""
    if isinstance(value, dict):
        return {key: _without_empty(item) for key, item in value.items()}
    return None if value == "" else value


def command_line(command: str, overrides: Iterable[str]) -> str:
    """Return the command line for a configuration, with passwords in addresses left out.

    Examples
    --------
    >>> command_line("sweep", ["nbhd=81x81x3", "+space.axes.train.windows=[8,16]"])
    "python -m fibsem.sweep nbhd=81x81x3 '+space.axes.train.windows=[8,16]'"
    >>> print(command_line("sweep", ["search.storage=postgresql://me:secret@host/db"]))
    python -m fibsem.sweep 'search.storage=postgresql://me:***@host/db'
    """
    shown = map(without_password, overrides)
    return shlex.join(["python", "-m", f"fibsem.{command}", *shown])


def _choices(group: str, *without: str) -> str:
    """List the files of a group, some left out; ``--help`` shows it by ``${choices:model}``."""
    return ", ".join(sorted(choices_of(group) - set(without)))


class _one_line_errors:  # noqa: N801 - reads as a statement: with _one_line_errors()
    """Turn errors of Hydra and OmegaConf into a :class:`UserError` of one line."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __enter__(self) -> None:
        os.environ["HYDRA_FULL_ERROR"] = "1"

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
        from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

        if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
            raise self._no_file(error) from error
        cause = error.__cause__ if isinstance(error, ConfigCompositionException) else None
        if isinstance(cause, ConfigAttributeError | ConfigKeyError):
            raise unknown_key(str(cause.full_key), self.command) from error
        if isinstance(error, HydraException | OmegaConfBaseException):
            raise UserError(_first_line(str(error))) from error

    def _no_file(self, error: MissingConfigException) -> UserError:
        """Return the error for a name that no file of a group has."""
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        special = {AUTO} if group == "model" and self.command != "sweep" else set()
        choices = ", ".join(sorted(set(error.options or choices_of(group)) - special))
        return UserError(f"`{group}` must be one of {choices}, but got {name}.")


def _first_line(message: str) -> str:
    """Return Hydra's message in one line, without its hints."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    telling_lines = [
        line for line in lines if not line.startswith(("full_key", "object_type", "See https"))
    ]
    return " ".join(telling_lines).partition(" Config search path")[0]


def _keep_no_password(arguments: list[str]) -> None:
    """Refuse passwords with --multirun, where launchers pickle the arguments for their jobs."""
    for argument in arguments:
        if is_multirun(arguments) and secrets_of(meant(argument)):
            raise UserError(
                "an address must have no password where --multirun keeps it in files, but got "
                f"{without_password(argument)}; the choices are ~/.pgpass, "
                "MLFLOW_TRACKING_USERNAME with MLFLOW_TRACKING_PASSWORD, or one command at a time."
            )


def _prepare_process() -> None:
    """Prepare this process: whichever signal arrives, the work ends cleanly and can be resumed."""
    end_cleanly(*STOPS, at_most_s=END_S)
    open_closed()
    guard_output()
    disinherit()
    collect_seldom()


def _prepared(command: str, words: list[str]) -> list[str]:
    """Check the words of a command line, and prepare them for Hydra."""
    remember_typed(words)  # before any message can quote them
    check_chosen(words)
    prepared = _checked(command, with_architecture(command, words))
    check_given(words)
    _keep_no_password(words)
    return prepared


def run_command(name: str, main: Callable[[Tree], None]) -> None:
    """Run ``python -m fibsem.<name>``: compose the configuration, call ``main``, report errors.

    Exit codes: 0 success, 1 a bug (with its traceback), 2 an error that the user can fix (in one
    line), 130 stopped. Each of several jobs reports its own error when it happens; the exit code
    is that of the worst.

    Examples
    --------
    ```python
    if __name__ == "__main__":
        run_command("train", main)
    ```
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("choices", _choices, replace=True)
    _prepare_process()
    failed: list[int] = []  # errors are reported here, before Hydra would report them
    several, here = is_multirun(sys.argv[1:]), os.getpid()

    @hydra.main(version_base=None, config_path=str(CONF.resolve()), config_name=name)
    def composed(config: Any) -> None:
        overrides = HydraConfig.get().overrides.task  # those of this job with --multirun
        try:
            with _one_line_errors(name):  # an interpolation may refer to a missing key
                tree = _plain(config, name, overrides)
            begin_with(_anew(name, tree))
            with called(in_manifest(key for key in OF_FILM if key not in tree)):
                main(tree)
        except Exception as error:
            if several:
                error.add_note(printable(OF_JOB + shlex.join(map(without_password, overrides))))
            if os.getpid() != here:  # a launcher's job (submitit): Hydra reports the error
                raise
            failed.append(_answer(error))

    try:
        with ending_at_once():
            sys.argv[1:] = _prepared(name, sys.argv[1:])
            with _one_line_errors(name):
                composed()
            if failed:
                sys.exit(min(failed))
            sys.stdout.flush()
    except KeyboardInterrupt:
        print(stopped(), file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        sys.exit(_answer(error))


def _anew(command: str, tree: Tree) -> list[str]:
    """Return the typed options that remove earlier results; none for ``simulate``.

    A phantom is written only at the end, so there is no partial result to resume.

    >>> _anew("promote", {"overwrite": False, "segmentation": {"overwrite": True}})
    ['segmentation.overwrite=true']
    """
    keys = [key for key, value in flat(tree) if key in OVERWRITE and value is True]
    return [] if command == "simulate" else [f"{key}=true" for key in keys]


def _answer(error: Exception) -> int:
    """Print a user's error in one line, or a bug with its traceback; return the exit code."""
    line = one_line(error)
    if isinstance(error, BrokenPipeError):  # Python would flush it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if line is None:
        traceback.print_exception(error)
        return BUG
    notes: list[str] = getattr(error, "__notes__", [])
    job = next((note for note in notes if note.startswith(OF_JOB)), None)
    print(f"error: {line}{f' ({job})' if job else ''}", file=sys.stderr)
    return MISTAKE
