"""What a promotion says at its end."""

from pathlib import Path

import pytest

from fibsem.api.promoting import PromoteResult
from fibsem.system.summaries.promotion import Gate, OnLabelled, PromotionSummary


@pytest.mark.parametrize(
    ("champion", "passed", "said"),
    [
        (True, True, "version 1 is the champion now: why; "),
        (False, False, "version 1 is registered, not champion: why; "),
        (False, True, "version 1 was made champion, which another version is by now: why; "),
        (True, False, "version 1 is the champion now: why; "),
    ],
)
def test_who_was_the_champion_is_not_told_as_refused(champion, passed, said):
    """Given again behind another promotion: the verdict by which it became it is kept."""
    figures = OnLabelled(0.9)
    summary = PromotionSummary(
        winner="a", gate=Gate(passed, "why"), postprocessing={}, val_all=figures, test_all=figures,
        version="1", champion=champion, samples={},
    )  # fmt: skip
    assert PromoteResult(summary, Path("out")).text.startswith(said)
