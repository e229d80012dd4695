"""Overrides as people type them: what is meant as a text arrives as it was written.

Hydra reads ``output=2024_01_15`` as a number, and stumbles over commas, parentheses and umlauts. So
a text is quoted before Hydra sees it, where Hydra would read anything else. **A key is a text where
its default in conf/ is one**; the empty text there says that none is given.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import yaml

from fibsem.errors import UserError
from fibsem.system.addresses import hidden

PACKAGE = Path(__file__).parent.parent
#: Where the YAML is: inside the package in a wheel, beside it in a checkout.
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())
#: Keys of a file that are not the command's.
HYDRAS = ("defaults", "hydra")
#: What has keys that users choose, so that they can be added and taken away.
LISTS = ("hydra", "space", r"phantom\.samples")
#: Keys of conf/ that hold other keys, which nobody types for what they mean.
TABLES = ("space", "thesis")
#: Names that other libraries have for a key.
ELSEWHERE = {
    "batch_size": "batch", "epoch": "epochs", "jobs": "workers", "lr": "learning_rate",
    "n_epochs": "epochs", "n_jobs": "workers", "n_trials": "trials", "num_workers": "workers",
    "max_epochs": "epochs", "max_trials": "trials", "optim": "optimizer", "patch_size": "nbhd",
    "random_state": "seed", "steps_per_epoch": "steps", "timeout": "max_seconds",
}  # fmt: skip
#: What Hydra calls none.
NONE = "null"
#: Between two commas: a text in quotes, or one with brackets that may hold commas.
PART = re.compile(
    r"""\s*(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')\s*(?=,|$)"""
    r"""|(?:\([^()]*\)|\[[^\[\]]*\]|[^,])+"""
)


@cache
def text_keys() -> frozenset[str]:
    """Dotted keys that are texts, in any file of ``conf/``; what is taken from another key is none.

    >>> sorted(key for key in text_keys() if key.startswith("data."))
    ['data.name', 'data.path', 'data.phantom', 'data.root']
    """
    return frozenset(
        key
        for file in CONF.rglob("*.yaml")
        for key, value in _keys_of(file)
        if isinstance(value, str) and not value.startswith("${")
    )


def _keys_of(file: Path) -> Iterator[tuple[str, Any]]:
    """Dotted keys of one file, with their defaults."""
    source = file.read_text(encoding="utf-8")
    group = file.parent.relative_to(CONF).parts
    package = () if source.startswith("# @package _global_") else group
    tree = yaml.safe_load(source)
    for key, value in _leaves({k: v for k, v in tree.items() if k not in HYDRAS}):
        yield ".".join([*package, *key]), value


@cache
def own_keys(command: str) -> frozenset[str]:
    """The keys at the top of a command's tree, also of the files that it is made of."""
    tree = yaml.safe_load((CONF / f"{command}.yaml").read_text(encoding="utf-8"))
    keys = {key for key in tree if key not in HYDRAS}
    for part in tree["defaults"]:
        if isinstance(part, dict):
            keys |= {group for group in part if "/" not in group}
        elif part != "_self_":
            keys |= own_keys(part)
    return frozenset(keys)


def check_keys(command: str, arguments: Iterable[str]) -> None:
    """Refuse what Hydra lets a user add or take away, where nobody would ask for it.

    Raises
    ------
    UserError
        If an argument adds a key that the command does not have, or takes one away that it needs.
    """
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        key = name.lstrip("+~")
        first = re.split(r"[./@]", key)[0]
        if (equals and not key) or "://" in name:  # an address by itself, after a space
            raise UserError(f"an argument must be key=value, but got {argument}.")
        if name.startswith("+") and first != "hydra" and first not in own_keys(command):
            raise unknown_key(key, command)
        if name.startswith("~") and not re.match(rf"({'|'.join(LISTS)})\b", key):
            raise UserError(
                "only keys of `space` and `phantom.samples` can be taken away, but got "
                f"{argument}; {key}=null is a value that is not given."
            )


def unknown_key(key: str, command: str) -> UserError:
    """What is said of a key that a command does not have, with those that may be meant."""
    every = {name for file in CONF.rglob("*.yaml") for name, _ in _keys_of(file)}
    own = own_keys(command) - set(TABLES)
    keys = sorted(name for name in every if name.split(".")[0] in own)
    last = {name: name.rpartition(".")[2] for name in keys}
    word = key.rpartition(".")[2]
    word = ELSEWHERE.get(word, word)
    near = [name for name in keys if last[name] == word]
    near = near or [n for n in keys if last[n] in difflib.get_close_matches(word, last.values())]
    choices = f"; near it are {', '.join(near)}" if near else ""
    return UserError(
        f"a key must be one that the command has, but got {key!r}{choices} (--cfg job lists all)."
    )


def _leaves(tree: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from (((str(key), *rest), leaf) for rest, leaf in _leaves(value))
        else:
            yield (str(key),), value


def for_hydra(arguments: Iterable[str]) -> list[str]:
    """Arguments of a command with every text in them quoted that Hydra would not read as written.

    Raises
    ------
    UserError
        If an argument is not UTF-8: no file that we write could hold it.
    """
    arguments = list(arguments)
    many = is_multirun(arguments)
    return [_for_hydra(argument, many) for argument in map(_utf8, arguments)]


def is_multirun(arguments: Iterable[str]) -> bool:
    """Whether a command is one for each of several values."""
    return not {"-m", "--multirun"}.isdisjoint(arguments)


def _utf8(argument: str) -> str:
    try:
        argument.encode()
    except UnicodeEncodeError:
        shown = without_password(argument).encode(errors="backslashreplace").decode()
        raise UserError(f"names and paths must be UTF-8, but got {shown}.") from None
    return argument


def _for_hydra(argument: str, many: bool) -> str:
    key, equals, value = argument.partition("=")
    if not equals or argument.startswith("-") or value == NONE:
        return argument
    # what Hydra cannot read is refused by whoever wants something else than a text
    if key.lstrip("+") not in text_keys() and _parsed(value) is not None:
        return argument
    if many and "," in value:
        return f"{key}={_choices(value)}"
    return f"{key}={_list(value) if value[:1] == '[' and value[-1:] == ']' else _text(value)}"


def _choices(value: str) -> str:
    """The values of a ``--multirun``, or a function of Hydra's that gives them."""
    if re.match(r"(choice|shuffle|sort|glob|range|interval)\(", value):
        return value
    return ",".join(_text(part) for part in _parts(value))


def _list(value: str) -> str:
    return f"[{','.join(_text(part) for part in _parts(value[1:-1]))}]"


def _parts(value: str) -> list[str]:
    """What lies between commas, but not between quotes or within brackets.

    >>> _parts("a,'b,c', d (1, 2), it's")
    ['a', "'b,c'", 'd (1, 2)', "it's"]
    """
    return [part[0].strip() for part in PART.finditer(value)]


def _text(value: str) -> str:
    """One text for Hydra: as it is where Hydra reads it so, or between quotes already."""
    from hydra.core.override_parser.types import Quote, QuotedString

    if value == _read(value) or (value[:1] in ("'", '"') and _read(value) is not None):
        return value
    return QuotedString(value, Quote.double).with_quotes()


def _read(value: str) -> str | None:
    """The text that Hydra reads, or None: it reads something else, or cannot."""
    parsed = _parsed(value)
    read = None if parsed is None else parsed.value()
    return read if isinstance(read, str) else None


def _parsed(value: str) -> Any:
    """What Hydra makes of the value of an override; None where it cannot read it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(f"key={value}")
    except HydraException:
        return None


def typed(override: str) -> tuple[str, str]:
    """Key and value of an override as people type it: without the quotes that only Hydra needs.

    >>> typed('output="2024_01_15"'), typed("nbhd=33x33x3"), typed("~space.axes.model")
    (('output', '2024_01_15'), ('nbhd', '33x33x3'), ('~space.axes.model', ''))
    """
    key, _, value = override.partition("=")
    if key.lstrip("+") in text_keys() and value[:1] in ("'", '"'):
        text = _read(value)
        if text is not None and _for_hydra(f"{key}={text}", many=False) == override:
            return key, text
    return key, value


def without_password(override: str) -> str:
    """An override as people type it, but for the password of an address.

    >>> without_password('search.storage="postgresql://me:p(1)@host/runs"')
    'search.storage=postgresql://me:***@host/runs'
    """
    key, value = typed(override)
    if "=" not in override:
        return override
    address = meant(override)
    return f"{key}={value if hidden(address) == address else hidden(address)}"


def meant(override: str) -> str:
    """The text that an override gives, without quotes.

    >>> meant('search.storage="postgresql://me:p(1)@host/runs"')
    'postgresql://me:p(1)@host/runs'
    """
    value = override.partition("=")[2]
    return (value[:1] in ("'", '"') and _read(value)) or value


def as_typed(key: str, text: str) -> str:
    """The override that gives a key this very text.

    >>> as_typed("output", "2024_01_15"), as_typed("output", "null")
    ('output=2024_01_15', 'output="null"')
    """
    if "${" not in text and text[:1] not in ("'", '"', "[") and text != NONE:
        return f"{key}={text}"
    return f"{key}={_quoted(text)}"


def _quoted(text: str) -> str:
    """A text in quotes that neither Hydra nor OmegaConf reads as anything else."""
    from hydra.core.override_parser.types import Quote, QuotedString

    plain = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)  # OmegaConf would look it up
    return QuotedString(plain, Quote.double).with_quotes()


def override(key: str, value: object) -> str:
    """The override that gives a key a value of Python's.

    >>> override("train.steps", 200), override("test", True), override("output", Path("a b"))
    ('train.steps=200', 'test=true', 'output=a b')
    >>> override("study", ["A", "b, c"]), override("range", None)
    ('study=["A","b, c"]', 'range=null')

    Raises
    ------
    UserError
        If YAML has no such value.
    """
    if isinstance(value, str | PurePath):
        return as_typed(key, str(value))
    return f"{key}={_written(value, key)}"


def _written(value: Any, key: str) -> str:
    """A value in the grammar of overrides; NumPy's numbers are numbers."""
    if value is None:
        return NONE
    if isinstance(value, str | PurePath):
        return _quoted(str(value))
    if isinstance(value, list | tuple):
        return f"[{','.join(_written(item, key) for item in value)}]"
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool):
        return str(plain).lower()
    if isinstance(plain, int | float):
        return repr(plain)
    raise UserError(
        f"`{key}` must be a text, a number, true or false, none or a list of these, but got "
        f"{type(value).__name__}."
    )
