"""The lineage of a result, from Python and by the command."""

import json

import pytest

from fibsem import api, report
from fibsem.config import compose
from fibsem.system.files import write_json
from tests.reporting.test_lineage import CHAMPION, SEGMENT, summary


@pytest.fixture
def labels(tmp_path, monkeypatch):
    """Folder of a segmentation by a registered model."""
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "labels" / "summary.json", summary(CHAMPION))
    return tmp_path / "labels"


def test_a_lineage_is_that_of_the_command(labels, capsys):
    made = api.lineage("labels", output="python")
    assert made.contents.facts["volume hash"] == "e16a66b884f5"
    assert [step.run for step in made.steps][-1] == SEGMENT
    report.main(compose("report", ["lineage=labels", "output=command"]))
    assert capsys.readouterr().out.strip() == str(made).strip()
    written = [json.loads((labels.parent / at / "summary.json").read_text())
               for at in ("python", "command")]  # fmt: skip
    assert made.summary == written[0] == written[1]


def test_a_folder_of_other_results_is_kept(labels):
    with pytest.raises(api.UserError, match="labels"):
        api.lineage(labels, output=labels)
    assert json.loads((labels / "summary.json").read_text())["volume"] == "film/slices"
