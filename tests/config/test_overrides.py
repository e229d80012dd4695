"""Texts of users arrive as they are typed, whatever Hydra would make of them."""

import os
import shlex
import subprocess
import sys

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from fibsem.config import Configuration, as_typed, command_line, compose
from fibsem.config.overrides import for_hydra, typed
from fibsem.errors import UserError

#: Names of folders that people have, and microscopes make.
NAMES = [
    "2024_01_15", "20240301", "1_000", "0012", "1e3", "2024-01-15", "12.50", "true", "nan", "0x10",
    "yes", "no", "~", "NULL", "HPC 30 % (2)", "a,b", "a=b", "50 %", "x?y#z", "Größe", "it's",
    '"a" b', "[2024] film", "a;b&c", "..", "../up", "a\\b", "tab\there", " space ", "x" * 260,
    "{a: 1}", "!x", "choice(a,b)", "C:\\film\\", "\\", "a\nb", "@x", "+x", "-x", "a:b", "日本",
]  # fmt: skip
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def hydra_reads(override):
    """The value that Hydra and OmegaConf make of an override; of a sweep the list of them."""
    parsed = OverridesParser.create().parse_override(override)
    if parsed.is_sweep_override():
        return [part.strip("\"'") for part in parsed.sweep_string_iterator()]
    return OmegaConf.to_container(OmegaConf.create({"x": parsed.value()}), resolve=True)["x"]


@pytest.mark.parametrize("value", ["0,005", "20,5,5", "1,5h"])
def test_several_values_where_one_is_meant_are_one_line(value):
    """A decimal comma, of which Hydra says that --multirun should be added."""
    with pytest.raises(UserError, match=f"`train.share` must be one value, but got {value}; a num"):
        for_hydra([f"train.share={value}"])
    assert for_hydra(["--multirun", f"train.share={value}"])[1] == f"train.share={value}"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_read_as_it_is_typed(name):
    (given_to_hydra,) = for_hydra([f"output={name}"])
    assert hydra_reads(given_to_hydra) == name
    assert typed(given_to_hydra) == ("output", name)


def test_the_configuration_has_the_names():
    tree = compose("segment", ["volume=2024_01_15", "output=a (b), c=d", "tracking.uri=12.50"])
    assert [tree["volume"], tree["output"], tree["tracking"]["uri"]] == [
        "2024_01_15", "a (b), c=d", "12.50",
    ]  # fmt: skip
    assert compose(*again(tree["command"])) == tree


def again(line):
    """Command and overrides of a command line, as a shell reads it."""
    words = shlex.split(line)
    return words[2].removeprefix("fibsem."), words[3:]


@given(TEXTS)
@example("null")
@example("[a, b]")
@example('"quoted"')
@example("a\\${b}${c}")
@example("\\\\${")
def test_every_text_can_be_given(text):
    (override,) = for_hydra([as_typed("output", text)])
    assert hydra_reads(override) == text
    _, (told,) = again(command_line("train", [override]))
    assert hydra_reads(for_hydra([told])[0]) == text


def test_a_list_has_texts():
    line = """folders=[2024_01_15, a b,"c,d", x (1, 2), it's, that's, ü]"""
    told = ["2024_01_15", "a b", "c,d", "x (1, 2)", "it's", "that's", "ü"]
    assert hydra_reads(for_hydra([line])[0]) == told
    assert hydra_reads(for_hydra(["folders=[]"])[0]) == []


def test_none_is_none():
    for value in ("null", ""):
        tree = compose("segment", [f"volume={value}", f"output={value}"])
        assert (tree["volume"], tree["output"]) == (None, None)


def test_what_is_quoted_already_stays():
    for override in ('data.path="a (b)"', "data.path='a, b'"):
        assert for_hydra([override]) == [override]
    assert compose("inspect", ['data.path="a (b)"'])["data"]["path"] == "a (b)"


def test_interpolations_are_hydras():
    assert compose("train", ["output=seed ${seed}", "seed=7"])["output"] == "seed 7"


def test_other_keys_are_hydras():
    others = [
        "seed=1_000",
        "range=[0,4095]",
        "+space.axes.train.batch=[64,128]",
        "model=2dcnn",
        "--x",
    ]
    assert for_hydra(others) == others


def test_what_hydra_cannot_read_is_refused_in_our_words():
    with pytest.raises(UserError, match=r"`train.epochs` must be a whole number, but got 'a \(b'"):
        Configuration(compose("train", ["train.epochs=a (b"])).run  # noqa: B018 - read
    with pytest.raises(UserError, match="serach"):
        compose("sweep", ["serach.storage=a=b"])


def test_a_multirun_has_several_texts():
    line = ["--multirun", "nbhd=33x33x3,49x49x3", "output=2024_01,a (1, 2),'b,c'", "seed=1,2"]
    multirun, nbhd, output, seed = for_hydra(line)
    assert (multirun, nbhd, seed) == ("--multirun", line[1], line[3])
    assert hydra_reads(output) == ["2024_01", "a (1, 2)", "b,c"]
    assert for_hydra(["-m", "output=choice(a,b)"])[1] == "output=choice(a,b)"


@pytest.mark.parametrize(
    "value", ["glob(*)", "glob(*,exclude=unet)", "unet,2dcnn", "interval(0,1)"]
)
def test_hydra_lists_the_files_of_a_group_in_a_multirun(value):
    assert for_hydra(["-m", f"model={value}"])[1] == f"model={value}"


@pytest.mark.parametrize("value", ["unet,null", "range(3)", "3,unet"])
def test_a_multirun_over_a_group_is_one_of_files(value):
    with pytest.raises(UserError, match="must name a file of conf/ or be a dictionary"):
        for_hydra(["-m", f"model={value}"])


def test_a_locale_without_letters_is_named():
    """``ü`` reaches such a program as two bytes that are no text."""
    script = "from fibsem.config.overrides import for_hydra; import sys; for_hydra(sys.argv[1:])"
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script, "output=xü"], env=os.environ | variables,
        capture_output=True, check=False,
    )  # fmt: skip
    said = done.stderr.decode().splitlines()[-1]
    assert "names and paths are read as ascii, which LC_ALL, LANG or PYTHONUTF8 say" in said
    assert "PYTHONUTF8=1" in said


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(UserError, match=r"UTF-8, but got volume=film\\udce4"):
        for_hydra(["volume=film\udce4"])


def test_lists_of_texts_are_lists_in_a_multirun_too():
    """Each was one text, and refused: the documented forms could not be used there."""
    assert for_hydra(["-m", "weights=[a,b]"])[1] == "weights=[a,b]"
    assert for_hydra(["-m", "weights=[a,b],[c]"])[1] == "weights=[a,b],[c]"
    assert for_hydra(["-m", "volume=a b,c"])[1] == "volume=a b,c"
