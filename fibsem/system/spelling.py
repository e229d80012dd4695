"""Encode any text with a restricted set of characters, and decode it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Spelling:
    """Encoding of users' texts for a target with restricted characters; different texts differ.

    Attributes
    ----------
    illegal
        Pattern of single characters that are escaped, among them the escape character.
    number, numbers
        Format of an escaped character's code point, and the pattern that finds it again.
    cut
        Separator between a truncated text and the digest of the whole; it occurs nowhere else.
    longest
        Maximum length in bytes.
    """

    illegal: re.Pattern[str]
    number: str
    numbers: re.Pattern[str]
    cut: str
    longest: int

    def write(self, text: str) -> str:
        """Return the encoded text, of at most ``longest`` bytes."""
        written = self.illegal.sub(lambda match: self.number.format(ord(match[0])), text)
        if len(written.encode()) <= self.longest:
            return written
        digest = self.cut + hashlib.sha256(text.encode()).hexdigest()[:16]
        return written.encode()[: self.longest - len(digest)].decode(errors="ignore") + digest

    def read(self, written: str) -> str:
        """Return the original text, with dots where it was truncated."""
        body, cut, _ = written.partition(self.cut)
        text = self.numbers.sub(lambda match: chr(int(match[1], 16)), body)
        return text + ("..." if cut else "")
