"""From a summary alone to the commands that make it again, in the order in which they are run."""

import copy
import shlex
from dataclasses import replace

import pytest

from fibsem.config import compose
from fibsem.errors import UserError
from fibsem.reporting.again import UNKNOWN
from fibsem.reporting.lineage import read_lineage
from fibsem.system.files import write_json
from fibsem.system.records import typed
from fibsem.system.summaries.lineage import Lineage
from fibsem.tracking.audit import Audit
from fibsem.tracking.bundle import Bundle
from fibsem.tracking.provenance import provenance

LINEAGE = {
    "sweep": {
        "study": "film-2dcnn-33x33x3-0a1b2c3d",
        "parent_run_id": "aaaa",
        "command": "python -m fibsem.sweep data=demo nbhd=33x33x3",
    },
    "trial": {"run_id": "bbbb", "name": "blocks=3 learning_rate=0.01", "seed": 7},
    "promotion": {
        "run_id": "cccc",
        "seeds": [0, 1],
        "command": "python -m fibsem.promote data=demo ensemble=2",
    },
    "dataset": "demo",
    "data": "c8d2fc37b004",
    "data_source": {"name": "demo", "path": None, "phantom": "demo"},
    "code": "0.1.0+37a2faa",
}
SEGMENT = "python -m fibsem.segment volume=film/slices output=out"
#: What a segmentation of an older version says.
OLDER = {
    "volume": "film/slices",
    "shape": [24, 384, 384],
    "porosity": 0.2213,
    "porosity_ci": [0.2189, 0.2237],
    "labels": "labels.ome.zarr",
    "slabs": {"done": 6, "resumed": 0},
    "model": "0123456789ab",
    "members": ["2dcnn 33x33x3", "2dcnn 33x33x3"],
}


def summary(*bundles, code="0.1.0+37a2faa", command=SEGMENT):
    """The summary of a segmentation by (weights, version, audit) bundles."""
    models = [
        (name, Bundle(None, (None,) * 3, typed(Audit, audit), at)) for name, at, audit in bundles
    ]
    told = provenance(models, code=code, command=command)
    return {**OLDER, "volume_hash": "e16a66b884f5", **told.to_json()}


def written(folder, record):
    write_json(folder / "summary.json", record)
    return read_lineage(folder)


CHAMPION = ("models:/fibsem@champion", "3", {"lineage": LINEAGE})


def test_everything_that_was_asked_for_is_said(tmp_path):
    text = written(tmp_path, summary(CHAMPION)).text()
    for known in ("film/slices", "24 x 384 x 384", "e16a66b884f5", "0.2213 by the map (were",
                      "its slices would say 21.89 to 22.37 %)",
                  "models:/fibsem@champion", "film-2dcnn-33x33x3-0a1b2c3d", "run aaaa", "run bbbb",
                  "blocks=3 learning_rate=0.01", "run cccc, seeds 0, 1", "demo, hash c8d2fc37b004",
                  "0.1.0+37a2faa"):  # fmt: skip
        assert known in text
    assert "trial seed   7" in text
    assert "version      3\n" in text
    assert UNKNOWN not in text


def test_the_commands_are_in_order_and_a_shell_can_run_the_end(tmp_path):
    lineage = written(tmp_path, summary(CHAMPION))
    assert [step.run for step in lineage.steps] == [
        "git checkout 37a2faa",
        "python -m fibsem.simulate phantom=demo output=data/demo",
        LINEAGE["sweep"]["command"],
        LINEAGE["promotion"]["command"],
        SEGMENT,
    ]
    assert "models:/fibsem/3" in lineage.steps[-1].note  # where the alias has moved
    script = lineage.text().partition("to make it again\n")[2].splitlines()
    commands = [line.strip() for line in script if not line.strip().startswith("#")]
    assert commands == [step.run for step in lineage.steps]


def test_the_summary_alone_is_enough(tmp_path):
    lineage = written(tmp_path, summary(CHAMPION))
    assert read_lineage(tmp_path / "summary.json").steps == lineage.steps
    record = lineage.record()
    assert record["models"][0]["version"] == "3"
    assert record["models"][0]["trial"]["seed"] == 7
    assert [step["run"] for step in record["steps"]][-1] == SEGMENT


def test_what_a_store_calls_a_version_now_is_added(tmp_path):
    lineage = written(tmp_path, summary(CHAMPION))
    assert lineage.registered == {"fibsem/3": "cccc"}
    asked = replace(lineage, aliases={"fibsem/3": ["previous"]})
    assert "3, previous now" in asked.text()
    assert "3, without an alias now" in replace(lineage, aliases={"fibsem/3": []}).text()
    assert asked.record()["models"][0]["aliases"] == ["previous"]
    assert lineage.record()["models"][0]["aliases"] is None  # no store: nothing is claimed


@pytest.mark.parametrize(
    ("code", "run", "note"),
    [
        ("0.1.0+37a2faa-dirty", "git checkout 37a2faa", "not committed"),
        ("0.1.0+v0.1.0-12-g37a2faa", "git checkout v0.1.0-12-g37a2faa", "fibsem 0.1.0"),
        ("0.1.0", None, "without its history"),
        (None, None, UNKNOWN),
    ],
)
def test_the_code_is_named_as_well_as_it_is_known(tmp_path, code, run, note):
    audit = {"lineage": {**LINEAGE, "code": code}}
    first = written(tmp_path, summary(("models:/fibsem/3", "3", audit), code=code)).steps[0]
    assert first.run == run
    assert note in first.note


def test_every_part_runs_with_its_own_code(tmp_path):
    lineage = copy.deepcopy(LINEAGE)
    lineage["trial"]["code"] = "0.1.0+aaaaaaa"
    record = summary(("models:/fibsem/3", "3", {"lineage": lineage}), code="0.1.0+ccccccc")
    runs = [step.run for step in written(tmp_path, record).steps]
    assert [run for run in runs if run.startswith("git")] == [
        "git checkout aaaaaaa", "git checkout 37a2faa", "git checkout ccccccc",
    ]  # fmt: skip
    assert runs.index("git checkout 37a2faa") == runs.index(lineage["promotion"]["command"]) - 1


def test_every_sweep_that_was_ranked_is_run_again(tmp_path):
    """Without the trials of the other one another trial might win."""
    lineage = copy.deepcopy(LINEAGE)
    other = {"study": "other", "command": "python -m fibsem.sweep model=unet", "code": "0.1.0+b"}
    lineage["sweeps"] = [lineage["sweep"], other]
    record = summary(("models:/fibsem/3", "3", {"lineage": lineage}))
    steps = written(tmp_path, record).steps
    assert [step.run for step in steps if step.run and "fibsem.sweep" in step.run] == [
        LINEAGE["sweep"]["command"], other["command"],
    ]  # fmt: skip
    assert "git checkout b" in [step.run for step in steps]


def test_of_an_ensemble_all_members_are_told_and_nothing_is_done_twice(tmp_path):
    other = copy.deepcopy(LINEAGE)
    other["promotion"] |= {"run_id": "dddd", "command": "python -m fibsem.promote study=other"}
    folder = ("bundles/b", None, {"lineage": other})
    lineage = written(tmp_path, summary(CHAMPION, folder))
    runs = [step.run for step in lineage.steps]
    assert len(runs) == len(set(runs)) == 6
    assert runs[3:5] == [LINEAGE["promotion"]["command"], other["promotion"]["command"]]
    text = lineage.text()
    assert text.index("model 1 of 2") < text.index("run cccc") < text.index("model 2 of 2")
    assert "none: a folder" in text
    assert "run dddd" in text


def test_a_promotion_segments_its_samples_itself(tmp_path):
    """The summary of a sample's volume names the command of the promotion."""
    record = summary(("models:/fibsem/3", "3", {"lineage": LINEAGE}),
                     command=LINEAGE["promotion"]["command"])  # fmt: skip
    runs = [step.run for step in written(tmp_path, record).steps]
    assert runs[-1] == LINEAGE["promotion"]["command"]
    assert runs.count(runs[-1]) == 1


@pytest.mark.parametrize(
    "record",
    [
        OLDER,
        {"winner": "bbbb", "version": "4", "gate": {"passed": True, "reason": "the first"}},
    ],
)
def test_a_lineage_of_null_is_none(tmp_path, record):
    told = written(tmp_path, record).text()
    assert written(tmp_path, {**record, "lineage": None}).text() == told


def test_a_segmentation_without_the_names_of_its_models_is_told(tmp_path):
    """It was a traceback."""
    record = {key: value for key, value in OLDER.items() if key not in ("weights", "versions")}
    lineage = written(tmp_path, {**record, "lineage": [LINEAGE]})
    assert "model" in lineage.text()
    assert f"weights      {UNKNOWN}" in lineage.text()


def test_a_promotion_itself(tmp_path):
    gate = {"passed": False, "reason": "worse than the champion", "p_value": 0.01}
    record = {"winner": "bbbb", "version": "4", "gate": gate, "lineage": LINEAGE}
    lineage = written(tmp_path, record)
    assert "version 4, refused" in lineage.text()
    assert "worse than the champion" in lineage.text()
    assert lineage.registered == {"fibsem/4": "cccc"}
    assert lineage.steps[-1].run == LINEAGE["promotion"]["command"]
    # one of an older version has its audit in the bundle
    del record["lineage"]
    write_json(tmp_path / "bundle" / "bundle.json", {"audit": {"winner": "bbbb", "data": "c8d2"}})
    assert "hash c8d2" in written(tmp_path, record).text()


def test_what_an_older_bundle_does_not_know_is_said(tmp_path):
    audit = {"winner": "bbbb", "run_id": "cccc", "dataset": "film", "data": "c8d2fc37b004"}
    assert Lineage.of_bundle(audit).trial.run_id == "bbbb"
    text = written(tmp_path, summary(("bundle", None, audit))).text()
    for known in ("run bbbb", "run cccc", "film, hash c8d2fc37b004", SEGMENT):
        assert known in text
    assert f"sweep        {UNKNOWN}" in text
    assert f"the sweep: command {UNKNOWN}" in text
    assert f"code         {UNKNOWN}" in text


def test_an_older_segmentation_tells_what_it_has(tmp_path):
    lineage = written(tmp_path, OLDER)
    assert "0123456789ab" in lineage.text()
    assert f"the segmentation: command {UNKNOWN}" in lineage.text()
    assert [step.run for step in lineage.steps] == [None] * 5


@pytest.mark.parametrize("path", ["film", "films/a (b)/dataset.yaml", "a,b/[c].yaml"])
def test_a_dataset_by_its_path_is_found_again(tmp_path, path):
    audit = {"lineage": {**LINEAGE, "data_source": {"name": "phantom", "path": path}}}
    step = written(tmp_path, summary(("b", None, audit))).steps[1]
    words = shlex.split(step.run)
    assert words[:3] == ["python", "-m", "fibsem.inspect"]
    assert compose("inspect", words[3:])["data"]["path"] == path


def test_the_published_archive_is_downloaded(tmp_path):
    audit = {"lineage": {**LINEAGE, "data_source": {"name": "hpc", "path": None, "phantom": None}}}
    step = written(tmp_path, summary(("b", None, audit))).steps[1]
    assert step.run == "python -m fibsem.inspect data=hpc data.download=true"


def test_earlier_code_is_told(tmp_path):
    record = {**summary(CHAMPION), "earlier_code": ["0.1.0+0000000"]}
    assert "0.1.0+0000000, of a part of the slabs" in written(tmp_path, record).text()


def test_anything_else_is_refused_in_one_line(tmp_path):
    write_json(tmp_path / "sweep" / "summary.json", {"study": "a"})
    for place, why in ((tmp_path / "nowhere", "is not there"), (tmp_path, "is not one"),
                       (tmp_path / "sweep", "is not one")):  # fmt: skip
        with pytest.raises(UserError, match=why) as caught:
            read_lineage(place)
        assert "\n" not in str(caught.value)
