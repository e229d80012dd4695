"""What is said before a promotion without a budget."""

import pytest

from fibsem.config import Configuration, compose
from fibsem.promotion.candidates import Candidate, Candidates
from fibsem.promotion.final import final_configuration
from fibsem.promotion.planning.estimate import foretold


def two_trials(tree, promotion):
    """Trials of 20 and 30 s, the slower one with 3 s an epoch."""
    final, trained = final_configuration(tree, promotion.tree, 0).run, Configuration(tree).run.train
    quick = Candidate("quick", trained, final, epoch_s=1.0, train_s=20.0)
    return Candidates([quick, Candidate("slow", trained, final, 3.0, 30.0, 100.0)])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), None),
        (("final.epochs=2400",),
         "estimated time: 2.0 h (trials anew 100 s, final trainings 2.0 h, volumes 0 s)\n"
         "budget=1h would leave 58 min to the final trainings instead"),
        (("final.epochs=2400", "final.max_seconds=60"), None),
        (("final.epochs=1200", "final.steps=8"), "estimated time: 2.0 h"),
        (("rank.seeds=90",), "budget=1h is too short for a promotion like this: rank.k=1"),
    ],
)  # fmt: skip
def test_a_promotion_of_over_an_hour_says_first_what_an_hour_would_do(material, small, given, said):
    """By what its trials took: 20 and 30 s, the slower one 3 s an epoch of four steps."""
    how = ["rank.seeds=2", "segment=false", *given]
    promotion = Configuration(compose("promote", [*small[:2], *how]))
    tree = compose("train", small)
    trials = two_trials(tree, promotion)
    promotion = promotion.with_values({"candidates": 1})
    found = foretold(promotion, trials, material().dataset)
    assert found is None if said is None else said in found


@pytest.mark.parametrize(
    ("given", "hours"),
    [((), "2.0 h"), (("final.share=1",), "2.4 h"), (("final.steps=200",), "4.0 h")],
)
def test_a_larger_share_takes_longer_by_the_steps_that_it_makes(material, small, given, hours):
    """A fiftieth of 15 552 pixels and a twentieth are both seen in the least number of steps."""
    how = ["rank.seeds=2", "segment=false", "final.epochs=2400", *given]
    promotion = Configuration(compose("promote", [*small[:2], *how]))
    promotion = promotion.with_values({"candidates": 1})
    tree = compose("train", [*small, "train.steps=null", "train.min_steps=100"])
    trials = two_trials(tree, promotion)
    found = foretold(promotion, trials, material().dataset)
    assert f"final trainings {hours}" in found
