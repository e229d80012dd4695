"""Agreement is between people."""

from types import SimpleNamespace

import numpy as np
import pytest

from fibsem.geometry import Box
from fibsem.reporting.agreement import agreement


def test_nobody_is_compared_with_himself_or_with_who_is_not_named():
    """Two masks of one person agree well, and made people look better than they are."""
    first, second = np.array([[0, 0, 1, 1]], np.uint8), np.array([[0, 1, 1, 1]], np.uint8)
    drawn = [("A", first), ("B", second), ("A", first), ("", second)]
    regions = [
        SimpleNamespace(box=Box((0, 0, 0), (1, 1, 4)), annotator=who, read=lambda mask=mask: mask)
        for who, mask in drawn
    ]
    both = agreement(regions)
    assert both.annotators == ("A", "B")
    assert both.squares == 1
    assert both.miou == pytest.approx((1 / 2 + 2 / 3) / 2)
