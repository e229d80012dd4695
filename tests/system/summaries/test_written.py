"""Summaries that earlier versions wrote: today's classes write them again as they were."""

import json
from pathlib import Path

import pytest

from fibsem.system.files import write_json
from fibsem.system.records import as_record, typed
from fibsem.system.summaries import SHAPES

WRITTEN = Path(__file__).parent / "written"


def in_order(path):
    """A record with its keys in their order."""
    return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=list)


WHOLE = sorted(path.stem for path in WRITTEN.glob("*.json"))


@pytest.mark.parametrize("kind", WHOLE)
def test_a_summary_is_written_as_it_was_read(kind, tmp_path):
    """Every key, in its order: who writes a summary makes the class that others read."""
    before, again = WRITTEN / f"{kind}.json", tmp_path / "summary.json"
    write_json(again, as_record(typed(SHAPES[kind], json.loads(before.read_text("utf-8")))))
    assert in_order(again) == in_order(before)


def test_a_segmentation_of_unknown_models_names_none_and_a_cluster_its_scheduler():
    """Keys are left out where nothing is known; of one process there is no scheduler."""
    record = json.loads((WRITTEN / "segmentation.json").read_text("utf-8"))
    named = ("weights", "versions", "lineage", "code", "command")
    alone = {key: value for key, value in record.items() if key not in named}
    assert as_record(typed(SHAPES["segmentation"], alone)) == alone
    several = {**record, "workers": 2, "scheduler": None, "earlier_code": ["0.1.0"]}
    assert as_record(typed(SHAPES["segmentation"], several)) == several
