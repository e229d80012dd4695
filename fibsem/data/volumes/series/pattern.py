"""Patterns by which a user selects one series of slices, such as ``img_#_ch0.tif``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fibsem.data.volumes.series.names import DECIMAL, SIGN, Name, Number, composed, literals
from fibsem.errors import UserError
from fibsem.system.advice import PATTERN

NUMBER = rf"({SIGN}?(?:{DECIMAL}|\d+))(?!\d)"
#: A number after a wildcard that also matches digits; it must not be the end of a longer one.
WHOLE = rf"(?<!\d)(?<!\d[.,]){NUMBER}"
_TOKENS = re.compile(r"(#+|@+|\*|\?|\[!?\]?[^]]*\])")


class Pattern:
    """File names with the shell wildcards ``*``, ``?`` and ``[...]``, and with ``#`` or ``@``.

    ``#`` stands for the running number. ``@`` marks what slices are sorted by, without a check for
    lost ones. A pattern with neither only selects files. Case is ignored.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        tokens = _TOKENS.split(composed(text))
        self.counts = any(token.startswith("#") for token in tokens)
        self.sorts = any(token.startswith("@") for token in tokens)
        if self.counts and self.sorts:
            raise UserError(
                f"`{PATTERN}` must hold # or @, but {text} holds both: # is the number that runs, "
                "by whose steps lost slices are noticed, and * stands for what else differs."
            )
        parts = [_regex(token, k % 2 == 1, tokens[:k]) for k, token in enumerate(tokens)]
        self._regex = re.compile("".join(parts), re.IGNORECASE | re.DOTALL)

    def match(self, name: str) -> Name | None:
        """Return the name with the numbers at each ``#``, or None if it does not match."""
        text = composed(name)
        match = self._regex.fullmatch(text)
        if match is None:
            return None
        places = range(1, (match.lastindex or 0) + 1 if self.counts else 1)
        return Name(name, text, tuple(Number.read(match[k], match.start(k)) for k in places))

    def choose(self, names: Iterable[str]) -> list[str]:
        """Return the names that match the pattern."""
        return [name for name in names if self.match(name) is not None]

    def spans(self, name: str) -> tuple[tuple[int, int], ...]:
        """Return start and stop of each ``@`` in a matching name in Unicode normal form C."""
        match = self._regex.fullmatch(composed(name))
        return match.regs[1:] if match else ()


def _regex(token: str, special: bool, before: Sequence[str]) -> str:
    """Return a token as a regular expression."""
    if not special:
        return re.escape(token)
    match token[0]:
        case "#":
            return NUMBER if not before or before[-1] else WHOLE
        case "@":
            return "(.+)"
        case "*":
            return ".*"
        case "?":
            return "."
    inside = token[1:-1].replace("\\", r"\\").replace("[", r"\[")
    return f"[{'^' + inside[1:] if inside.startswith('!') else inside}]"


def pattern_of(
    names: Sequence[Name], running: Sequence[int], mark: str = "#", rest: str | None = None
) -> str:
    """Return the pattern that names of one skeleton match, with ``mark`` for running numbers.

    Other numbers are replaced by ``rest``, or kept as in the first name if it is None.
    """
    first = names[0]
    pieces = [_quoted(piece) for piece in literals(first.text, first.numbers)]
    marks = [mark if k in running else rest or n.text for k, n in enumerate(first.numbers)]
    text = "".join(a + b for a, b in zip(pieces, [*marks, ""], strict=True))
    spellings = {name.text.lower().endswith(".tiff") for name in names}
    return re.sub(r"\.tiff?$", ".tif*", text, flags=re.I) if len(spellings) > 1 else text


def _quoted(piece: str) -> str:
    """Quote wildcards in a piece of a name, so that they match themselves."""
    return re.sub(r"([*?#@[])", r"[\1]", piece)
