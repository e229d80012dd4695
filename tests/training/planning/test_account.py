"""What was used of a budget, and what a hard one has cut off."""

from dataclasses import replace

import pytest

from fibsem.system.records import as_record
from fibsem.system.summaries.budget import CutOff
from fibsem.training.planning.account import budget_use, cut_off
from fibsem.training.planning.plan import Plan

PLAN = Plan(60.0, "abc", 1, 2, 3, 0.1, 0.2, 5.0)


def test_an_overrun_is_said(capsys):
    assert as_record(budget_use(PLAN, 62.0)) == {"given_s": 60.0, "used_s": 62.0}
    assert capsys.readouterr().out == ""
    budget_use(PLAN, 90.0)
    said = capsys.readouterr().out
    assert said.startswith("90 s were used of 60 s (150 %): the machine was")
    assert said.endswith("; the plan's steps stay, and budget_is=hard cuts off what is late\n")
    budget_use(replace(PLAN, budget_s=120.0), 148.0)
    assert capsys.readouterr().out.startswith("2.5 min were used of 2.0 min (123 %): ")
    budget_use(PLAN, 90.0, CutOff(0, 1))  # a hard one, which names itself no more
    assert capsys.readouterr().out.endswith("; what is done without a limit, scores among it, is "
                                            "not cut off\n")  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "used_s", "said"),
    [
        (PLAN, 54.0, ""),
        (PLAN, 53.0, "53 s were used of 60 s (88 %): 7 s are left, since what is planned took"),
        (replace(PLAN, fills=True), 40.0, "40 s were used of 60 s (67 %): 20 s are left, and no"),
        (replace(PLAN, pruned=True), 40.0, "40 s were used of 60 s (67 %): 20 s are left, and no"),
    ],
    ids=["used", "quick", "fills", "pruned"],
)  # fmt: skip
def test_what_is_left_of_a_budget_is_said(capsys, plan, used_s, said):
    """158 of 240 s passed in silence; what has not come to its end may still use them."""
    use = budget_use(plan, used_s, ended=False)
    assert capsys.readouterr().out == ""
    assert budget_use(plan, used_s) == use
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == bool(said)
    assert all(line.startswith(said) for line in lines)


@pytest.mark.parametrize(
    ("trials", "epochs", "not_begun", "said"),
    [(1, [2], 0, ""), (1, [1], 0, "the training ended after 1 of 2 epochs"),
     (5, [2, 1, 1], 0, "2 of 5 ended after 1 of 2 epochs"),
     (5, [2], 3, "3 of 5 trainings were not begun")],
)  # fmt: skip
def test_what_a_hard_budget_cut_off_is_said(capsys, trials, epochs, not_begun, said):
    cut = cut_off(replace(PLAN, trials=trials), epochs, not_begun)
    assert cut == CutOff(not_begun, ended_early=epochs.count(1))
    record = as_record(budget_use(PLAN, 62.0, cut))["cut"]
    early = epochs.count(1)
    assert record == {"not_begun": not_begun, "ended_early": early, "not_repeated": 0}
    told = capsys.readouterr().out.strip()
    assert told == (said and f"budget_is=hard cut off what was late: {said}")


def test_a_training_that_was_to_be_short_did_not_end_early(capsys):
    plan = replace(PLAN, trials=3)
    assert cut_off(plan, [4, 5], wanted=[4, 9]).ended_early == 1
    assert "1 of 3 ended after 5 of 9 epochs" in capsys.readouterr().out
