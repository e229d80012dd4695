"""README and the pages under docs/ say what is: commands, keys, messages, links, Python."""

import ast
import re
import runpy
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from fibsem import api
from fibsem.api.inputs import options_of
from fibsem.api.promoting import checked
from fibsem.config import (
    Configuration,
    DataConfig,
    SearchConfig,
    TrackingConfig,
    compose,
    read,
    read_path,
    voxel_nm_of,
    weights_of,
)
from fibsem.data.dataset.manifest import SAMPLE_KEYS, TOP_KEYS
from fibsem.data.phantom import PhantomRecipe
from fibsem.data.volumes import open_volume
from fibsem.models.architectures import MODELS
from fibsem.quantification.options import QuantifyConfig
from fibsem.search.space.declared import read_space
from fibsem.view import positional

ROOT = Path(__file__).parents[1]
README, PAGES = ROOT / "README.md", sorted((ROOT / "docs").glob("*.md"))
TEXTS = {path: path.read_text(encoding="utf-8") for path in (README, *PAGES)}
COMMAND = re.compile(r"python -m fibsem\.(\w+)([^`\n]*)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def blocks(path, language=""):
    """The fenced blocks of a page in a language."""
    return [text for kind, text in BLOCK.findall(TEXTS[path]) if kind == language]


def commands():
    """Every command that a page shows, as words behind its name."""
    found = {}
    for text in TEXTS.values():
        for name, rest in COMMAND.findall(text):
            if name.isidentifier() and not name.startswith("<"):
                words = tuple(shlex.split(rest, comments=True))
                found[name, *(word for word in words if word != "--help")] = None
    return list(found)


def _trains(tree):
    Configuration(tree).run  # noqa: B018 - read, and refused where it is none


def _searches(tree):
    read(SearchConfig, tree["search"], "search")
    for point in read_space(tree).first_of_each():
        Configuration(tree).with_values(point).run  # noqa: B018 - read, and refused where it is none


def _segments(tree):
    options_of(tree), voxel_nm_of(tree), weights_of(tree)


#: What says whether a configuration is legal, by command.
LEGAL = {
    "simulate": lambda tree: PhantomRecipe.from_mapping(tree["phantom"]),
    "inspect": lambda tree: read(DataConfig, tree["data"], "data"),
    "train": _trains,
    "sweep": _searches,
    "evaluate": _trains,
    "promote": lambda tree: checked(Configuration(tree)),
    "segment": _segments,
    "quantify": QuantifyConfig.of,
    "report": lambda tree: read(TrackingConfig, tree["tracking"], "tracking"),
    "view": lambda tree: read_path(tree["segmentation"], "segmentation"),
}


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_on_a_page_is_legal(words):
    name, *overrides = words
    if "--multirun" in overrides:  # the first of each list
        overrides = [word.split(",")[0] for word in overrides if word != "--multirun"]
    if name == "view":
        overrides = positional(overrides)
    tree = compose(name, overrides)
    LEGAL[name](tree)  # raises what is wrong with it
    assert tree["command"].startswith(f"python -m fibsem.{name}")


def test_the_pages_show_every_command():
    shown = {name for name, *_ in commands()}
    assert shown == set(LEGAL)
    assert len(commands()) > 40


def test_the_models_that_are_told_of_are_those_that_there_are():
    table = (
        TEXTS[ROOT / "docs/index.md"].partition("**`model=`** is one of")[2].partition("and all")
    )
    cells = re.findall(r"^\| (`.*?) \|", table[0], re.M)
    told = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert told == [*MODELS, "auto"]
    assert {path.stem for path in (ROOT / "conf/model").glob("*.yaml")} == set(told)


def test_the_table_of_inputs_is_that_of_the_results():
    folder = ROOT / "experiments/reliability"
    table = runpy.run_path(str(folder / "table.py"))["rows"]()
    assert len(table) > 10
    assert "\n".join(table) in (folder / "README.md").read_text(encoding="utf-8")


def test_every_key_of_a_manifest_is_explained():
    keys = {*TOP_KEYS, *SAMPLE_KEYS}
    cells = re.findall(r"^\| ([^|]+) \|", TEXTS[ROOT / "docs/data.md"], re.M)
    explained = {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}
    assert explained == keys


def test_every_message_is_one_of_the_package():
    """The first column of the tables quotes what errors say; a value is an ellipsis."""
    quoted = re.findall(r"^\| `([^`]+)` \|", TEXTS[ROOT / "docs/troubleshooting.md"], re.M)
    assert len(quoted) > 25
    said = "\n".join(_literals())
    parts = [part.strip() for text in quoted for part in text.split("…")]
    assert [part for part in parts if part not in said] == []


def _literals():
    """Texts of the package with an ellipsis for what is put into them."""
    for file in (ROOT / "fibsem").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in described:  # a docstring says nothing to anybody
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(str(getattr(part, "value", "")) if isinstance(part, ast.Constant)
                              else "…" for part in node.values)  # fmt: skip


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)#\s]+)", TEXTS[path])
    inside = [target for target in targets if not target.startswith(("https://", "mailto:"))]
    assert [target for target in inside if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_code_fits_a_page_and_sentences_are_whole(path):
    """A page of 1280 pixels shows 108 columns beside its navigation."""
    fenced = [line for _, block in BLOCK.findall(TEXTS[path]) for line in block.splitlines()]
    assert [line for line in fenced if len(line) > 108] == []
    assert re.findall(r"^(?:#+ .*|```)\n\n[a-z].*", BLOCK.sub("```\n", TEXTS[path]), re.M) == []


def test_the_glossary_has_the_words_of_networks_and_sweeps_once():
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    words = [word.strip(" `") for row in rows for word in row.split(",")]
    listed = ["slot", "attempt", "trial", "square", "region", "window", "halo", "margin", "field"]
    assert [word for word in listed if words.count(word) != 1] == []


def test_readme_is_short_and_shows_what_the_pages_show():
    assert len(TEXTS[README].splitlines()) <= 91
    (python,) = blocks(README, "python")
    assert python in blocks(ROOT / "docs/python.md", "python")
    own = next(block for block in blocks(README) if "regions.csv" in block)
    assert own in blocks(ROOT / "docs/data.md")


@pytest.mark.slow
def test_python_of_the_readme_runs(tiny, tmp_path, monkeypatch):
    """Its ten lines, on a tiny film and with a model that costs nothing."""
    monkeypatch.chdir(tmp_path)
    (lines,) = blocks(README, "python")
    assert len([line for line in lines.splitlines() if line.strip()]) <= 10
    small = {
        '"demo"': repr(str(tiny)),
        'experiment="quick"': 'experiment="smoke"',
        "api.sweep(film, ": 'api.sweep(film, nbhd="11x11x1", model="threshold", ',
        '"HPC22"': '"HPC45"',
    }
    for said, cheap in small.items():
        assert said in lines
        lines = lines.replace(said, cheap)
    told = {}
    exec(lines, told)
    assert told["result"].labels.shape == told["stack"].shape == (6, 160, 176)
    assert 0 < told["result"].porosity < 1


def test_lines_that_cut_out_squares_give_a_dataset(tiny, tmp_path, monkeypatch):
    """With masks in the place of what a person draws."""
    monkeypatch.chdir(tmp_path)
    Path("film/masks").mkdir(parents=True)
    Path("film/slices").symlink_to(tiny / "HPC45" / "slices")
    (lines,) = (text for text in blocks(ROOT / "docs/data.md", "python") if "-grey.tif" in text)
    assert "side, rng = " in lines
    exec(lines.replace("256", "64"), {})
    pictures = sorted(Path("film/masks").iterdir())
    assert len(pictures) == 12
    for path in pictures:
        drawn = np.uint8(255) * (tifffile.imread(path) > 30000)
        tifffile.imwrite(path.with_name(path.name.replace("-grey", "")), drawn)
    Path("film/dataset.yaml").write_text(
        "name: film\nclasses: {pore: 0, solid: 255}\n"
        "samples: [{name: film, volume: slices, regions: regions.csv}]\n"
    )
    film = api.open_dataset("film", split={"guard_px": 0, "guard_slices": 0})
    for split in ("train", "val", "test"):
        for grey, drawn in film.squares(split):
            np.testing.assert_array_equal(drawn, grey > 30000 / 65535)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lines_that_save_pictures_as_slices_keep_every_grey_value(tmp_path, monkeypatch, dtype):
    monkeypatch.chdir(tmp_path)
    slices = Path("film/slices")
    slices.mkdir(parents=True)
    grey = np.arange(12 * 20 * 30, dtype=dtype).reshape(12, 20, 30) * dtype(9)
    for z, picture in enumerate(grey):
        Image.fromarray(picture).save(slices / f"Cell 2_{z + 1} (crop).png")
    with pytest.raises(api.UserError, match=r"none among its 12 .*most \.png; docs/data.md has"):
        api.open_volume(slices)
    (lines,) = (text for text in blocks(ROOT / "docs/data.md", "python") if "PIL" in text)
    exec(lines, {})
    np.testing.assert_array_equal(api.open_volume(slices).whole(), grey)


@pytest.mark.slow
def test_own_data_of_the_readme_runs(tiny, new_store, tmp_path):
    """The lines as they are, on slices of a phantom, with squares of its labels."""
    from tests.processes import completed  # which loads what the other tests do without

    film = open_volume(tiny / "HPC45" / "slices").whole()
    truth = open_volume(tiny / "HPC45" / "truth_slices").whole()
    slices = tmp_path / "film" / "slices"
    (slices.parent / "masks").mkdir(parents=True)
    slices.mkdir()
    (tmp_path / "mlruns").mkdir()
    new_store(tmp_path / "mlruns")
    (tmp_path / "mlruns" / "ml.db").rename(tmp_path / "mlruns" / "mlflow.db")
    for z, image in enumerate(film):
        tifffile.imwrite(slices / f"slice_{z:04d}.tif", image)
    own = next(block for block in blocks(README) if "regions.csv" in block)
    places = re.findall(r"^(masks/\w\.tif),(\d+),(\d+),(\d+)$", own, re.M)
    for k, (mask, z, y, x) in enumerate(places):
        here = (2 * k, 40 * k, 50 * k)  # the film is smaller than theirs
        own = own.replace(f"{mask},{z},{y},{x}", ",".join(map(str, (mask, *here))))
        square = truth[here[0], here[1] : here[1] + 64, here[2] : here[2] + 64]
        tifffile.imwrite(slices.parent / mask, square)
    own = own.replace("experiment=quick", "experiment=smoke split.guard_px=0 split.guard_slices=0")
    own = own.replace("fibsem.sweep", "fibsem.sweep nbhd=11x11x1 model=threshold")
    own = own.replace("python -m fibsem.inspect data.path=film", "python -m fibsem.inspect "
                      "data.path=film split.guard_px=0 split.guard_slices=0")  # fmt: skip
    files, told = own[: own.index("python -m")], ""
    given = own.removeprefix(files).splitlines()
    subprocess.run(["sh", "-e", "-c", files], cwd=tmp_path, check=True, timeout=60)
    for line in given:
        python, option, *words = shlex.split(line, comments=True)
        assert (python, option) == ("python", "-m")
        done = completed(words, tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
        told += done.stdout
    assert len(given) == 3  # inspect, sweep, promote
    assert "every label was read and is in order" in told
    assert "version 1 is the champion now" in told


def test_the_page_of_the_architecture_has_every_folder():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = page.partition("| folder | what it holds |")[2].partition("\n\n")[0]
    named = {name for line in table.splitlines() for name in re.findall(r"`([^`]+)`", line[:60])}
    package = ROOT / "fibsem"
    folders = {file.parent.relative_to(package).as_posix() for file in package.rglob("__init__.py")}
    assert folders - {".", "inference"} <= named
    assert all((package / name).is_dir() for name in named)


def test_files_that_the_page_of_the_architecture_names_are_there():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z_0-9]+/[a-z_0-9/]+\.py)`", page))
    assert len(named) > 40
    tops = (ROOT, ROOT / "fibsem")
    assert [name for name in named if not any((top / name).is_file() for top in tops)] == []
