"""Open a volume, with the errors of the other functions."""

from __future__ import annotations

from fibsem.api.options import one_line_errors
from fibsem.data import volumes

open_volume = one_line_errors(volumes.open_volume)
