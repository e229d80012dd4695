"""One dataset with thirty hostile names goes through every command, once."""

import html
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from fibsem import evaluate, inspect, promote, report, segment, sweep
from fibsem.config import compose
from fibsem.system.file_names import file_name, name_of
from fibsem.tracking.naming import METRICS
from fibsem.tracking.store import client_of

#: What people and programs call their samples, and what nobody should.
NAMES = [
    "HPC 30 % (2)", "2024_01_15", "007", "12.50", "no", "~", "null", "true", "1e3", "0x10", "..",
    "a/b", "../up", "C:\\film", "it's", 'say "x"', "a=b, c=d", "#1", "what?", "50%41", "Größe",
    "日本", "=1+1", "@SUM(1)", "-5", "$x$ $", "<b>&amp;</b>", "a|b", "[/bold]", "x" * 260,
]  # fmt: skip
FILM = "film 50 % (ü), 'x' #1"


@pytest.fixture
def film(tmp_path, monkeypatch):
    """A dataset of thirty tiny films in a folder of a hostile name, which is the working folder."""
    here = tmp_path / "50 %, #1 (ü) it's a=b"
    here.mkdir()
    monkeypatch.chdir(here)
    rng = np.random.default_rng(0)
    samples = []
    for name in NAMES:
        folder = Path("films") / file_name(name)
        folder.mkdir(parents=True)
        solid = rng.random((3, 40, 40)) > 0.3
        for z, plane in enumerate(solid):
            grey = np.clip(plane * 90 + rng.normal(80, 15, plane.shape), 0, 255)
            tifffile.imwrite(folder / f"s_{z}.tif", grey.astype(np.uint8))
            tifffile.imwrite(folder.parent / f"{folder.name} m{z}.tif", np.uint8(255 * plane))
        rows = [
            f'"{folder.name.replace(chr(34), chr(34) * 2)} m{z}.tif",{z},0,0,{split}'
            for z, split in enumerate(("train", "val", "test"))
        ]
        table = folder.parent / f"{folder.name}.csv"
        table.write_text("\n".join(["mask,z,y,x,split", *rows]), "utf-8")
        samples.append({"name": name, "volume": str(folder), "regions": str(table)})
    record = {"name": FILM, "classes": {"pore": 0, "solid": 255}, "samples": samples}
    Path("dataset.yaml").write_text(yaml.safe_dump(record, allow_unicode=True), "utf-8")
    return here


@pytest.mark.slow
def test_thirty_hostile_samples_go_through_every_command(film, capsys):
    assert len(NAMES) == len(set(NAMES)) == 30
    common = [
        "data.path=dataset.yaml", "nbhd=7x7x1", "model=threshold", "train.share=0.05",
    ]  # fmt: skip
    inspect.main(compose("inspect", [*common[:1], "output=look (1), a=b"]))
    record = json.loads(Path("look (1), a=b/summary.json").read_text())
    assert list(record["samples"]) == NAMES
    drawn = [path.stem for path in Path("look (1), a=b").glob("squares_*.png")]
    assert len(drawn) == 30
    whole = {name_of(stem.removeprefix("squares_")) for stem in drawn}
    assert {name for name in NAMES if len(name) < 100} < whole

    study = 'it\'s my "study", 100 %'
    how = ["space=threshold", "search.trials=1", f"study={study}"]
    sweep.main(compose("sweep", [*common, *how]))
    evaluate.main(compose("evaluate", [*common, "seeds=1", "evaluation.patch_limit=100000"]))
    promoting = [
        "data.path=dataset.yaml", f"study=[{study!r}]", "rank.k=1", "candidates=1",
        "final.share=0.05", "postprocessing.sigma=[0]",
        "postprocessing.threshold_steps=3", "postprocessing.rounds=[1]",
        "postprocessing.min_size=[0]", "segmentation.previews=1", "segmentation.certificate=false",
        "output=promoted #1",
    ]  # fmt: skip
    promote.main(compose("promote", promoting))
    assert "registered" not in capsys.readouterr().err.lower()
    record = json.loads(Path("promoted #1/summary.json").read_text())
    assert list(record["samples"]) == NAMES
    volumes = [path.name for path in Path("promoted #1/volumes").iterdir()]
    assert sorted(volumes) == sorted(map(file_name, NAMES))

    client = client_of("sqlite:///mlruns/mlflow.db")
    metrics = client.get_run(record["run_id"]).data.metrics
    parts = {key.removeprefix("porosity/") for key in metrics if key.startswith("porosity/")}
    assert len(parts) == 30
    assert {name for name in NAMES if len(name) < 100} < set(map(METRICS.read, parts))
    assert client.get_experiment_by_name(FILM) is not None

    volume = f"volume=films/{file_name(NAMES[0])}"
    segment.main(compose("segment", [volume, "weights=promoted #1/bundle", "previews=0",
                                     "voxel_nm=[50,10,10]"]))  # fmt: skip
    report.main(compose("report", ["data.path=dataset.yaml", "folders=[outputs, promoted #1, "
                                   "'look (1), a=b']", "output=page"]))  # fmt: skip
    page = Path("page/index.html").read_text(encoding="utf-8")
    for name in NAMES:
        assert html.escape(name) in page
    for table in Path().rglob("*.csv"):
        for line in table.read_text(encoding="utf-8").splitlines():
            assert not line.startswith(("=", "@"))
    capsys.readouterr()
    report.main(compose("report", ["lineage=promoted #1", "output=lineage"]))
    steps = capsys.readouterr().out.partition("to make it again")[2]
    again = [shlex.split(line) for line in steps.splitlines() if "-m fibsem." in line]
    sweeps = [words for words in again if "fibsem.sweep" in words]
    assert compose("sweep", sweeps[0][3:])["study"] == study
    assert [path.name for path in film.parent.iterdir()] == [film.name]
