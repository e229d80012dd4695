"""The ranking on the page of a sweep's parent run."""

from dataclasses import replace

from fibsem.search.ranked import LONGEST, ranking_note, ranking_table
from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.slots import Attempt
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.training.scoring.objectives import Objective


def outcome(number, value, state="complete", **values):
    values = {"model.blocks": number, **values}
    attempt = Attempt(number, number, 0, 0, 0, state, values)
    record = TrialRecord(f"run{number}", {"miou": 0.9})
    return Outcome(attempt, objectives=(value,), record=record)


def test_the_best_comes_first_with_its_link():
    trials = [outcome(0, 0.5), outcome(1, 0.25), outcome(2, 0.1, "pruned")]
    note = ranking_note(trials, [Objective.named("val/loss")], "7")
    assert note.splitlines()[2:-2] == [
        "| rank | trial | val/loss | val/miou | model.blocks |",
        "|--:|---|---|---|--:|",
        "| 1 | [1](#/experiments/7/runs/run1) | 0.25 | 0.9 | 1 |",
        "| 2 | [0](#/experiments/7/runs/run0) | 0.5 | 0.9 | 0 |",
    ]
    assert note.endswith("\n\nArtifacts: trials.csv has all of them, trials.json all attempts")
    now = ranking_note(trials, [Objective.named("val/loss")], "7", running=True)
    assert now.startswith("Complete trials so far by val/loss")
    assert now.endswith(" 0 |")  # the files are made at the end
    best = ranking_note(trials, [Objective.named("val/miou")], "7").splitlines()[4]
    assert best.startswith("| 1 | [0]")


def test_those_beyond_a_bound_come_behind_with_the_reason_and_without_a_rank():
    reason = "beyond search.constraints: cost/seconds_per_gigapixel is 2500"
    first = outcome(0, 0.1)
    beyond = replace(first.record, beyond={"cost/seconds_per_gigapixel": 500.0})
    trials = [replace(first, reason=reason, record=beyond), outcome(1, 0.25)]
    note = ranking_note(trials, [Objective.named("val/loss")], "7").splitlines()
    assert note[0].endswith("those beyond a bound come behind the others, and have no rank")
    assert note[4:-2] == [
        "| 1 | [1](#/experiments/7/runs/run1) | 0.25 | 0.9 | 1 |  |",
        f"|  | [0](#/experiments/7/runs/run0) | 0.1 | 0.9 | 0 | {reason} |",
    ]


def test_the_median_of_squares_stands_beside_it():
    one = outcome(3, 0.5)
    record = replace(one.record, val_all={"miou": 0.7, "iou_pore_median": 0.625})
    one = replace(one, record=record)
    assert one.figures["val_all/iou_pore_median"] == one.as_best().iou_pore_median == 0.625
    assert outcome(3, 0.5).as_best().iou_pore_median is None
    head, _, row = ranking_note([one], [Objective.named("val/loss")], "7").splitlines()[2:5]
    assert head == "| rank | trial | val/loss | val/miou | val_all/iou_pore_median | model.blocks |"
    assert row == "| 1 | [3](#/experiments/7/runs/run3) | 0.5 | 0.9 | 0.625 | 3 |"


def test_a_description_holds_what_a_store_keeps():
    note = ranking_note([outcome(k, k / 7) for k in range(400)], [Objective.named("val/loss")], "7")
    assert len(note) <= LONGEST
    told = note.count("](#/")
    assert told > 50
    assert f"\n\nand {400 - told} more\n\nArtifacts: " in note


def test_what_is_the_same_in_all_has_no_column_and_leaves_room_for_trials():
    same = {f"train.option_{k}": "a value" for k in range(8)}
    trials = [outcome(k, k / 7, **same) for k in range(400)]
    trials[3].values["model.dense"] = trials[7].values["model.dense"] = 2
    note = ranking_note(trials, [Objective.named("val/loss")], "7")
    assert len(note) <= LONGEST
    _, _, shared, _, head, *_ = note.splitlines()
    assert shared.startswith("The same in all: train.option_0 a value, train.option_1 a value, ")
    assert head == "| rank | trial | val/loss | val/miou | model.blocks | model.dense |"
    assert note.count("](#/") > 50


def test_the_table_has_all_trials_and_all_hyperparameters():
    trials = [outcome(k, 1 - k / 500, **{"model.kernels": [3, 5]}) for k in range(400)]
    trials[9] = replace(
        trials[9], reason="beyond", record=replace(trials[9].record, beyond={"c": 1.0})
    )
    table = ranking_table([*trials, outcome(400, 0.0, "pruned")], [Objective.named("val/loss")])
    assert table["number"].tolist() == [*range(399, 9, -1), *range(8, -1, -1), 9]
    assert table["rank"].tolist() == [*range(1, 400), ""]
    assert table["reason"].tolist() == [*[""] * 399, "beyond"]
    assert list(table) == [
        "rank", "number", "val/loss", "val/miou", "model.blocks", "model.kernels", "reason",
        "run_id",
    ]  # fmt: skip
    assert table["run_id"].tolist()[0] == "run399"
