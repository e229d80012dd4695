"""Capabilities of this machine's processor."""

from __future__ import annotations

import functools
import re
from pathlib import Path

#: Linux's CPU flags for bfloat16 multiplication: of Intel and AMD, and of ARM.
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}


@functools.cache
def multiplies_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16; without it, plain float32 is faster.

    False where ``/proc/cpuinfo`` cannot be read.
    """
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return False
    return bool(BFLOAT16 & flags_of(text))


def flags_of(cpuinfo: str) -> set[str]:
    r"""Return the flags of the first processor in the text of ``/proc/cpuinfo``.

    Examples
    --------
    >>> sorted(flags_of("model name : some\nflags : fpu amx_bf16\n"))
    ['amx_bf16', 'fpu']
    """
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
    return set(line[1].split()) if line else set()
