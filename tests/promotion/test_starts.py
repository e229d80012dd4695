"""What the starts of final trainings had learned from, and what follows for the promoted model."""

from dataclasses import replace

from fibsem.config import Configuration, compose
from fibsem.data.dataset.learned import learned_squares, merged
from fibsem.data.dataset.manifest import load_dataset
from fibsem.promotion import starts as starts_module
from fibsem.promotion.setting import Promotion
from fibsem.promotion.starts import Starts, starts_of
from fibsem.tracking.run_notes import FileNotes
from fibsem.tracking.runs import Tracking
from fibsem.training.beginning.origin import Origin
from tests.conftest import divided_anew


def test_squares_that_a_start_has_learned_from_correct_nothing(tiny, tmp_path):
    former = load_dataset(tiny)
    splits = {"train": "test", "val": "train", "test": "val"}
    now = load_dataset(divided_anew(tiny, tmp_path / "film", splits))
    starts = Starts.from_json(Starts(merged([learned_squares(former)]), True, 3).to_json())
    assert starts.squares(now) == {(one.sample, one.box.start) for one in now.regions("test")}
    assert Starts({}, True, 0).squares(now) == set()


def test_squares_that_start_and_teacher_have_learned_from_are_counted_together(
    tiny, tmp_path, monkeypatch
):
    """The larger of both counts was told, where a training tells the squares of either."""
    film = divided_anew(tiny, tmp_path / "film", {"train": "test", "test": "train"})
    now = load_dataset(film)
    test = now.regions("test")
    digests = learned_squares(replace(now, samples=tuple(map(as_training, now.samples))))
    places = [(digest, place) for digest, some in digests.items() for place in some]
    every = [Origin("a", "b", learned={digest: (place,)}) for digest, place in places]
    monkeypatch.setattr(starts_module, "origins", lambda *_: every)
    config = Configuration(compose("train", [f"data.path={film}"])).run
    assert len(test) > 1
    assert starts_module._read(now, [config]).test_squares == len(test)


def as_training(sample):
    """A sample whose test squares are training squares, and all others none."""
    squares = [replace(one, split="train") for one in sample.regions if one.split == "test"]
    return replace(sample, regions=tuple(squares))


def test_a_model_knows_what_it_and_its_start_have_learned_from():
    own, start = {"a": [(0, 8, 0, 8)]}, {"b": ((0, 8, 8, 16),)}
    assert Starts(start, True, 0).with_own(own) == {"a": [(0, 8, 0, 8)], "b": [(0, 8, 8, 16)]}
    assert Starts(start, False, None).with_own(own) is None


def test_it_is_kept_beside_what_its_run_was_begun_by(tiny, tmp_path, new_store, capsys):
    """In a file of its own: of one for both, each start would say that it is damaged."""
    given = Configuration(compose("promote", new_store(tmp_path)))
    work = Promotion(given, load_dataset(tiny), tmp_path, Tracking.open(given.tracking, "film"))
    notes = FileNotes(tmp_path / "parent.json")
    notes.set("token", "abc")
    for _ in range(2):  # made, and read again
        assert starts_of(work, []) == Starts({}, True, 0)
    assert notes.get("token") == "abc"
    assert capsys.readouterr().err == ""
