"""Several processes begin one sweep by a budget: one of them plans, the others join."""

import json
import time

import pytest

from fibsem.config import Configuration, compose, settings_of
from fibsem.errors import UserError
from fibsem.search.folder import check_folder
from fibsem.system.identity import Identity
from fibsem.system.locks import at_work
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.plan_file import FILE, PlanFile
from fibsem.training.planning.planned import planned
from tests.processes import FORKED, Command


def begin(folder, steps, overrides):
    """Plan as many steps as are told, which takes a moment, and begin results by the plan."""

    def make(seconds):
        (folder / f"{steps} timed").touch()
        time.sleep(0.1)
        return Plan(seconds, "abc", 4, 2, steps, 0.1, 0.2, 5.0)

    given = Configuration(compose("sweep", ["nbhd=11x11x3", "budget=60s", *overrides]))
    file = PlanFile(folder, "abc")
    try:
        with at_work(folder, shared=True), file.beginning():
            given, plan = planned(given, file, make)
            identity = Identity("sweep", settings_of("sweep", given.tree), {"hash": "abc"})
            check_folder(folder, identity)
            identity.write(folder)
        end = f"began with {plan.steps}"
    except UserError as error:
        end = str(error)
    (folder / f"{steps} ended").write_text(end)


@pytest.mark.slow  # it imports all that any command needs, which the slow tests have done anyway
@pytest.mark.parametrize(("overrides", "end"), [
    ([], "began with 300"), (["train.batch=64"], "another train.batch"),
], ids=["the same", "another"])  # fmt: skip
def test_who_comes_while_another_one_plans_goes_on_by_its_plan(tmp_path, overrides, end):
    """The plan of the first was replaced, and its own command was refused from then on."""
    first = FORKED.Process(target=begin, args=(tmp_path, 300, []))
    second = FORKED.Process(target=begin, args=(tmp_path, 311, overrides))
    first.start()
    while not (tmp_path / "300 timed").exists():
        assert first.exitcode is None
        time.sleep(0.01)
    second.start()
    for process in (first, second):
        process.join(60)
    assert (tmp_path / "300 ended").read_text() == "began with 300"
    assert end in (tmp_path / "311 ended").read_text()
    begin(tmp_path, 322, [])
    assert (tmp_path / "322 ended").read_text() == "began with 300"
    assert json.loads((tmp_path / FILE).read_text())["steps"] == 300
    assert len(list(tmp_path.glob("* timed"))) == 1


@pytest.mark.slow
def test_a_command_that_is_given_twice_at_once_is_one_sweep(tiny, new_store, tmp_path):
    folder = tmp_path / "sweep"
    line = [
        "fibsem.sweep", f"data.path={tiny}", "model=2dcnn", "nbhd=11x11x3", "space=smoke",
        "budget=25s", f"output={folder}", *new_store(tmp_path),
    ]  # fmt: skip
    both = [Command(line, tmp_path, tmp_path / name) for name in ("a.txt", "b.txt")]
    said = [(command.wait(timeout=170), command.log.read_text()) for command in both]
    assert [code for code, _ in said] == [0, 0], said
    assert sum("another process begins in" in text for _, text in said) == 1
    plans = [line for _, text in said for line in text.splitlines() if line.startswith("plan: ")]
    assert len(plans) == 2
    assert len(set(plans)) == 1
