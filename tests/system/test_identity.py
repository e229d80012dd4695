"""Results are taken up where settings and data agree; else what differs is named."""

import json

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.errors import UserError
from fibsem.system.identity import (
    FILE,
    KEYS,
    Identity,
    differences,
    kind_of,
    same_data,
    settle,
    tell_removed,
)

keys = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6).filter(
    lambda key: key != "hash"
)
plain = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | st.text(max_size=5)
settings = st.dictionaries(keys, plain | st.lists(plain, max_size=2), max_size=5)
digests = st.dictionaries(keys, st.text("0123456789abcdef", min_size=4, max_size=4), max_size=4)
identities = st.builds(Identity, st.sampled_from(["training", "sweep"]), settings, digests)

TRAINING = Identity(
    "training",
    {"model.name": "2dcnn", "model.blocks": 1, "seed": 0},
    {"hash": "aaa-bbb", "grey values of film": "11", "labels of film": "22"},
)


def with_settings(**changed):
    given = {key.replace("__", "."): value for key, value in changed.items()}
    return Identity("training", {**TRAINING.settings, **given}, TRAINING.data)


@hypothesis.settings(max_examples=30)  # each writes a file
@given(identities)
def test_what_is_written_is_read(tmp_path_factory, identity):
    folder = tmp_path_factory.mktemp("identity")
    identity.write(folder)
    again = Identity.beside(folder)
    assert again == identity
    assert again.hash == identity.hash


@given(identities, identities)
def test_two_that_differ_are_refused_and_two_that_agree_are_not(before, now):
    if before == now:
        now.check(before, "there")
        return
    with pytest.raises(UserError) as caught:
        now.check(before, "there")
    assert "\n" not in str(caught.value)
    assert before.hash != now.hash


@given(settings, st.data())
def test_every_setting_that_differs_is_named_with_both_values(given, data):
    key, then, now = data.draw(keys), data.draw(plain), data.draw(plain)
    if json.dumps(then) == json.dumps(now) or then == now:
        return
    told = list(
        differences(
            Identity("sweep", {**given, key: then}, {}), Identity("sweep", {**given, key: now}, {})
        )
    )
    assert len(told) == 1
    for value in (then, now):
        assert (value if isinstance(value, str) else json.dumps(value)) in told[0]
    assert told[0].startswith(f"{key} (")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (with_settings(seed=1), r"another seed \(0, now 1\)"),
        (with_settings(model__name="unet"), r"another model.name \(2dcnn, now unet\);"),
        (Identity("training", TRAINING.settings, {**TRAINING.data, "labels of film": "33"}),
         r"another labels of film \(22, now 33\)"),
        (Identity("training", TRAINING.settings, {**TRAINING.data, "grey values of film": "9"}),
         r"another grey values of film \(11, now 9\)"),
        (Identity("training", TRAINING.settings, {"hash": "aaa-bbb", "labels of other": "22"}),
         r"labels of other \(none, now 22\)"),
        (Identity("sweep", TRAINING.settings, TRAINING.data), "holds a training"),
        (with_settings(a=1, b=1, c=1, d=1, e=1, f=1), "and 2 more"),
    ],
)  # fmt: skip
def test_what_differs_is_said_in_one_line_with_the_way_out(now, said):
    with pytest.raises(UserError, match=said) as caught:
        now.check(TRAINING, "folder")
    assert str(caught.value).endswith(
        "the choices are another output, the former settings or overwrite=true."
    )


def test_a_setting_that_is_younger_than_the_results_has_its_default():
    younger = with_settings(train__new="auto")
    younger.check(TRAINING, "folder", defaults=lambda: {"train.new": "auto"})
    with pytest.raises(UserError, match=r"train\.new \(auto, now fast\)"):
        with_settings(train__new="fast").check(
            TRAINING, "folder", defaults=lambda: {"train.new": "auto"}
        )


def test_results_of_a_version_before_agree_by_the_hash_that_they_have():
    old = Identity("training", TRAINING.settings, {"hash": "aaa"})
    TRAINING.check(old, "folder")
    with pytest.raises(UserError, match=r"another data \(aab, now aaa-bbb\)"):
        TRAINING.check(Identity("training", TRAINING.settings, {"hash": "aab"}), "folder")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("aaa-bbb", "aaa-bbb", True), ("aaa-bbb", "aaa-ccc", False), ("aaa", "aaa-ccc", True),
     ("aaa", "aaa", True), ("aa", "aaa-ccc", False), (None, "aaa", False), (None, None, False)],
)  # fmt: skip
def test_hashes_of_two_versions(one, other, same):
    assert same_data(one, other) == same_data(other, one) == same


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")


def test_a_folder_is_begun_gone_on_with_refused_and_begun_anew(tmp_path):
    settle(tmp_path, TRAINING, ["result.json"])
    put(tmp_path, "result.json", "notes.txt")
    settle(tmp_path, TRAINING, ["result.json"])
    other = with_settings(seed=1)
    with pytest.raises(UserError, match="another seed"):
        settle(tmp_path, other, ["result.json"])
    assert Identity.beside(tmp_path) == TRAINING
    settle(tmp_path, other, ["result.json"], overwrite=True)
    assert Identity.beside(tmp_path) == other
    assert {path.name for path in tmp_path.iterdir()} == {FILE, "notes.txt"}


def test_what_is_removed_before_its_end_is_told_where_it_would_be_gone_on_with(tmp_path, capsys):
    def said(now):
        tell_removed(tmp_path, now, end="result.json")
        return capsys.readouterr().out

    assert said(TRAINING) == ""
    settle(tmp_path, TRAINING, ["result.json"])
    assert said(with_settings(seed=1)) == ""
    assert said(TRAINING) == (
        f"warning: overwrite=true removes what was done so far of this training in {tmp_path}; "
        "without it the same settings go on from there\n"
    )
    put(tmp_path, "result.json")
    assert said(TRAINING) == ""


def test_overwrite_begins_anew_even_if_the_identity_is_damaged(tmp_path, capsys):
    settle(tmp_path, TRAINING, ["result.json"])
    (tmp_path / FILE).write_text('{"kind": "trai')
    put(tmp_path, "result.json")
    settle(tmp_path, TRAINING, ["result.json"], overwrite=True)
    assert not (tmp_path / "result.json").exists()
    assert "is damaged" in capsys.readouterr().err


def test_overwrite_leaves_the_results_of_another_command(tmp_path):
    settle(tmp_path, Identity("evaluation", {}, {}), [])
    put(tmp_path, "result.json")
    with pytest.raises(UserError, match=r"holds an evaluation; the choices are another output\."):
        settle(tmp_path, TRAINING, ["result.json"], overwrite=True)
    assert (tmp_path / "result.json").exists()


@pytest.mark.parametrize("kind", KEYS)
def test_no_kind_of_results_is_taken_for_another_by_its_keys(kind):
    """Segmentations, promotions and quantifications have a lineage among others."""
    record = dict.fromkeys(KEYS[kind], 1)
    assert kind_of(record) == kind_of({**record, "lineage": []}) == kind


def test_results_without_an_identity_are_asked_what_they_are(tmp_path):
    with pytest.raises(UserError, match="another seed"):
        settle(tmp_path, with_settings(seed=1), [], former=lambda: TRAINING)
    assert Identity.beside(tmp_path) is None
    settle(tmp_path, TRAINING, [], former=lambda: TRAINING)
    assert Identity.beside(tmp_path) == TRAINING
