"""What a promotion says at its end."""

from pathlib import Path

import pytest

from fibsem.api.promoting import PromoteResult


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
    gate = {"passed": passed, "reason": "why"}
    record = {"version": "1", "champion": champion, "gate": gate}
    assert PromoteResult(record, Path("out")).text.startswith(said)
