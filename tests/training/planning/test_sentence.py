"""What is told of a plan before anything is trained by it."""

from dataclasses import replace

from fibsem.training.planning.growth import Growth
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.sentence import sentence

PLAN = Plan(60.0, "abc", 1, 2, 3, 0.1, 0.2, 5.0)


def test_a_plan_says_which_networks_have_more_epochs():
    rungs = replace(PLAN, rungs=((9, 2), (3, 6), (1, 18)), epochs=18, trials=13)
    sized = replace(rungs, growth=Growth(1.0, {"2dcnn": 1e-12}))
    assert "1 of 18 epochs, more of a small network, fewer of a large one" in sentence(sized)
    assert "about 18 epochs" in sentence(sized)
    assert "steps at most" in sentence(rungs)


def test_a_plan_says_which_trainings_are_longer_where_time_is_left():
    rungs = replace(PLAN, rungs=((9, 2), (3, 6), (1, 18)), epochs=18, trials=13)
    sized = replace(rungs, growth=Growth(1.0, {"2dcnn": 1e-12}), lengthens=True)
    assert "a large one, more where time is left), about 18 epochs" in sentence(sized)
    assert "1 of 18 epochs, more where time is left), about" in (
        sentence(replace(rungs, lengthens=True))
    )
    assert "1 of 18 epochs, the last of 47 as before), about" in (
        sentence(replace(sized, lengths=((12, 47),)))
    )
