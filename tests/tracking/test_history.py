"""The history of the champion against a plain stack, and its text in tags."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fibsem.tracking.history import (
    LONGEST,
    LONGEST_REASON,
    ROLLBACK,
    Change,
    changed,
    clipped,
    decoded,
    encoded,
    iso,
    successive,
)

COMMANDS = st.lists(st.one_of(st.just(ROLLBACK), st.sampled_from("123456")), max_size=30)


def carried_out(commands):
    """The line that some promotions and rollbacks make, and the stack that they stand for."""
    line, stack = [], []
    for command in commands:
        if command == ROLLBACK:
            if len(stack) > 1:
                stack.pop()
                line = changed(line, stack[-1], "worse in use", ROLLBACK)
        elif stack[-1:] != [command]:
            stack.append(command)
            line = changed(line, command, "not worse", "promoted")
    return line, stack


@given(COMMANDS)
def test_successive_champions_are_a_stack_that_rollbacks_take_from(commands):
    line, stack = carried_out(commands)
    assert successive(line) == stack


@given(COMMANDS)
def test_the_line_comes_back_from_the_tags_of_its_versions(commands):
    line, _ = carried_out(commands)
    tags = {one.version: encoded(line, one.version) for one in line}
    back = [one for version, tag in tags.items() for one in decoded(version, tag)]
    assert sorted(back, key=lambda one: one.since) == line
    assert len({one.since for one in line}) == len(line)


def test_a_change_is_later_than_the_one_before_whatever_the_clock_says():
    ahead = iso(datetime.now(UTC) + timedelta(hours=1))
    line = changed([Change("1", ahead, "", "promoted")], "2", "", "promoted")
    assert line[1].since > ahead


@given(st.integers(0, 60), st.text(max_size=20))
def test_a_tag_never_grows_beyond_what_a_store_keeps(times, why):
    line, why = [], 40 * why
    for _ in range(times):
        line = changed(line, "1", why, "promoted")
    tag = encoded(line, "1")
    assert len(tag.encode()) <= LONGEST
    assert [one.since for one in decoded("1", tag)] == [one.since for one in line]
    if times == 1:
        assert json.loads(tag)[0]["why"] == clipped(why, LONGEST_REASON)


@given(st.text(), st.integers(3, 40))
def test_clipped_text_fits_and_begins_like_the_whole(text, most):
    short = clipped(text, most)
    assert len(short.encode()) <= most
    assert short == text or (short.endswith("...") and text.startswith(short[:-3]))
