"""The ranking on the page of a sweep's parent run."""

from dataclasses import replace

from fibsem.search.ranked import LONGEST, ranking_note
from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.slots import Attempt
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.training.scoring.objectives import Objective


def outcome(number, value, state="complete"):
    attempt = Attempt(number, number, 0, 0, 0, state, {"model.blocks": 2})
    record = TrialRecord(f"run{number}", {"miou": 0.9})
    return Outcome(attempt, objectives=(value,), record=record)


def test_the_best_comes_first_with_its_link():
    trials = [outcome(0, 0.5), outcome(1, 0.25), outcome(2, 0.1, "pruned")]
    note = ranking_note(trials, [Objective.named("val/loss")], "7")
    assert note.splitlines()[2:] == [
        "| rank | trial | val/loss | val/miou | model.blocks |",
        "|--:|---|---|---|--:|",
        "| 1 | [1](#/experiments/7/runs/run1) | 0.25 | 0.9 | 2 |",
        "| 2 | [0](#/experiments/7/runs/run0) | 0.5 | 0.9 | 2 |",
    ]
    best = ranking_note(trials, [Objective.named("val/miou")], "7").splitlines()[4]
    assert best.startswith("| 1 | [0]")


def test_those_beyond_a_bound_come_behind_with_the_reason_and_without_a_rank():
    reason = "beyond search.constraints: cost/seconds_per_gigapixel is 2500"
    first = outcome(0, 0.1)
    beyond = replace(first.record, beyond={"cost/seconds_per_gigapixel": 500.0})
    trials = [replace(first, reason=reason, record=beyond), outcome(1, 0.25)]
    note = ranking_note(trials, [Objective.named("val/loss")], "7").splitlines()
    assert note[0].endswith("those beyond a bound come behind the others, and have no rank")
    assert note[4:] == [
        "| 1 | [1](#/experiments/7/runs/run1) | 0.25 | 0.9 | 2 |  |",
        f"|  | [0](#/experiments/7/runs/run0) | 0.1 | 0.9 | 2 | {reason} |",
    ]


def test_the_median_of_squares_stands_beside_it():
    one = outcome(3, 0.5)
    record = replace(one.record, val_all={"miou": 0.7, "iou_pore_median": 0.625})
    one = replace(one, record=record)
    assert one.figures["val_all/iou_pore_median"] == one.as_best().iou_pore_median == 0.625
    assert outcome(3, 0.5).as_best().iou_pore_median is None
    head, _, row = ranking_note([one], [Objective.named("val/loss")], "7").splitlines()[2:]
    assert head == "| rank | trial | val/loss | val/miou | val_all/iou_pore_median | model.blocks |"
    assert row == "| 1 | [3](#/experiments/7/runs/run3) | 0.5 | 0.9 | 0.625 | 2 |"


def test_a_description_holds_what_a_store_keeps():
    note = ranking_note([outcome(k, k / 7) for k in range(400)], [Objective.named("val/loss")], "7")
    assert len(note) <= LONGEST
    told = note.count("](#/")
    assert told > 50
    assert note.endswith(f"\n\nand {400 - told} more")
