"""What is decided once stands in the ledger, and every later start goes on with it."""

import json
from dataclasses import asdict

import pytest

from fibsem.data.material import Extent
from fibsem.inference.model import predict
from fibsem.inference.volume import plan as planning
from fibsem.inference.volume.before.budget import room_of
from tests.inference.volume.conftest import SHAPE, labels_in, plain
from tests.inference.volume.segmented import segment_volume


@pytest.fixture
def twins(monkeypatch):
    """Precision of every dense twin that is built."""
    built, build = [], predict.dense_twin

    def counted(spec, model, *, precision):
        built.append(precision)
        return build(spec, model, precision=precision)

    monkeypatch.setattr(predict, "dense_twin", counted)
    return built


def ledger_of(folder):
    return json.loads((folder / "ledger.json").read_text())


def plan_of(folder):
    return ledger_of(folder)["decided"]["decisions"]


def test_one_dense_twin_is_built_and_none_for_what_is_done(volume, segmenter, tmp_path, twins):
    options = plain(certificate=True)
    record = segment_volume(volume, segmenter, tmp_path, options)
    assert twins == ["float32"]
    assert segment_volume(volume, segmenter, tmp_path, options) == record
    assert twins == ["float32"]


def test_bfloat16_is_compared_with_the_twin_that_was_certified(volume, segmenter, tmp_path, twins):
    segment_volume(volume, segmenter, tmp_path, plain(certificate=True, precision="bfloat16"))
    assert sorted(twins) == ["bfloat16", "float32"]


def test_the_plan_names_the_tiles_and_the_memory_that_the_run_had(volume, segmenter, tmp_path):
    record = segment_volume(volume, segmenter, tmp_path, plain(tile=40))
    plan = plan_of(tmp_path)
    assert [plan["tiling"]["height"], plan["tiling"]["width"]] == record["tile"]
    assert max(record["tile"]) <= 40
    assert plan["room"]["memory_gib"] == plain().memory_gib > plan["room"]["held_gib"] > 0
    assert plan["mode"] == record["mode"] == "dense"


def test_tiles_follow_what_is_asked_for_later(volume, segmenter, begun):
    """The tile is no part of what the labels follow from: a smaller one goes on in the folder."""
    folder, record = begun
    assert segment_volume(volume, segmenter, folder, plain(tile=32)) == record
    tiling = plan_of(folder)["tiling"]
    assert max(tiling["height"], tiling["width"]) <= 32
    assert plan_of(folder)["room"]["side"] == 32


@pytest.mark.parametrize(
    "missing", [("mode", "tiling", "room"), ("mode", "tiling", "room", "extent")]
)
def test_a_ledger_from_before_plans_goes_on(volume, segmenter, begun, missing, monkeypatch):
    """And it is given the tiles that the plan lacks; an even older one knows of no material."""
    folder, record = begun
    before = labels_in(folder)
    ledger = ledger_of(folder)
    for name in missing:
        del ledger["decided"]["decisions"][name]
    del ledger["slabs"]["0"]
    (folder / "ledger.json").write_text(json.dumps(ledger))
    monkeypatch.setattr(planning, "fit_correction", None)  # that of the ledger holds
    again = segment_volume(volume, segmenter, folder, plain(), say=str)
    assert again["slabs"]["resumed"] == record["slabs"]["done"] - 1
    assert again["porosity"] == record["porosity"]
    assert (labels_in(folder) == before).all()
    assert plan_of(folder)["tiling"]["slice_shape"] == list(SHAPE[1:])
    assert plan_of(folder)["extent"] == Extent(SHAPE).as_kept.to_json()


def test_the_room_is_written_as_it_is_read(volume, segmenter, whole):
    room = room_of(volume.shape[1:], volume.kept_bytes, segmenter.halo[0], plain())
    assert plan_of(whole[0])["room"] == asdict(room)
