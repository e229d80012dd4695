"""A report on results that lie in a folder."""

import json

import pytest

from fibsem.reporting.folder import write_report
from fibsem.reporting.results import find_results
from fibsem.system.records import as_record


@pytest.fixture
def report(tmp_path):
    """Function () -> (record, page) of a report on what lies in a folder."""

    def write(history=None):
        folder = tmp_path / "report"
        results = find_results([tmp_path / "out"], "film")
        record = as_record(write_report(results, folder, history, "by hand"))
        assert json.loads((folder / "summary.json").read_text()) == record
        return record, (folder / "index.html").read_text(encoding="utf-8")

    return write
