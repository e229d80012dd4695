"""What a notebook shows of a value: its text, and pictures below it."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable


def as_html(text: str, pictures: Iterable[bytes] = ()) -> str:
    """Return HTML of a text with embedded pictures, PNG, below it.

    >>> as_html("a < b", [b"png"])
    '<pre>a &lt; b</pre><img src="data:image/png;base64,cG5n" style="max-width:100%">'
    """
    drawn = (base64.b64encode(png).decode() for png in pictures)
    images = (f'<img src="data:image/png;base64,{code}" style="max-width:100%">' for code in drawn)
    return f"<pre>{html.escape(text)}</pre>{''.join(images)}"
