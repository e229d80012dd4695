"""Champions follow each other: a better one, a worse one that is refused, and the way back."""

import csv
import json
import re
from dataclasses import replace

import mlflow
import pytest

from fibsem import promote, sweep
from fibsem.analysis.metrics import Confusion
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import Configuration, compose
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.phantom import simulate
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Segmenter
from fibsem.promotion.gate import gate
from fibsem.promotion.promotion import promote as promote_trials
from fibsem.promotion.setting import Promotion
from fibsem.promotion.testing import OnTestSquares, to_beat
from fibsem.system.files import write_json
from fibsem.tracking import champions, names, registry
from fibsem.tracking.audit import Audit
from fibsem.tracking.bundle import Bundle
from fibsem.tracking.runs import Tracking
from fibsem.tracking.versions import champion_history
from fibsem.training.scoring.squares import SquareCounts
from tests.conftest import TINY

#: What the gate says of a network that has hardly learned: by its squares, or by its porosity.
NO_BETTER = r"(worse than the champion on 8 test squares|porosity error .* grown too much)"
#: Enough test squares for the gate to decide.
FILM = replace(TINY, shape=(30, 160, 176), squares=40, square_px=48)


@pytest.fixture(scope="module")
def lab(new_store, tmp_path_factory):
    """A data set with eight test squares, and three sweeps of one trial: fair, poor, good."""
    folder = tmp_path_factory.mktemp("lab")
    simulate(FILM, folder / "film")
    common = [
        f"data.path={folder / 'film'}", "data.name=film", "nbhd=11x11x3", "model.blocks=1",
        "model.filters=8", "train.share=0.05", *new_store(folder),
    ]  # fmt: skip
    for name, rate, steps in (("fair", 0.002, 5), ("poor", 1e-7, 1), ("good", 0.05, 80)):
        how = [
            "space=smoke", "space.axes.model.blocks=[1]", "space.axes.model.filters=[8]",
            f"space.axes.train.learning_rate.low={rate}",
            f"space.axes.train.learning_rate.high={1.01 * rate}", "search.trials=1",
            f"train.steps={steps}", "train.epochs=2", f"output={folder / name}",
        ]  # fmt: skip
        sweep.main(compose("sweep", [*common, *how]))
    return common, folder


def promoted(lab, name, *more):
    """Summary of the promotion of one sweep."""
    common, folder = lab
    how = [
        f"study={name}", "segment=false", "rank.seeds=1", "final.epochs=2", "final.share=0.05",
        "postprocessing.sigma=[0,1]", "postprocessing.threshold_steps=9",
        "postprocessing.rounds=[1]", "postprocessing.min_size=[0]",
        f"output={folder / f'promote-{name}'}",
    ]  # fmt: skip
    promote.main(compose("promote", [*common, *how, *more]))
    return json.loads((folder / f"promote-{name}" / "summary.json").read_text())


def there(lab, name, *more):
    """Summary of the promotion of one sweep, which the test before may have made."""
    file = lab[1] / f"promote-{name}" / "summary.json"
    return json.loads(file.read_text()) if file.exists() else promoted(lab, name, *more)


def aliases(uri):
    client = mlflow.MlflowClient(uri)
    found = client.get_registered_model(registry.REGISTERED).aliases
    return {alias: str(version) for alias, version in found.items()}


@pytest.mark.slow
def test_a_worse_one_is_refused_a_better_one_replaces_it_and_a_rollback_goes_back(lab, capsys):
    common, folder = lab
    uri = f"sqlite:///{folder / 'ml.db'}"
    fair = promoted(lab, "fair")
    assert fair["champion"]
    assert fair["gate"]["reason"] == "there is no champion yet"
    assert 0 <= fair["gate"]["porosity_error"] < 1

    poor = promoted(lab, "poor")
    assert not poor["champion"]
    assert re.search(NO_BETTER, poor["gate"]["reason"])
    assert poor["val"]["miou"] < fair["val"]["miou"]
    assert aliases(uri) == {"champion": fair["version"]}

    # squares this small say little of porosity
    good = promoted(lab, "good", "ensemble=2", "gate.porosity_points=30")
    assert good["champion"], good["gate"]
    assert good["gate"]["p_value"] >= 0.05
    assert good["val"]["miou"] > fair["val"]["miou"]
    assert good["seeds"] == [0, 1]
    ensemble = good["ensemble"]
    assert ensemble["members"] == 2
    assert ensemble["gain_test_miou"] == pytest.approx(
        good["test_all"]["miou"] - ensemble["single_test_miou"]
    )
    assert ensemble["cost_ratio"] > 0  # of times, which vary with what else runs
    assert aliases(uri) == {"champion": good["version"], "previous": fair["version"]}

    capsys.readouterr()
    promote.main(compose("promote", [*common, "rollback=true"]))
    said = capsys.readouterr().out
    assert f"version {fair['version']} is the champion again" in said
    assert aliases(uri) == {"champion": fair["version"]}
    with pytest.raises(UserError, match="rollback"):
        promote.main(compose("promote", [*common, "rollback=true"]))
    assert aliases(uri) == {"champion": fair["version"]}

    rows = champion_history(uri)
    assert [row.version for row in rows if row.since] == [
        fair["version"], good["version"], fair["version"],
    ]  # fmt: skip
    refused = next(row for row in rows if row.version == poor["version"])
    assert refused.since is None
    assert re.search(NO_BETTER, refused.why)
    for row in rows:
        assert row.data == fair["lineage"]["data"]
        assert row.code == fair["lineage"]["code"]
    promote.main(compose("promote", [*common, "history=true"]))
    table = capsys.readouterr().out
    for text in ("there is no champion yet", "worse than", "rollback", fair["lineage"]["code"]):
        assert text in table


@pytest.mark.slow
def test_the_test_squares_are_looked_at_once(lab):
    """A second start repeats neither the look nor the registration."""
    _, folder = lab
    first = there(lab, "fair")
    looked = (folder / "promote-fair" / "test.json").read_bytes()
    assert promoted(lab, "fair")["version"] == first["version"]
    assert (folder / "promote-fair" / "test.json").read_bytes() == looked


@pytest.mark.slow
def test_a_refused_one_may_be_forced_and_nothing_is_done_again(lab, monkeypatch):
    """The same folder with force=true: the same look at the test squares, another verdict."""
    _, folder = lab
    uri = f"sqlite:///{folder / 'ml.db'}"
    fair, poor = there(lab, "fair"), there(lab, "poor")
    assert not poor["champion"]

    def again(*_):
        raise AssertionError("the test squares were looked at twice")

    monkeypatch.setattr("fibsem.promotion.testing.examine_on_test", again)
    champion = champions.champion_version(uri)
    forced = promoted(lab, "poor", "force=true", "gate.alpha=0.04")
    assert forced["champion"]
    assert forced["version"] == poor["version"] == champions.champion_version(uri)
    assert re.search(f"^forced by force=true; .*{NO_BETTER}", forced["gate"]["reason"])
    assert forced["lineage"] == poor["lineage"]
    tags = mlflow.MlflowClient(uri).get_model_version("fibsem", forced["version"]).tags
    assert tags["fibsem.gate"] == "passed"
    assert tags["fibsem.reason"] == forced["gate"]["reason"]
    assert champions.rollback(uri, "it was a test") == (champion, poor["version"])
    assert not promoted(lab, "poor", "force=true")["champion"]  # once

    with pytest.raises(UserError, match=r"final\.epochs"):
        promoted(lab, "poor", "final.epochs=3")
    assert promoted(lab, "fair")["version"] == fair["version"]


@pytest.mark.slow
def test_a_verdict_on_a_former_champion_changes_nothing(lab):
    """Stopped behind the test, and meanwhile another one was promoted."""
    _, folder = lab
    uri = f"sqlite:///{folder / 'ml.db'}"
    there(lab, "fair")
    good = there(lab, "good", "ensemble=2", "gate.porosity_points=30")
    place = folder / "promote-good"
    (place / "decision.json").unlink()
    tested = json.loads((place / "test.json").read_text())
    (place / "test.json").write_text(json.dumps({**tested, "against": "99"}))
    known = champions.champion_version(uri)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(champions, "champion_version", lambda _: "98")
        found = promoted(lab, "good", "ensemble=2", "gate.porosity_points=30")
    assert not found["gate"]["passed"]
    assert "version 98 now, but the comparison was with version 99" in found["gate"]["reason"]
    assert found["version"] == good["version"]
    assert champions.champion_version(uri) == known


@pytest.mark.slow
def test_ranking_and_gate_leave_tables_that_can_be_read(lab):
    _, folder = lab
    there(lab, "fair")
    tables = folder / "promote-fair" / "tables"
    rows = list(csv.DictReader((tables / "labelled.csv").read_text().splitlines()))
    assert {row["split"] for row in rows} == {"train", "val", "test"}
    for name in ("ranking", "confusion-train-after", "confusion-val-before"):
        assert (tables / f"{name}.csv").is_file()
    figures = {path.name for path in (folder / "promote-fair" / "figures").iterdir()}
    assert figures >= {"learning_curve.png", "surface.png", "steps.png", "reliability.png"}


# between two stores


@pytest.fixture
def work(tiny, new_store, tmp_path):
    """A promotion where nothing was promoted yet."""
    uri = new_store(tmp_path)[0].partition("=")[2]
    given = Configuration(compose("promote", [f"data.path={tiny}", f"tracking.uri={uri}"]))
    tracking = Tracking.open(given.tracking, "decisions")
    return Promotion(given, load_dataset(tiny), tmp_path, tracking)


@pytest.fixture
def judged(work):
    """Function (what of its test is changed) -> the verdict on who challenges version 1."""
    tracking, dataset, uri = work.tracking, work.dataset, work.tracking.uri
    theirs, ours = (tracking.start(name, tags={}) for name in ("theirs", "ours"))
    tracking.client.create_registered_model(registry.REGISTERED)
    for run_id in (theirs, ours):
        tags = {names.IDENTITY: "an identity"}
        tracking.client.create_model_version(registry.REGISTERED, "src", run_id, tags=tags)
    champions.make_champion("1", uri, "the first")
    counts = Confusion(((9, 1), (1, 9)))
    rows = tuple(SquareCounts("test", "film", "q", (0, 0, k), None, counts, counts)
                 for k in range(8))  # fmt: skip
    made_with = {"dataset": dataset.name, "data": dataset.hash}
    by_model = {"challenger": rows, "champion": rows}
    tested = OnTestSquares(by_model, {}, {}, "1", made_with, against_run=theirs)
    assert OnTestSquares.from_json(tested.to_json()) == tested
    return lambda learned=0, **changed: gate(work, ours, replace(tested, **changed), learned)


def test_whose_place_may_be_taken(judged, tmp_path):
    assert judged().passed
    uri = f"sqlite:///{tmp_path / 'ml.db'}"
    champions.make_champion("2", uri, "killed before it was written down")
    assert judged().passed  # it is the champion already


@pytest.mark.parametrize(
    ("learned", "said"),
    [(2, "has learned from 2 of 8 test squares"), (None, "may have learned from test squares")],
)
def test_what_the_start_had_learned_from_is_in_the_reason(judged, learned, said):
    assert said in judged(learned).reason
    assert "learned from" not in judged().reason


@pytest.mark.parametrize("changed", [{"against": None}, {"against": "2"},
                                     {"against_run": "a run of another store"}])  # fmt: skip
def test_a_champion_that_was_not_compared_stays(judged, changed):
    verdict = judged(**changed)
    assert not verdict.passed
    assert verdict.reason.startswith("the champion is version 1 now, but the comparison was with ")


def test_where_the_champion_was_deleted_the_one_before_is_compared_with(judged, work):
    champions.make_champion("2", work.tracking.uri, "better")
    work.tracking.client.delete_model_version(registry.REGISTERED, "2")
    assert champions.version_to_beat(work.tracking.uri) == "1"
    verdict = judged()
    assert verdict.passed
    assert "the last one was deleted: the comparison was with version 1" in verdict.reason


def test_a_champion_that_cannot_be_read_is_said_before_the_ranking(judged, work):
    """Its artifacts are where nobody has put any."""
    said = r"version 1 cannot be read \(.*; the choices are python -m .*repoint=.*force=true"
    with pytest.raises(UserError, match=said) as caught:  # it is the first: nothing to go back to
        promote_trials(work, [])
    assert "\n" not in str(caught.value)
    champions.make_champion("2", work.tracking.uri, "better")
    back = "version 2 cannot be read .*; the choices are rollback=true, which makes version 1 the"
    with pytest.raises(UserError, match=back):
        promote_trials(work, [])
    champions.rollback(work.tracking.uri, "as it says")
    assert "`weights`" not in str(caught.value)
    lines = []
    given = work.configuration.with_values({"gate.force": True})
    assert to_beat(replace(work, configuration=given, say=lines.append)) is None
    assert lines[0].startswith("warning: version 1 cannot be read")


def test_a_champion_that_reaches_across_the_gap_is_said_before_the_ranking(work, trained, tmp_path):
    """One of this dataset, whose squares it would score; that of another is only replaced."""
    client, uri, parts = work.tracking.client, work.tracking.uri, work.dataset.samples
    dense = replace(work.dataset, samples=tuple(replace(one, dense=True) for one in parts))
    segmenter = Segmenter.of(*trained(11, 5, filters=4), Recipe(), PostProcessing())
    client.create_registered_model(registry.REGISTERED)
    for dataset in (dense.name, "another"):
        folder = tmp_path / f"of-{dataset}"
        Bundle(segmenter, (None,) * 3, Audit(dataset=dataset)).save(folder / "artifacts" / "bundle")
        run_id = work.tracking.start(dataset, tags={})
        client.create_model_version(registry.REGISTERED, str(folder), run_id)
    champions.make_champion("1", uri, "the first")

    def over(gap, **changed):
        given = work.configuration.with_values({"split.gap": gap, "gate.force": False} | changed)
        return replace(work, configuration=given, dataset=dense, say=lines.append)

    lines = []
    said = (
        r"version 1 sees 5 slices at once, across the gap of 3 .*; the choices are "
        r"a sweep with split\.gap=4 or more, or force=true"
    )
    with pytest.raises(UserError, match=said):
        promote_trials(over(3), [])
    assert lines == []
    assert to_beat(over(3, **{"gate.force": True})) is None
    assert lines[0].startswith("warning: version 1 sees 5 slices at once")
    assert to_beat(over(4)).version == "1"
    champions.make_champion("2", uri, "of another dataset")
    assert to_beat(over(3)).version == "2"


@pytest.mark.parametrize("file", ["decision.json", "crowned.json"])
def test_a_champion_of_another_store_is_none_here(judged, tmp_path, file):
    """Promotions of earlier versions have the file under its former name."""
    verdict = {"passed": True, "reason": "better", "p_value": None, "porosity_error": None,
               "champion_porosity_error": None}  # fmt: skip
    write_json(tmp_path / file, {"version": "2", "gate": verdict})
    assert judged(against=None).reason == "better"
    write_json(tmp_path / file, {"version": "7", "gate": verdict})
    assert not judged(against=None).passed
