"""Who is champion, on a real SQLite store and on a real MLflow server."""

import json
from dataclasses import replace

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.api.options import one_line_errors
from fibsem.config import TrackingConfig
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from fibsem.tracking import champions, names, registry
from fibsem.tracking.bundle import Bundle, find_bundle
from fibsem.tracking.runs import Tracking
from fibsem.tracking.versions import VersionRow, champion_history, history_table
from tests.conftest import CutOffError

STORES = ["sqlite", pytest.param("server", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=STORES)
def tracking(request, new_store, tmp_path_factory):
    """An experiment in a fresh store."""
    folder = tmp_path_factory.mktemp("registry")
    new_store(folder)
    uri = f"sqlite:///{folder / 'ml.db'}"
    if request.param == "server":
        uri = request.getfixturevalue("mlflow_server")
    config = TrackingConfig(uri=uri, artifacts=str(folder / "artifacts"))
    return Tracking.open(config, "registry")


@pytest.fixture
def empty(tracking):
    """A client of a store where nothing is registered; and nothing is left there."""
    if champion_history(tracking.uri):
        tracking.client.delete_registered_model(registry.REGISTERED)
    tracking.client.create_registered_model(registry.REGISTERED)
    yield tracking.client
    tracking.client.delete_registered_model(registry.REGISTERED)


def versions(tracking, count):
    """Versions with no files behind them: only their tags and aliases matter."""
    run_id = tracking.start("a run", tags={})
    source = tracking.client.get_run(run_id).info.artifact_uri
    return [
        str(tracking.client.create_model_version(registry.REGISTERED, source, run_id).version)
        for _ in range(count)
    ]


def aliases(client):
    return {alias: str(v) for alias, v in client.get_registered_model("fibsem").aliases.items()}


def line(uri):
    return [(row.version, row.how) for row in champion_history(uri) if row.since]


@pytest.fixture
def bundle(tmp_path):
    """Function (sigma) -> folder of a bundle; what its model is does not matter here."""

    def make(sigma):
        spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
        folder = tmp_path / f"sigma-{sigma}"
        segmenter = Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(sigma, 0.5))
        Bundle(segmenter, (50.0, 10.0, 10.0)).save(folder)
        return folder

    return make


@pytest.fixture
def example():
    return np.random.default_rng(0).integers(0, 65535, (3, 24, 24)).astype(np.uint16)


@pytest.fixture
def own_run(new_store, tmp_path):
    """The run that a notebook has open, in a store and an experiment of its own."""
    new_store(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'ml.db'}")
    mlflow.set_registry_uri(mlflow.get_tracking_uri())
    mlflow.create_experiment("mine", artifact_location=(tmp_path / "mine").as_uri())
    mlflow.set_experiment("mine")
    with mlflow.start_run() as run:
        yield run.info.run_id
    mlflow.tracking.fluent._active_experiment_id = None


def test_the_run_that_a_notebook_has_open_is_left_alone(empty, tracking, bundle, example, own_run):
    """MLflow would take the run and the experiment that are open for ours, or refuse."""
    own_store = mlflow.get_tracking_uri()
    run_id = tracking.start("ours", tags={})

    @one_line_errors
    def registered():
        return registry.register(bundle(0.5), run_id, tracking.uri, {}, example=example)

    version = registered()
    assert mlflow.get_tracking_uri() == mlflow.get_registry_uri() == own_store
    mlflow.log_metric("mine", 1.0)
    own = mlflow.MlflowClient(own_store)
    assert own.get_run(own_run).data.metrics == {"mine": 1.0}
    assert own.get_run(own_run).outputs.model_outputs == []
    (output,) = empty.get_run(run_id).outputs.model_outputs
    made = empty.get_logged_model(output.model_id)
    assert (made.source_run_id, made.experiment_id) == (run_id, tracking.experiment_id)
    assert made.status == "READY"
    assert empty.get_model_version("fibsem", version).run_id == run_id


def test_promote_refuse_promote_roll_back(empty, tracking, bundle, example):
    """A is the champion, worse B refused, better C replaces it; taken back, A is champion again."""
    uri = tracking.uri

    def registered(sigma, run_id, tags):
        if sigma == 0.5 or uri.startswith("sqlite"):
            tags["fibsem.unknown"] = None
            return registry.register(bundle(sigma), run_id, uri, tags, example=example)
        # a server takes seconds for the files of another one, which nobody reads
        texts = {key: str(value) for key, value in tags.items()}
        place = tracking.client.get_run(run_id).info.artifact_uri
        made = empty.create_model_version(registry.REGISTERED, place, run_id, tags=texts)
        return str(made.version)

    def promoted(sigma, passed, reason, miou):
        run_id = tracking.start(f"sigma {sigma}", tags={})
        tags = {
            names.DATASET: "film", names.DATA: "d1a2b3", names.CODE: "0.1.0+abc",
            names.TEST_MIOU: miou, names.GATE: "passed" if passed else "refused",
            names.REASON: reason,
        }  # fmt: skip
        version = registered(sigma, run_id, tags)
        if passed:
            champions.make_champion(version, uri, reason)
        return version

    a = promoted(0.5, True, "there is no champion yet", 0.70)
    b = promoted(1.0, False, "worse than the champion on 12 test squares", 0.61)
    assert aliases(empty) == {"champion": a}
    c = promoted(1.5, True, "not worse than the champion on 12 test squares", 0.75)
    assert aliases(empty) == {"champion": c, "previous": a}
    assert champions.champion_version(uri) == c

    assert champions.rollback(uri, "leaves curtains in film 7") == (a, c)
    assert aliases(empty) == {"champion": a}
    assert find_bundle("models:/fibsem@champion", uri).segmenter.postprocessing.sigma == 0.5
    with pytest.raises(UserError, match=f"champion before, but version {a} is the first") as caught:
        champions.rollback(uri, "once more")
    assert "\n" not in str(caught.value)

    rows = champion_history(uri)
    assert [(row.version, row.how) for row in rows] == [
        (a, "promoted"), (b, "refused"), (c, "promoted"), (a, "rollback"),
    ]  # fmt: skip
    first, refused, second, back = rows
    assert first.registered < first.since < first.until == second.since
    assert second.until == back.since
    assert back.until is None
    assert refused.since is refused.until is None
    assert [row.why for row in rows] == [
        "there is no champion yet",
        "worse than the champion on 12 test squares",
        "not worse than the champion on 12 test squares",
        "leaves curtains in film 7",
    ]
    assert {(row.dataset, row.data, row.code) for row in rows} == {("film", "d1a2b3", "0.1.0+abc")}
    assert [row.test_miou for row in rows] == [0.70, 0.61, 0.75, 0.70]
    assert [row.aliases for row in rows] == [(), (), (), ("champion",)]
    assert all(row.registered.endswith("+00:00") for row in rows)

    table = history_table(uri)
    assert list(table["version"]) == [a, b, c, a]
    assert list(table["test mIoU"]) == ["0.7000", "0.6100", "0.7500", "0.7000"]
    assert list(table["alias"]) == ["", "", "", "champion"]
    assert table["champion since"][0] == first.since[:19].replace("T", " ")


def test_a_row_of_the_history_is_written_as_people_read_it():
    row = VersionRow(
        "2", "2026-01-02T03:04:05.678+00:00", None, None, why="worse", how="refused",
        dataset=None, data="d1", code="c1", test_miou=0.71234, aliases=("champion", "previous"),
    )  # fmt: skip
    read = row.as_read()
    assert read["registered"] == "2026-01-02 03:04:05"
    assert (read["champion since"], read["dataset"], read["data"]) == ("", "", "d1")
    assert (read["test mIoU"], read["alias"]) == ("0.7123", "champion, previous")
    assert replace(row, test_miou=None).as_read()["test mIoU"] == ""


def test_a_second_registration_of_the_same_bundle_is_the_first(empty, tracking, bundle, example):
    """A promotion that was killed after it registered finds its version when it is repeated."""
    run_id, folder = tracking.start("killed", tags={}), bundle(0.5)
    first = registry.register(folder, run_id, tracking.uri, {"fibsem.data": "d1"}, example=example)
    (folder / "MODEL_CARD.md").write_text("# A film\n")
    again = registry.register(folder, run_id, tracking.uri, {"fibsem.data": "d1"}, example=example)
    assert again == first
    version = empty.get_model_version("fibsem", first)
    assert version.run_id == run_id
    assert version.description == "# A film\n"
    assert version.tags["fibsem.data"] == "d1"
    identity = find_bundle(f"models:/fibsem/{first}", tracking.uri).segmenter.identity
    assert version.tags["fibsem.identity"] == identity


@pytest.mark.parametrize(
    ("owner", "call"),
    [(MlflowClient, "finalize_logged_model"), (mlflow, "register_model")],
    ids=["finalize", "register"],
)
def test_a_registration_that_was_cut_off_goes_on_with_its_logged_model(
    owner, call, empty, tracking, bundle, example, monkeypatch
):
    """Cut off before the model is whole, or before it becomes a version; twice."""
    folder, run_id = bundle(0.5), tracking.start("a promotion", tags={})

    def registered():
        return registry.register(folder, run_id, tracking.uri, {}, example=example)

    def cut_off(*_, **__):
        raise CutOffError

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(owner, call, cut_off)
            with pytest.raises(CutOffError):
                registered()
    version = registered()
    (model,) = empty.search_logged_models([tracking.experiment_id], f"source_run_id = '{run_id}'")
    assert (model.status, model.model_uri) == (
        "READY",
        empty.get_model_version("fibsem", version).source,
    )
    (output,) = empty.get_run(run_id).outputs.model_outputs
    assert output.model_id == model.model_id


def test_an_example_without_material_is_said_and_hinders_no_registration(
    empty, tracking, bundle, capsys
):
    """The middle of a film may lie in one large pore."""
    run_id, blank = tracking.start("a promotion", tags={}), np.zeros((3, 24, 24), np.uint8)
    version = registry.register(bundle(0.5), run_id, tracking.uri, {}, example=blank)
    assert empty.get_model_version("fibsem", version).run_id == run_id
    assert "warning: the served model does not label its example" in capsys.readouterr().err


def test_rollbacks_go_back_one_by_one(empty, tracking):
    one, two, three = versions(tracking, 3)
    uri = tracking.uri
    for version in (one, two, three):
        champions.make_champion(version, uri, "better", "promoted")
    assert champions.rollback(uri, "bad") == (two, three)
    assert aliases(empty) == {"champion": two, "previous": one}
    assert champions.rollback(uri, "bad too") == (one, two)
    assert aliases(empty) == {"champion": one}
    champions.make_champion(three, uri, "after all", "forced")
    assert aliases(empty) == {"champion": three, "previous": one}
    assert line(uri) == [
        (one, "promoted"), (two, "promoted"), (three, "promoted"), (two, "rollback"),
        (one, "rollback"), (three, "forced"),
    ]  # fmt: skip


def test_making_a_champion_again_changes_nothing(empty, tracking):
    one, two = versions(tracking, 2)
    champions.make_champion(one, tracking.uri, "first")
    champions.make_champion(two, tracking.uri, "second")
    before = champion_history(tracking.uri)
    champions.make_champion(two, tracking.uri, "repeated")
    assert champion_history(tracking.uri) == before
    assert aliases(empty) == {"champion": two, "previous": one}


class KilledError(Exception):
    """Stands for the end of the process."""


WRITES = (
    "set_model_version_tag", "set_registered_model_alias", "delete_registered_model_alias",
    "set_registered_model_tag", "delete_registered_model_tag",
)  # fmt: skip


@pytest.fixture
def die_before(monkeypatch):
    """Function (n): the n-th write to the registry from now on does not happen; None: all do."""

    def arm(n):
        left = [n]

        def guarded(real):
            def write(self, *args, **kwargs):
                if left[0] is not None:
                    if left[0] == 0:
                        raise KilledError
                    left[0] -= 1
                return real(self, *args, **kwargs)

            return write

        monkeypatch.undo()
        for name in WRITES:
            monkeypatch.setattr(MlflowClient, name, guarded(getattr(MlflowClient, name)))

    yield arm
    monkeypatch.undo()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["make_champion", "rollback"])
def test_the_same_command_repairs_what_a_kill_left(command, empty, tracking, die_before):
    """Cut off before each of its writes in turn, then given again: the end is the same.

    On a server, whose answers take longest, before the second one alone.
    """
    uri, once = tracking.uri, not tracking.uri.startswith("sqlite")
    n = 1 if once else 0
    while True:
        empty.delete_registered_model(registry.REGISTERED)  # a history grows slow
        empty.create_registered_model(registry.REGISTERED)
        one, two, three = versions(tracking, 3)
        for version in (one, two) if command == "make_champion" else (one, two, three):
            champions.make_champion(version, uri, "better")
        whole = (three, two) if command == "make_champion" else (two, one)
        before = line(uri)

        def run(three=three):
            if command == "make_champion":
                champions.make_champion(three, uri, "best")
            else:
                champions.rollback(uri, "bad")

        die_before(n)
        try:
            run()
        except KilledError:
            die_before(None)
            run()
            completed = False
        else:
            completed = True
        die_before(None)
        assert aliases(empty) == {"champion": whole[0], "previous": whole[1]}
        how = "promoted" if command == "make_champion" else "rollback"
        assert line(uri) == [*before, (whole[0], how)]
        if completed or once:
            break
        n += 1
    assert completed != once
    assert once or n >= 3  # a tag and two aliases at least


def test_aliases_of_a_time_without_history_are_taken_over(empty, tracking):
    """A champion that was set by other means can be replaced and brought back."""
    one, two, three = versions(tracking, 3)
    uri = tracking.uri
    empty.set_registered_model_alias("fibsem", "previous", one)
    empty.set_registered_model_alias("fibsem", "champion", two)
    assert line(uri) == [(one, "alias"), (two, "alias")]
    champions.make_champion(three, uri, "better")
    assert line(uri) == [(one, "alias"), (two, "alias"), (three, "promoted")]
    assert champions.rollback(uri, "bad") == (two, three)
    assert champions.rollback(uri, "bad") == (one, two)
    assert aliases(empty) == {"champion": one}


def test_an_alias_set_by_hand_counts_as_the_latest(empty, tracking):
    one, two = versions(tracking, 2)
    champions.make_champion(one, tracking.uri, "first")
    empty.set_registered_model_alias("fibsem", "champion", two)
    assert line(tracking.uri) == [(one, "promoted"), (two, "alias")]
    assert champions.rollback(tracking.uri, "not agreed") == (one, two)


def test_an_alias_moved_back_by_hand_counts_too(empty, tracking):
    """The one that is in use is replaced by the next, and a rollback brings it back."""
    one, two, three = versions(tracking, 3)
    champions.make_champion(one, tracking.uri, "first")
    champions.make_champion(two, tracking.uri, "second")
    empty.set_registered_model_alias("fibsem", "champion", one)
    assert line(tracking.uri) == [(one, "promoted"), (two, "promoted"), (one, "alias")]
    champions.make_champion(three, tracking.uri, "third")
    assert aliases(empty) == {"champion": three, "previous": one}
    assert champions.rollback(tracking.uri, "bad") == (one, three)


def test_a_verdict_may_change(empty, tracking, tmp_path):
    """In the tags and in the description, which is the card as it is now."""
    one, _ = versions(tracking, 2)
    for gate in ("refused", "passed"):
        tags = {"fibsem.gate": gate, "fibsem.reason": f"it is {gate}"}
        (tmp_path / "MODEL_CARD.md").write_text(f"# A card\n\n## Test\n\n{gate}\n")
        registry.note_verdict(one, tracking.uri, tags, tmp_path)
        version = empty.get_model_version("fibsem", one)
        assert (version.tags["fibsem.gate"], version.tags["fibsem.reason"]) == tuple(tags.values())
        assert version.description.endswith(f"{gate}\n")


def test_without_a_champion_there_is_nothing_to_roll_back(empty, tracking):
    with pytest.raises(UserError, match=r"`rollback` needs .* but there is no champion") as caught:
        champions.rollback(tracking.uri, "why not")
    assert "\n" not in str(caught.value)
    assert champions.champion_version(tracking.uri) is None
    assert champion_history(tracking.uri) == []
    assert history_table(tracking.uri).empty


def test_a_deleted_version_is_out_of_the_history(empty, tracking):
    one, two, three = versions(tracking, 3)
    for version in (one, two, three):
        champions.make_champion(version, tracking.uri, "better")
    empty.delete_model_version("fibsem", two)
    assert champions.rollback(tracking.uri, "bad") == (one, three)


def test_the_history_of_a_former_version_is_read_and_continued(empty, tracking):
    """Its tag had another name, which stays where it was written."""
    one, two, three = versions(tracking, 3)
    for version in (one, two):
        champions.make_champion(version, tracking.uri, "better")
        tags = empty.get_model_version("fibsem", version).tags
        empty.set_model_version_tag("fibsem", version, "fibsem.reigns", tags[names.CHAMPION_SINCE])
        empty.delete_model_version_tag("fibsem", version, names.CHAMPION_SINCE)
    changes = [(row.version, row.how) for row in champion_history(tracking.uri) if row.since]
    assert changes == [(one, "promoted"), (two, "promoted")]
    champions.make_champion(three, tracking.uri, "better")
    assert champions.rollback(tracking.uri, "bad") == (two, three)
    assert champions.rollback(tracking.uri, "bad, too") == (one, two)
    tags = empty.get_model_version("fibsem", two).tags
    assert [len(json.loads(tags[name])) for name in ("fibsem.reigns", names.CHAMPION_SINCE)] == [
        1, 2,
    ]  # fmt: skip


@pytest.mark.parametrize("history_is_known", [True, False])
def test_a_deleted_champion_is_followed_by_the_one_before(empty, tracking, history_is_known):
    """Its alias goes with it; the aliases of a time without a history tell of it, too."""
    one, two, three = versions(tracking, 3)
    for version in (one, two, three):
        champions.make_champion(version, tracking.uri, "better")
    if not history_is_known:
        for version in (one, two):
            empty.delete_model_version_tag("fibsem", version, names.CHAMPION_SINCE)
    empty.delete_model_version("fibsem", three)
    assert champions.champion_version(tracking.uri) is None
    assert champions.version_to_beat(tracking.uri) == two
    assert champions.rollback(tracking.uri, "deleted") == (two, None)
    left = {"champion": two, **({"previous": one} if history_is_known else {})}
    assert aliases(empty) == left
    if history_is_known:
        assert champions.rollback(tracking.uri, "bad") == (one, two)
    assert champions.version_to_beat(tracking.uri) == aliases(empty)["champion"]


def test_the_only_former_champion_follows_one_that_was_deleted(empty, tracking):
    one, two = versions(tracking, 2)
    for version in (one, two):
        champions.make_champion(version, tracking.uri, "better")
    empty.delete_model_version("fibsem", two)
    assert champions.rollback(tracking.uri, "deleted") == (one, None)
    with pytest.raises(UserError, match=f"version {one} is the first"):
        champions.rollback(tracking.uri, "once more")


def test_long_reasons_fit_into_a_tag(empty, tracking):
    one, two = versions(tracking, 2)
    champions.make_champion(one, tracking.uri, "ä" * 3000)
    champions.make_champion(two, tracking.uri, "x" * 10_000)
    for row in champion_history(tracking.uri):
        assert row.why.endswith("...")
        tag = empty.get_model_version("fibsem", row.version).tags["fibsem.champion_since"]
        assert len(tag) <= 5000
        assert json.loads(tag)[0]["how"] == "promoted"
