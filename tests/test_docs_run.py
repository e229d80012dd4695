"""The commands that README and docs/ show run: one after the other, on a tiny film, with smoke."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from fibsem.config import compose
from fibsem.errors import UserError
from fibsem.system.files import read_json
from tests.test_docs import ROOT, commands

#: Words of commands that run in tests of their own: nothing that they need is here.
ELSEWHERE = {
    "search.storage=postgresql://me@host/db": "tests/search/test_two_machines.py",
    "search.workers=4": "tests/search/test_sweep.py",
    "study=[A,B]": "tests/test_names.py",
    "+space.axes.train.windows=[8,16]": "tests/search/test_failures.py",
    "ensemble_of=architectures": "tests/promotion/test_mixed.py",
    "train.init=models:/fibsem@champion": "tests/training/beginning/test_start.py",
    "train.teacher=outputs/teacher": "tests/training/beginning/test_teacher.py",
    "export=onnx": "tests/api/test_exporting.py",
    "repoint=/home/me/fibsem": "tests/tracking/test_repointing.py",
    "view": "tests/test_view.py",
}
#: What a page leaves to its reader, by what it is here.
READERS = {
    "segmentation=OUT": "segmentation=labels",
    "output=DIR": "output=data/new",
    "data.path=DIR": "data.path=film",
    "volume=PATH": "volume=my/stack",
    "data=demo": "data.path=film",
    "lineage=out": "lineage=labels",
}
FILM = ("data.path=film", "split.guard_px=0", "split.guard_slices=0")
#: Where a page names no network, it is one that takes no time.
SMOKE = ("experiment=smoke", *FILM, "model=threshold", "nbhd=11x11x1")
#: Where a training names one, it is that one, as small as can be. Sweeps have the other one: a
#: network that becomes champion would be run by every command after it.
SMALL = ("experiment=smoke", *FILM, "nbhd=11x11x3", "model.filters=4")
#: What every command is given beside its own words, in the order in which they need each other.
BESIDE = {
    "simulate": (
        "phantom.shape=[6,160,176]",
        "phantom.squares=4",
        "phantom.square_px=64",
        "~phantom.samples.HPC22",
        "~phantom.samples.HPC30",
    ),
    "inspect": FILM,
    "train": SMOKE,
    "evaluate": SMOKE,
    "sweep": SMOKE,
    "promote": ("experiment=smoke", *FILM, "segment=false", "force=true"),
    "segment": ("previews=1",),
    "quantify": ("blocks=1", "block_voxels=4000", "draws=1"),
    "report": FILM,
}


def key_of(word):
    return word.partition("=")[0]


def as_run(name, words):
    """The words of a page as they are, but for what is given beside them; of lists the first."""
    beside = BESIDE[name]
    if name == "train" and {"model", "train"} & set(map(key_of, words)):
        beside = SMALL
    # the minutes that a page gives to a network are no part of what is tried here
    given = {key_of(word) for word in beside} | ({"budget"} if beside is SMALL else set())
    own = [READERS.get(word, word) for word in words if word != "--multirun"]
    if "--multirun" in words:
        own = [word.split(",")[0] for word in own]
    return (name, *(word for word in own if key_of(word) not in given), *beside)


def sequence():
    """Every command once; a champion is taken back when all that need it have run."""
    found = {
        as_run(name, words): None
        for name, *words in commands()
        if not {name, *words} & ELSEWHERE.keys()
    }
    order = list(BESIDE)
    return sorted(found, key=lambda one: ("rollback=true" in one, order.index(one[0])))


def with_a_name(word):
    """A page's word for the folder of a training, with the name of one that is there."""
    place, name, rest = word.partition("outputs/train/NAME")
    return (
        f"{place}{min(Path('outputs/train').glob('*/bundle.json')).parent}{rest}" if name else word
    )


@pytest.mark.slow
def test_commands_of_the_pages_run(tiny, tmp_path, monkeypatch, capsys):
    """In one process and one store, which later commands find the work of earlier ones in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film").symlink_to(tiny)
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "stack").symlink_to(tiny / "HPC45" / "slices")
    refused = {}
    for name, *words in sequence():
        try:
            import_module(f"fibsem.{name}").main(compose(name, list(map(with_a_name, words))))
        except UserError as error:
            refused[" ".join((name, *words))] = str(error)
    assert refused == {}
    told = capsys.readouterr().out
    assert "version 1 is the champion again, instead of version 2" in told
    assert 0 < read_json(tmp_path / "labels" / "summary.json")["porosity"] < 1
    assert (tmp_path / "data" / "mine" / "dataset.yaml").is_file()


@pytest.mark.slow
def test_the_sweep_of_the_main_job_trains_its_network(tiny, tmp_path, monkeypatch):
    """In a store of its own, but for the size of window and network as README has it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film").symlink_to(tiny)
    assert ("sweep", "model=2dcnn", "nbhd=81x81x3") in {*map(tuple, commands())}
    line = ["model=2dcnn", *SMALL, "space=smoke", "output=sweep"]
    import_module("fibsem.sweep").main(compose("sweep", line))
    summary = read_json(tmp_path / "sweep" / "summary.json")
    assert 0 < summary["best"]["value"] <= 1


def test_every_command_runs_here_or_elsewhere():
    shown = {word for name, *words in commands() for word in (name, *words)}
    assert ELSEWHERE.keys() | READERS.keys() <= shown
    for word, path in ELSEWHERE.items():
        key = re.sub(r"^\+?(space\.axes\.\w+).*", r"\1", word.partition("=")[0])
        assert key in (ROOT / path).read_text(encoding="utf-8"), word
    assert {name for name, *_ in sequence()} == BESIDE.keys()
    assert len(sequence()) > 30
    named = {word for _, *words in sequence() for word in words if word.startswith("model=")}
    assert {"model=unet", "model=threshold"} <= named
