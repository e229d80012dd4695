"""Summaries that earlier versions wrote: today's classes write them again as they were."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from fibsem.system.files import write_json
from fibsem.system.records import as_record, typed
from fibsem.system.summaries import SHAPES, FilmPorosity
from fibsem.system.summaries.segmentation import (
    BesideTraining,
    LabelFiles,
    LabelledBy,
    LabelledVolume,
)

WRITTEN = Path(__file__).parent / "written"


def in_order(path):
    """A record with its keys in their order."""
    return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=list)


#: A segmentation is written part by part.
PARTS = (FilmPorosity, BesideTraining, LabelledVolume, LabelFiles, LabelledBy)
WHOLE = sorted({path.stem for path in WRITTEN.glob("*.json")} - {"segmentation"})


@pytest.mark.parametrize("kind", WHOLE)
def test_a_summary_is_written_as_it_was_read(kind, tmp_path):
    """Every key, in its order: who writes a summary makes the class that others read."""
    before, again = WRITTEN / f"{kind}.json", tmp_path / "summary.json"
    write_json(again, as_record(typed(SHAPES[kind], json.loads(before.read_text("utf-8")))))
    assert in_order(again) == in_order(before)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_segmentation_is_written_as_it_was_read(part, tmp_path):
    before, again = WRITTEN / "segmentation.json", tmp_path / "summary.json"
    record = json.loads(before.read_text("utf-8"))
    write_json(again, as_record(typed(part, record)))
    assert issubclass(SHAPES["segmentation"], part)
    keys = {one.name for one in fields(part)}
    assert in_order(again) == [(key, value) for key, value in in_order(before) if key in keys]
