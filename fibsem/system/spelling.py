"""Any text, written where only some characters may stand, and read back."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Spelling:
    """How a language writes the texts of users: different texts stay different.

    Attributes
    ----------
    illegal
        Single characters that are written by their number, the sign of such a number among them.
    number, numbers
        How a character's number is written, as a format; and what finds it again.
    cut
        Between a text that was cut and the digest of the whole; it never stands elsewhere.
    longest
        Bytes.
    """

    illegal: re.Pattern[str]
    number: str
    numbers: re.Pattern[str]
    cut: str
    longest: int

    def write(self, text: str) -> str:
        """The text as the language takes it."""
        written = self.illegal.sub(lambda match: self.number.format(ord(match[0])), text)
        if len(written.encode()) <= self.longest:
            return written
        digest = self.cut + hashlib.sha256(text.encode()).hexdigest()[:16]
        return written.encode()[: self.longest - len(digest)].decode(errors="ignore") + digest

    def read(self, written: str) -> str:
        """The text as it was, with dots where it was cut."""
        kept, cut, _ = written.partition(self.cut)
        text = self.numbers.sub(lambda match: chr(int(match[1], 16)), kept)
        return text + ("..." if cut else "")
