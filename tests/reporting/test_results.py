"""Which results of a dataset are found in a folder."""

import os
import subprocess
import sys

import numpy as np
import pytest

from fibsem.data.volumes import create_volume
from fibsem.errors import UserError
from fibsem.reporting.results import Opened, find_results
from fibsem.system.files import write_json
from fibsem.system.identity import Identity
from fibsem.system.summaries import SweepSummary
from tests.test_permissions import as_anybody

ORIGIN = {"dataset": "film", "data": "new"}
SWEEP = {"study": "s", "trials": {}, "parent_run_id": "a", **ORIGIN}
EVALUATION = {"groups": [], "val": {}, "seconds_per_gigapixel": {}, **ORIGIN}
INSPECTION = {"voxel_nm": [], "samples": {}, "warnings": [], **ORIGIN}
PROMOTION = {"winner": "a", "version": "1", "gate": {}, "lineage": ORIGIN}
SEGMENTATION = {"labels": "labels", "porosity": 0.3, "slabs": {}, "lineage": [ORIGIN]}


def put(folder, record, when=0):
    write_json(folder / "summary.json", record)
    os.utime(folder / "summary.json", (1e9 + when, 1e9 + when))


def kinds(results):
    return [(result.kind, result.folder.name) for result in results.each]


def test_results_are_found_at_any_depth_by_what_is_in_them(tmp_path, capsys):
    put(tmp_path / "evaluate" / "a", EVALUATION, 1)
    put(tmp_path / "demo" / "sweep", SWEEP, 2)
    put(tmp_path / "inspect", INSPECTION, 3)
    put(tmp_path / "promote" / "p", PROMOTION, 4)
    put(tmp_path / "promote" / "p" / "volumes" / "HPC22", SEGMENTATION, 5)
    put(tmp_path / "report", {"tables": [], "dataset": "film"})
    put(tmp_path / "other", {**SWEEP, "dataset": "another"})
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "summary.json").write_text("{")
    results = find_results([tmp_path], "film")
    assert "broken/summary.json is damaged" in capsys.readouterr().err
    assert kinds(results) == [
        ("evaluation", "a"), ("sweep", "sweep"), ("inspection", "inspect"), ("promotion", "p"),
        ("segmentation", "HPC22"),
    ]  # fmt: skip
    assert [result.folder.name for result in results.of(SweepSummary)] == ["sweep"]
    again = find_results([tmp_path, tmp_path / "promote" / "p"], "film")
    assert kinds(again) == kinds(results)  # nothing twice


@pytest.mark.parametrize(
    "record", [SWEEP, {**EVALUATION, "run_id": "b"}, {**PROMOTION, "run_id": "c"}]
)
def test_a_backup_of_a_result_is_not_counted_beside_it(record, tmp_path, capsys):
    """Trials were counted twice; what went on since is newer."""
    put(tmp_path / "out" / "a", record, 2)
    put(tmp_path / "backup of out" / "a", record, 1)
    put(tmp_path / "out" / "b", {**record, "run_id": "other", "parent_run_id": "other"}, 3)
    results = find_results([tmp_path], "film")
    assert [result.folder for result in results.each] == [
        tmp_path / "out" / "a", tmp_path / "out" / "b",
    ]  # fmt: skip
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"{tmp_path / 'backup of out' / 'a'} is left out.")


def test_a_damaged_summary_is_not_called_unfinished(tmp_path, capsys):
    put(tmp_path / "whole", SWEEP)
    put(tmp_path / "labels", SEGMENTATION)
    write_json(tmp_path / "labels" / "ledger.json", {})
    (tmp_path / "labels" / "summary.json").write_text('{"labels": "lab')
    assert kinds(find_results([tmp_path], "film")) == [("sweep", "whole")]
    (line,) = capsys.readouterr().err.splitlines()
    assert "labels/summary.json is damaged" in line


@pytest.mark.parametrize("kind", ["sweep", "evaluation", "promotion"])
def test_what_was_begun_and_not_finished_is_said(kind, tmp_path, capsys):
    put(tmp_path / "whole", SWEEP)
    for name, of, what in (
        ("begun", "film", kind),
        ("o", "other", kind),
        ("t", "film", "training"),
    ):
        (tmp_path / name).mkdir()
        Identity(what, {"seed": 0}, {"name": of, "hash": "new"}).write(tmp_path / name)
    Identity(kind, {"seed": 0}, {"name": "film", "hash": "new"}).write(tmp_path / "whole")
    assert kinds(find_results([tmp_path], "film")) == [("sweep", "whole")]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"but the {kind} in {tmp_path / 'begun'} is not; it is left out.")


def test_stacks_and_trials_are_not_looked_through(tmp_path):
    put(tmp_path / "a", SWEEP)
    put(tmp_path / "a" / "trials" / "0000", SWEEP)
    put(tmp_path / "labels.ome.zarr" / "0", SWEEP)
    assert kinds(find_results([tmp_path], "film")) == [("sweep", "a")]


def test_results_that_lie_in_others_are_found_and_what_others_consist_of_is_not(tmp_path):
    measured = {"porosity_interval": {}, "percolates": {}, "lineage": [ORIGIN]}
    labels = tmp_path / "labels"
    put(labels, SEGMENTATION, 1)
    put(labels / "structure", {**measured, "segmentation": str(labels)}, 2)
    put(tmp_path / "sweep", SWEEP, 3)
    put(tmp_path / "sweep" / "inspected" / "now", INSPECTION, 4)
    put(tmp_path / "network", EVALUATION, 5)
    put(tmp_path / "p", PROMOTION, 6)
    put(tmp_path / "p" / "volumes" / "A", SEGMENTATION, 7)
    put(tmp_path / "p" / "volumes" / "A" / "q", {**measured, "segmentation": "A"}, 8)
    for part in ("labels/labels/0", "labels/uncertainty.ome.zarr/0", "sweep/trials/0000",
                 "network/seed-3", "p/rank/a/seed-0", "p/final/a", "p/bundle"):  # fmt: skip
        put(tmp_path / part, SWEEP)
    assert kinds(find_results([tmp_path], "film")) == [
        ("segmentation", "labels"), ("quantification", "structure"), ("sweep", "sweep"),
        ("inspection", "now"), ("evaluation", "network"), ("promotion", "p"),
        ("segmentation", "A"), ("quantification", "q"),
    ]  # fmt: skip


def test_results_on_another_disk_are_found_through_their_links_once(tmp_path):
    scratch, outputs = tmp_path / "scratch", tmp_path / "outputs"
    put(scratch / "segment" / "HPC22", SEGMENTATION)
    put(outputs / "sweep", SWEEP, 1)
    (outputs / "segment").symlink_to(scratch / "segment")
    (outputs / "again").symlink_to(scratch / "segment" / "HPC22")
    (scratch / "segment" / "back").symlink_to(outputs)
    (outputs / "broken").symlink_to(tmp_path / "nowhere")
    results = find_results([outputs], "film")
    assert [kind for kind, _ in kinds(results)] == ["segmentation", "sweep"]


def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    put(tmp_path / "out" / "sweep", SWEEP)
    put(tmp_path / "out" / "secret" / "sweep", SWEEP)
    (tmp_path / "out" / "secret").chmod(0)
    code = "from pathlib import Path; from fibsem.reporting.results import find_results as find; "
    code += "print(len(find([Path('out')], 'film').each))"
    line = [*as_anybody(), sys.executable, "-c", code]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    (tmp_path / "out" / "secret").chmod(0o700)
    assert done.stdout == "1\n", done.stderr
    said = "but out/secret is not (Permission denied); it is left out."
    assert [line.partition("read, ")[2] for line in done.stderr.splitlines()] == [said]


def test_results_on_former_data_are_left_out(tmp_path):
    put(tmp_path / "old", {**SWEEP, "data": "old"}, 1)
    put(tmp_path / "new", SWEEP, 2)
    # with a model of the old data, made last
    former = {**SEGMENTATION, "lineage": [{**ORIGIN, "data": "old"}]}
    put(tmp_path / "segmented", former, 3)
    results = find_results([tmp_path], "film")
    assert (results.data, results.others) == ("new", 2)
    assert kinds(results) == [("sweep", "new")]


def test_volumes_of_older_promotions_are_known_by_their_bundle(tmp_path):
    older = {key: value for key, value in PROMOTION.items() if key != "lineage"}
    put(tmp_path / "p", older)
    plain = {key: value for key, value in SEGMENTATION.items() if key != "lineage"}
    put(tmp_path / "p" / "volumes" / "HPC22", plain, 1)
    put(tmp_path / "unknown", plain, 2)
    write_json(tmp_path / "p" / "bundle" / "bundle.json", {"audit": ORIGIN})
    assert kinds(find_results([tmp_path], "film")) == [
        ("promotion", "p"),
        ("segmentation", "HPC22"),
    ]


def test_what_was_made_before_labels_were_mended_is_said_to_be(tmp_path):
    put(tmp_path / "old", {**SWEEP, "data": "old"}, 1)
    put(tmp_path / "new", SWEEP, 2)
    assert not find_results([tmp_path], "film").of_former_data  # nobody looked
    assert not find_results([tmp_path], "film", Opened("new")).of_former_data
    mended = find_results([tmp_path], "film", Opened("mended"))
    assert (mended.data, mended.now, mended.of_former_data) == ("new", "mended", True)
    back = find_results([tmp_path], "film", Opened("old"))  # labels as they were before
    assert (back.data, back.of_former_data, back.others) == ("old", False, 1)
    assert kinds(back) == [("sweep", "old")]


def test_a_film_that_the_model_of_others_labelled_belongs_to_its_dataset(tmp_path):
    with create_volume(tmp_path / "stack", (1, 4, 5), np.uint8, format="tiff") as film:
        film.write(0, np.zeros((1, 4, 5), np.uint8))
    put(tmp_path / "p", PROMOTION, 1)
    put(tmp_path / "p" / "volumes" / "A", {**SEGMENTATION, "volume_hash": "a"}, 2)
    foreign = {**SEGMENTATION, "lineage": [{"dataset": "another", "data": "x"}]}
    put(tmp_path / "same", {**foreign, "volume_hash": "a"}, 3)
    placed = {"volume": str(tmp_path / "stack"), "shape": [1, 4, 5]}
    put(tmp_path / "placed", {**foreign, **placed}, 4)
    measured = {"porosity_interval": {}, "lineage": foreign["lineage"], "percolates": {}}
    put(tmp_path / "q", {**measured, "segmentation": str(tmp_path / "same")}, 5)
    put(tmp_path / "r", {**measured, "segmentation": str(tmp_path / "placed")}, 6)
    results = find_results([tmp_path], "film")
    assert [result.folder.name for result in results.each] == ["p", "A", "same", "q"]
    assert (results.elsewhere, results.others) == ((tmp_path / "placed",), 0)
    films = frozenset([(tmp_path / "stack").resolve()])
    results = find_results([tmp_path], "film", Opened("new", films))
    assert [result.folder.name for result in results.each] == ["p", "A", "same", "placed", "q", "r"]
    assert results.elsewhere == ()
    assert find_results([tmp_path / "placed"], "mine", Opened("new", films)).each


def test_nothing_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"`data=film` must have results .* segment make some"):
        find_results([tmp_path], "film")
    with pytest.raises(UserError, match=r"nowhere is not there"):
        find_results([tmp_path / "nowhere"], "film")
    put(tmp_path / "a", {**SWEEP, "dataset": "demo"})
    put(tmp_path / "b", {**SWEEP, "dataset": "clay"})
    with pytest.raises(UserError, match=r"has none; there are some of clay, demo \(data= or"):
        find_results([tmp_path], "film")
