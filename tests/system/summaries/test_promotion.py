"""Rows of a promotion's record, of this version and of earlier ones."""

from dataclasses import replace

import pytest

from fibsem.system.summaries.promotion import AgainstFirst, RankedTrial, RunAgain

AGAIN = RunAgain(0.81, 0.01, 0.7, 0.02, 3, 0, 20.4, {"A": [0.3, 0.4]})
FIRST = RankedTrial(
    1, "7", "blocks=1", "r", 0.41, "val_all/miou", 0.8, "val_all/miou", 812.3, AGAIN
)
SECOND = RankedTrial(
    2, None, "blocks=2", "s", 0.42, "val/loss", 0.42, "val/miou", None, AGAIN,
    AgainstFirst(-0.01, None, True, 1),
)  # fmt: skip
ALONE = RankedTrial(1, "7", "blocks=1", "r", 0.41, "val/loss", 0.41, None, 812.3)


MEDIAN = replace(FIRST, again=replace(AGAIN, val_iou_pore_median=0.6, val_iou_pore_median_sd=0.1))


@pytest.mark.parametrize("row", [FIRST, SECOND, ALONE, MEDIAN])
def test_a_flat_row_is_read_as_the_trial_that_wrote_it(row):
    record = row.to_json()
    assert not {"again", "against_first"} & record.keys()
    assert RankedTrial.from_json(record) == row


def test_rows_of_before_were_in_the_order_of_their_miou():
    newer = {"ranked_by", "search_value", "ordered_by", "rank_value", "rank_value_sd", "places"}
    newer |= {"diverged", "val_porosity_by_seed"}
    older = {key: value for key, value in SECOND.to_json().items() if key not in newer}
    read = RankedTrial.from_json(older)
    assert read.again == RunAgain(0.7, 0.02, 0.7, 0.02, 3, 0, 20.4, {})
    assert read.against_first == AgainstFirst(-0.01, None, True)
    assert read.ordered_by is None


def test_a_row_that_cannot_be_is_said():
    with pytest.raises(ValueError, match="search_loss: must be a number"):
        RankedTrial.from_json({**FIRST.to_json(), "search_loss": "low"})
