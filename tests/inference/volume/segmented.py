"""A segmentation whose result is read as its ``summary.json`` has it."""

import json

from fibsem.inference.volume import segmentation


def segment_volume(volume, segmenter, folder, options, **others):
    """The record of a segmentation by its keys; what is returned is what is written."""
    record = segmentation.segment_volume(volume, segmenter, folder, options, **others).to_json()
    written = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(record), parse_constant=lambda _: None) == written
    return record
