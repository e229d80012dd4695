"""Labelled pixels that count twice are said."""

import pytest

from fibsem.data.doubts.doubts import of_labels
from fibsem.data.doubts.repeated import counted_twice
from fibsem.errors import UserError


def table(*rows):
    """Squares of 16 px at (y, x), all for training, each by somebody; and two others."""
    others = ["m3.tif,20,4,8,val,", "m4.tif,40,4,8,test,"]
    lines = [f"{mask},0,{y},{x},train,{who}" for mask, y, x, who in rows]
    return "\n".join(["mask,z,y,x,split,annotator", *lines, *others, ""])


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (("m1.tif", 4, 8, ""), True),
        (("m1.tif", 4, 8, "Ada"), True),
        (("m1.tif", 4, 8, "Bo"), False),
        (("m1.tif", 10, 9, "Bo"), True),
        (("m1.tif", 10, 10, "Bo"), False),
        (("m1.tif", 20, 8, ""), False),
    ],
    ids=["one place", "one annotator", "two annotators", "otherwise", "alike", "beside"],
)
def test_squares_of_one_part_that_overlap_are_said(make, second, said):
    sample = make(table=table(("m0.tif", 4, 8, "Ada"), second)).samples[0]
    lines = list(counted_twice(sample))
    assert len(lines) == said
    for line in lines:
        assert "a: squares label the same pixels, m0.tif and m1.tif, which count twice" in line
        assert line in of_labels(sample)


def test_of_many_some_are_named(make):
    """Stripes that are moved by a pixel contradict each other: three do so with three."""
    rows = [(f"m{k % 3}.tif", 4 + k, 8 + k % 2, "") for k in range(6)]
    (line,) = counted_twice(make(table=table(*rows)).samples[0])
    assert line.count(".tif") == 8
    assert " and 5 more, which count twice" in line


def test_another_spelling_of_a_path_is_the_same_square(make):
    with pytest.raises(UserError, match="must be listed once, but lines 2 and 3"):
        make(table=table(("m0.tif", 4, 8, ""), ("./m0.tif", 4, 8, "")))


@pytest.mark.parametrize("text", ["1,000", "1.000", "12,000", "+1.000"])
def test_a_thousand_that_may_be_one_is_refused(make, text):
    number = text[:-4]
    with pytest.raises(UserError) as caught:
        make(table=f'mask,z,y,x\nm0.tif,0,"{text}",0\n')
    assert f"may be {number}000 or {number}; write it without the mark" in str(caught.value)


@pytest.mark.parametrize("text", ["1,0", "1.00", "0,000", "1.0000", "4,000000"])
def test_decimals_that_are_no_thousands_are_read(make, text):
    sample = make(table=table(("m0.tif", f'"{text}"', 8, ""))).samples[0]
    assert sample.regions[0].box.start[1] == int(text[0])
