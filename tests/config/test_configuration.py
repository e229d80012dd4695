"""A configuration in the process that it was made in, and in others."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from fibsem.config import Configuration, compose, output_folder
from fibsem.errors import UserError

SEEN = """
import pickle, sys
from fibsem.system.secrets import in_record
given = pickle.load(sys.stdin.buffer)
print(in_record(given.tree["search"]["storage"]))
"""


def test_another_process_keeps_its_passwords_to_itself_before_it_reads_anything():
    storage = "search.storage=postgresql://me:s3/cr@t@127.0.0.1:9/none"
    given = Configuration(compose("sweep", [storage, "study=a"]))
    assert given.search.storage.endswith("/none")  # what is read already goes no further
    done = subprocess.run(
        [sys.executable, "-c", SEEN], input=pickle.dumps(given), capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "postgresql://me:***@127.0.0.1:9/none"


@pytest.mark.parametrize(("given", "objective"), [
    ([], "val_all/miou"), (["model=auto"], "val_all/miou"),
    (["search=keras_tuner"], "val_all/miou"),
    (["experiment=thesis"], "val/loss"), (["train=sgd"], "val/loss"),
    (["train.val_all=false"], "val/loss"),
    (["search.objectives=[val/accuracy]"], "val/accuracy"),
    (["experiment=thesis", "search.objectives=[val_all/miou]"], "val_all/miou"),
])  # fmt: skip
def test_a_sweep_searches_for_the_figure_of_the_film_where_no_protocol_says_otherwise(
    given, objective
):
    assert Configuration(compose("sweep", given)).search.objectives == (objective,)


def test_a_copy_is_read_anew():
    given = Configuration(compose("train", ["seed=4"]))
    copied = pickle.loads(pickle.dumps(given))
    assert copied == given
    assert copied.run == given.run
    with pytest.raises(UserError, match=r"none\.of\.them"):
        given.with_values({"none.of.them": 1})
    with pytest.raises(UserError, match=r"but got 'train\.epoch'; near it are train\.epochs"):
        given.with_values({"train.epoch": 1})


@pytest.mark.parametrize(
    "address", ["s3://key:secret@bucket/runs", "file:///runs", "https://me:secret@host/runs"]
)
def test_an_address_is_no_folder_of_this_machine(address):
    """As a path it would be a folder ``s3:`` in the working folder."""
    for key in ("output", "tracking.artifacts"):
        tree = compose("train", [f"{key}={address}"])
        with pytest.raises(UserError, match=f"`{key}` must be a path of this machine") as said:
            [output_folder("train", tree, "film"), Configuration(tree).tracking]
        assert "secret" not in str(said.value)


@pytest.mark.parametrize(
    "address",
    ["sqlite+pysqlite:///a.db", "sqlite://", "sqlite:///", "sqlite:///?timeout=9", "sqlite:a.db",
     "sqlite:///:memory:", "SQLITE:///a.db", "sqlite+aiosqlite:////tmp/a.db"],
)  # fmt: skip
def test_a_database_in_a_file_is_spelled_in_one_way(address):
    """Its lock lies beside it; one that is nowhere would be another one in each process."""
    for key, read in (("search.storage", "search"), ("tracking.uri", "tracking")):
        given = Configuration(compose("sweep", [f"{key}={address}"]))
        with pytest.raises(UserError, match=f"`{key}` must be sqlite:///PATH where"):
            getattr(given, read)
        for other in ("sqlite:///a.db", "sqlite:////tmp/a.db?timeout=9", "postgresql://h/sqlite:"):
            getattr(Configuration(compose("sweep", [f"{key}={other}"])), read)


def test_home_is_the_users_whatever_the_shell_made_of_it(monkeypatch, tmp_path):
    """Other shells than bash leave ``output=~/x`` as it is; ``~`` alone is a name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert output_folder("train", compose("train", ["output=~/x"]), "film") == tmp_path / "x"
    assert output_folder("train", compose("train", ["output=~"]), "film") == Path("~")


@pytest.mark.parametrize("word", ["no", "off", "none", "0", "yes", "1", "{a:1}", "{}"])
@pytest.mark.parametrize(
    ("command", "key"),
    [("train", "overwrite"), ("segment", "overwrite"), ("simulate", "overwrite"),
     ("promote", "rollback"), ("promote", "segment")],
)  # fmt: skip
def test_a_word_is_no_yes(command, key, word):
    """A text is true to Python: ``overwrite=no`` would begin anew, ``rollback=no`` go back."""
    with pytest.raises(UserError, match=f"`{key}` must be true or false, but got"):
        compose(command, [f"{key}={word}"])
    assert compose(command, [f"{key}=false"])[key] is False


@pytest.mark.parametrize("seed", ["-1", "1.5", "true", "0x10", "1:30", "inf", str(2**31)])
@pytest.mark.parametrize(
    ("command", "key"),
    [("train", "seed"), ("train", "sampling.seed"), ("train", "split.seed"),
     ("sweep", "search.seed"), ("promote", "rank.seed"), ("simulate", "phantom.seed")],
)  # fmt: skip
def test_no_generator_meets_a_seed_that_it_cannot_take(command, key, seed):
    with pytest.raises(UserError, match=f"`{key}` must be a whole number"):
        compose(command, [f"{key}={seed}"])


@pytest.mark.parametrize("seeds", ["0", "-2", "1.5", "true", "no", "{a:1}"])
def test_an_evaluation_has_a_run(seeds):
    with pytest.raises(UserError, match=r"`seeds` must be (at least 1|a whole number)"):
        compose("evaluate", [f"seeds={seeds}"])


def test_settings_of_a_command_are_read_from_its_tree():
    given = Configuration(compose("evaluate", ["seed=7", "seeds=2", "overwrite=true"]))
    assert (list(given.seeds), given.overwrite) == ([7, 8], True)
    assert given.command == "python -m fibsem.evaluate seed=7 seeds=2 overwrite=true"
    assert Configuration({}).command is None  # in records of some earlier versions
    assert not Configuration(compose("promote", ["segment=false"])).promotion.segment


@pytest.mark.parametrize("study", [["a", "b"], 3, 501 * "a"])
def test_a_sweep_has_one_study_whose_name_is_a_file_name(study):
    tree = compose("sweep")
    assert Configuration(tree).study is None
    with pytest.raises(UserError, match="`study` must be a text of at most 500 letters, but got"):
        Configuration({**tree, "study": study}).study  # noqa: B018 - read
