"""What a promotion is planned by of a trial, and the name of its folder."""

from fibsem.config import Configuration, compose
from fibsem.promotion.candidates import Candidates
from fibsem.promotion.final import final_configuration
from fibsem.promotion.trials import Trial


def test_a_candidate_has_settings_and_times_of_its_trial(small):
    """The steps of both trainings are read with the network that they belong to."""
    tree = compose("train", [*small, "train.epochs=7", "train.mode=auto"])
    promotion = Configuration(compose("promote", [*small[:2], "final.epochs=9"]))
    final = final_configuration(tree, promotion.tree, seed=3).run
    costs = {"epoch_s": 2.0, "train_s": 15.0}
    trials = [
        Trial(run_id, "n", "0", 0.5, cost, "s", "p", "c", tree, **costs)
        for run_id, cost in (("a", 80.0), ("b", None))
    ]
    candidates = Candidates([trial.candidate(final) for trial in trials])
    first, second = candidates.each
    assert first.trained == Configuration(tree).run.train
    assert (first.trained.epochs, first.trained.mode, first.final.train.epochs) == (7, "grid", 9)
    assert (first.epoch_s, first.train_s, first.seconds_per_gigapixel) == (2.0, 15.0, 80.0)
    assert second.seconds_per_gigapixel == 0
    assert candidates.architectures == ("2dcnn", "2dcnn")
    assert candidates.name == "fb8e20fc"  # of "ab", as folders of earlier versions are named
