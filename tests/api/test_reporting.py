"""A report of a dataset that is opened says whether its results are still of these data."""

import shutil

import tifffile

from fibsem import api


def test_labels_that_were_mended_make_the_figures_former_ones(tiny, tmp_path):
    data = shutil.copytree(tiny, tmp_path / "data")
    api.inspect(data, output=tmp_path / "out" / "inspect")

    def report():
        return api.report(
            data, folders=[tmp_path / "out"], output=tmp_path / "report",
            tracking={"uri": f"sqlite:///{tmp_path}/none.db"},
        )  # fmt: skip

    first = report()
    assert first.summary["data"] == first.summary["data_now"]
    assert "were changed since" not in first.text
    mask = next(path for path in sorted(data.rglob("*.tif")) if "mask" in str(path))
    labels = tifffile.imread(mask)
    labels[0, 0] = labels.max() if labels[0, 0] == labels.min() else labels.min()
    tifffile.imwrite(mask, labels)
    second = report()
    assert second.summary["of_former_data"]
    assert second.summary["data"] == first.summary["data"] != second.summary["data_now"]
    assert "warning: labels, split or films were changed since" in second.text
    assert "<dt>Former data</dt>" in second.page.read_text(encoding="utf-8")
