"""What experiments with kills compare and count: values, not clocks; kills that hit."""

import json
import time
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

SCRIPTS = Path(__file__).parents[1] / "experiments" / "reliability"


@pytest.fixture
def script(monkeypatch):
    """Function: the name of a module beside the scripts -> the module."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return import_module


def table(folder, name, *lines):
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "lines", "later", "other"),
    [
        ("a.csv", ["miou,training time (s)", "0.5,7"], ["miou,training time (s)", "0.5,9"],
         ["miou,training time (s)", "0.6,7"]),
        ("a.md", ["| miou | s per gigapixel |", "|--:|--:|", "| 1 | 2 |"],
         ["| miou | s per gigapixel |", "|--:|--:|", "| 1 | 3 |"],
         ["| miou | s per gigapixel |", "|--:|--:|", "| 4 | 2 |"]),
        ("a.tex", ["miou & training time (s) \\\\", "1 & 2 \\\\"],
         ["miou & training time (s) \\\\", "1 & 3 \\\\"],
         ["miou & training time (s) \\\\", "4 & 2 \\\\"]),
        ("a.json", ['{"miou": 1, "train_s": 2}'], ['{"train_s": 3, "miou": 1}'],
         ['{"miou": 4, "train_s": 2}']),
        ("a.html", ["<p>1</p> 2026-11-30 12:00 UTC"], ["<p>1</p> 2026-11-30 12:01 UTC"],
         ["<p>2</p> 2026-11-30 12:00 UTC"]),
    ],
)  # fmt: skip
def test_a_digest_is_that_of_values_not_of_times(script, tmp_path, name, lines, later, other):
    digest = script("_contents").digest
    first = digest(table(tmp_path, name, *lines))
    assert digest(table(tmp_path, name, *later)) == first
    assert digest(table(tmp_path, name, *other)) != first


def test_a_digest_of_a_picture_is_that_of_its_pixels(script, tmp_path):
    digest, path = script("_contents").digest, tmp_path / "a.png"
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(pixels).save(path)
    first, size = digest(path), path.stat().st_size
    Image.fromarray(pixels).save(path, compress_level=0)
    assert path.stat().st_size != size
    assert digest(path) == first
    pixels[3, 4] += 1
    Image.fromarray(pixels).save(path)
    assert digest(path) != first


def test_a_digest_of_a_network_is_that_of_its_weights(script, tmp_path):
    digest, path = script("_contents").digest, tmp_path / "a.keras"
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.save(path)
    first, content = digest(path), path.read_bytes()
    time.sleep(1.1)  # what the archive says of when it was written changes
    network.save(path)
    assert path.read_bytes() != content
    assert digest(path) == first
    network.layers[0].bias.assign([1e-7])
    network.save(path)
    assert digest(path) != first


def test_a_digest_of_a_checkpoint_leaves_out_its_run(script, tmp_path):
    digest, path = script("_contents").digest, tmp_path / "a.npz"

    def saved(weight, run, seconds):
        record = np.frombuffer(json.dumps({"train_s": seconds}).encode(), np.uint8)
        np.savez(path, weight=np.float32(weight), run_id=run, record=record)
        return digest(path)

    first = saved(1, "0" * 32, 5)
    assert saved(1, "1" * 32, 6) == first
    assert saved(2, "0" * 32, 5) != first


def test_kills_at_random_that_miss_are_followed_by_others(script):
    kills = script("_kills")
    plan = kills.Plan(("train", "sweep"), ("train", "sweep"), "none", 7, 0)
    known = {name: {"points": [], "seconds": 10.0} for name in plan.commands}
    tried = {}
    for k, (key, _, seconds) in enumerate(kills.tries(known, tried, plan)):
        assert 0 <= seconds < 10
        assert key not in tried
        tried[key] = kills.MISSED if k % 3 == 0 else ""
    rows = kills.table(known, tried, plan)
    assert [rows[name]["random_hit"] for name in plan.commands] == [4, 3]
    assert sum(row["random_missed"] for row in rows.values()) == len(tried) - 7 > 0
    assert sum(row["random_equal"] for row in rows.values()) == 7


def test_processes_share_all_kills(script):
    kills = script("_kills")
    points = [f"replace to train/{k} in training.f < training.g" for k in range(5)]
    known = {"train": {"points": points, "seconds": 1.0}}
    found = []
    for place in range(3):
        plan = kills.Plan(("train",), ("train",), "all", 8, 0, (place, 3))
        tried = {}
        for key, *_ in kills.tries(known, tried, plan):
            tried[key] = ""
        found += tried
    assert len(found) == len(set(found)) == 2 * 5 + 8
    later = kills.Plan(("train",), ("train",), "none", 9, 0)
    tried = dict.fromkeys(found, "")
    for key, *_ in kills.tries(known, tried, later):
        tried[key] = ""
    assert len(tried) == len(found) + 1  # those of earlier starts count


def test_the_table_of_kills_is_that_of_the_results(script):
    figures = json.loads((SCRIPTS / "results" / "commit_points.json").read_text())
    table = script("collect_kills").printed(figures["commands"])
    page = (SCRIPTS / "README.md").read_text(encoding="utf-8")
    assert len(table) > 8
    assert "\n".join(table) in page
    assert all(commit.partition("+")[2] in page for commit in figures["commits"])


def test_artifacts_that_list_attempts_are_compared_by_name(script, tmp_path):
    """A kill leaves an attempt more; the ranked trials and their hyperparameters stay the same."""
    place = tmp_path / "1" / "ab" / "artifacts"
    (place / "figures").mkdir(parents=True)
    (place / "trials.json").write_text("[]")
    table(place, "trials.csv", "rank,number,val/loss,run_id", f"1,0,0.5,{'0' * 32}")
    for name in ("validation_squares.png", "importance.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(place / "figures" / name)
    artifacts = script("_outcomes").artifacts
    found = artifacts(tmp_path, "ab")
    assert found["trials.json"] is found["figures/validation_squares.png"] is None
    assert found["figures/importance.png"]
    table(place, "trials.csv", "rank,number,val/loss,run_id", f"1,1,0.5,{'1' * 32}")
    assert artifacts(tmp_path, "ab") == found
    table(place, "trials.csv", "rank,number,val/loss,run_id", f"1,1,0.6,{'1' * 32}")
    assert artifacts(tmp_path, "ab") != found
