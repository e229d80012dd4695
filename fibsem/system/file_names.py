"""Names of users as names of files: any text, in the folder that is meant and in no other.

A name stays as it is as far as every file system takes it; the rest is written as in a URL. What
grows too long is cut, and ends with a digest of the whole.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote, unquote

#: Separators, control characters, what other systems forbid, and what would hide a file.
ILLEGAL = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%\ud800-\udfff]|^[.~]|[. ]$')
#: Bytes of a name: with what stands before and behind it a file system takes 255, or 143.
LONGEST = 120
#: Between a name that was cut and its digest; in others two hex digits follow the percent sign.
CUT = "%~"


def file_name(name: str) -> str:
    """A name as that of a file or folder; different names have different ones.

    >>> file_name("HPC22"), file_name("HPC 30 % (2)"), file_name(".."), file_name("a/b")
    ('HPC22', 'HPC 30 %25 (2)', '%2E%2E', 'a%2Fb')
    """
    encoded = ILLEGAL.sub(_percent, name)
    if len(encoded.encode()) <= LONGEST:
        return encoded
    digest = CUT + hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:16]
    kept = encoded.encode()[: LONGEST - len(digest)].decode(errors="ignore")
    return re.sub(r"%[^%]?$", "", kept) + digest


def name_of(file: str) -> str:
    """The name that :func:`file_name` made a file's name of, as far as it was kept.

    >>> name_of("HPC 30 %25 (2)")
    'HPC 30 % (2)'
    """
    kept, cut, _ = file.partition(CUT)
    return unquote(kept) + ("..." if cut else "")


def _percent(found: re.Match[str]) -> str:
    character = found[0]
    if character in ".~":  # which a URL may hold
        return f"%{ord(character):02X}"
    return quote(character, safe="", errors="surrogatepass")
