"""A report on results that lie in a folder."""

import json

import pytest

from fibsem.reporting.folder import write_report
from fibsem.reporting.results import find_results


@pytest.fixture
def report(tmp_path):
    """Function () -> (record, page) of a report on what lies in a folder."""

    def write(history=None):
        folder = tmp_path / "report"
        record = write_report(find_results([tmp_path / "out"], "film"), folder, history, "by hand")
        assert json.loads((folder / "summary.json").read_text()) == record
        return record, (folder / "index.html").read_text(encoding="utf-8")

    return write
