"""The file of a study in Keras-Tuner, and those that earlier versions left to Keras-Tuner."""

from functools import partial

from fibsem.search.space.space import Range, Space
from fibsem.search.studies.tuner_file import StudyFile
from fibsem.search.studies.tuner_oracle import make_oracle
from fibsem.system.files import write_json
from fibsem.training.scoring.objectives import Objective


def opened(folder):
    space, goal = Space("test", {"a": Range(0.0, 1.0)}, (), 2, lambda values: True), "val/loss"
    make = partial(make_oracle, "random", space, Objective.named(goal), 0, startup=10, longest=27)
    return StudyFile(folder, make)


def test_a_study_of_an_earlier_version_is_read_and_its_slots_decide_what_is_tried_again(tmp_path):
    """Its oracle lay in files of Keras-Tuner, which would try a running trial again."""
    before = opened(tmp_path)
    with before.alone():
        trial = before.oracle.create_trial("one")  # and nothing is reported
    write_json(tmp_path / "slots.json", {"attrs": {"name": "test"}, "attempts": []})
    now = opened(tmp_path)
    with now.alone():
        assert now.properties == {"name": "test"}
        assert list(now.oracle.trials) == [trial.trial_id]
        following = now.oracle.create_trial("one")
        now.save()
    assert following.trial_id != trial.trial_id
    again = opened(tmp_path)
    with again.alone():
        assert list(again.oracle.trials) == [trial.trial_id, following.trial_id]
