"""Arguments of Python become the tree that a command line gives, or the same line of complaint."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from fibsem import api
from fibsem.api.options import one_line_errors, overrides_of, tree_of
from fibsem.config import compose, flat, with_architecture
from fibsem.errors import UserError

#: What people give in Python, and what they would type.
SAME = [
    ({"train": {"steps": 200, "test": True}}, ["train.steps=200", "train.test=true"]),
    ({"train.steps": np.int64(200)}, ["train.steps=200"]),
    ({"train": {"learning_rate": 1e-05, "windows": None}},
     ["train.learning_rate=1e-05", "train.windows=null"]),
    ({"output": Path("a (b), c=d")}, ["output=a (b), c=d"]),
    ({"output": "null"}, ['output="null"']),
    ({"output": "2024_01_15"}, ["output=2024_01_15"]),
    ({"model": "unet", "model.filters": 8}, ["model=unet", "model.filters=8"]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "typed"), SAME)
def test_python_and_command_line_give_one_tree(given, typed):
    assert tree_of("train", None, given) == compose("train", with_architecture("train", typed))


def test_an_axis_is_added_as_on_the_command_line():
    tree = tree_of("sweep", "demo", {"+space.axes.train.batch": [64, 128]}, nbhd="81x81x3")
    typed = ["data=demo", "nbhd=81x81x3", "+space.axes.train.batch=[64,128]"]
    assert tree == compose("sweep", typed)


@pytest.mark.parametrize("nested", [True, False])
def test_bounds_of_figures_are_a_mapping_in_python_too(nested):
    bounds = {"cost/seconds_per_gigapixel": 2000, "val_all/miou": 0.8}
    given = {"search": {"constraints": bounds}} if nested else {"search.constraints": bounds}
    typed = ["search.constraints={cost/seconds_per_gigapixel: 2000, val_all/miou: 0.8}"]
    assert tree_of("sweep", None, given) == compose("sweep", with_architecture("sweep", typed))


@pytest.mark.parametrize(
    ("key", "axis", "typed"),
    [
        ("space.axes.train.learning_rate", {"low": 0.001, "high": 0.01},
         "{low: 0.001, high: 0.01}"),
        ("+space.axes.train.decay", {"low": 1e-4, "high": 0.01, "log": True},
         "{low: 0.0001, high: 0.01, log: true}"),
        ("+space.axes.train.loss", {"values": ["bce", "bce_iou"], "when": {"model.name": "unet"}},
         "{values: [bce,bce_iou], when: {model.name: unet}}"),
    ],
)  # fmt: skip
def test_an_axis_is_another_one_as_on_the_command_line(key, axis, typed):
    """Ends were put into the axis of before, which stayed logarithmic."""
    tree = tree_of("sweep", None, {key: axis}, model="2dcnn")
    given = compose("sweep", ["model=2dcnn", f"{key}={typed}"])
    assert tree == {**given, "command": tree["command"]}
    assert tree["space"]["axes"]["train"][key.rpartition(".")[2]] == axis


def test_texts_in_a_list_stay_what_they_are():
    names = ["a, b", "it's", "[x]", "${seed}", "2024_01_15", "null"]
    assert tree_of("promote", None, {"study": names})["study"] == names


def test_a_path_is_no_name():
    assert list(overrides_of("demo")) == ["data=demo"]
    assert list(overrides_of(Path("demo"))) == ["data.path=demo"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: api.train("demo", nbhd="80x80x3"), "odd and positive on every axis"),
        (lambda: api.train("demo", train={"epohcs": 3}), "epohcs"),
        (lambda: api.train("demo", train=[1]), "`train` must be one of default, sgd"),
        (lambda: api.train("demo", model=["2dcnn", None]), "`model` must be one of 1dcnn, "),
        (lambda: api.sweep("demo", space=[1]), "`space` must be one of 1d, 2d, 3d, auto, "),
        (lambda: api.train("demo", data=[]), "`data` must be one of demo, hpc, phantom"),
        (lambda: api.sweep("demo", search=None), "must name a file of conf/ or be"),
        (
            lambda: api.train("demo", tracking=None),
            "`tracking` is a table, of which keys are given",
        ),
        (lambda: api.sweep("demo", search={"grid": 5}), "`search.grid` is a table"),
        (
            lambda: api.evaluate("demo", tracking=[]),
            "`tracking` is a table, of which keys are given",
        ),
        (lambda: api.train(None), "`dataset` must be a name or a path, but got None"),
        (lambda: api.report(None), "`dataset` must be a name or a path, but got None"),
        (lambda: api.sweep(""), "an argument must have a value, but got data.path="),
        (lambda: api.promote("demo", study=""), "must have a value, but got study="),
        (lambda: api.evaluate("demo", budget=""), "must have a value, but got budget="),
        (lambda: api.train("nowhere"), "nowhere is not there"),
        (lambda: api.train("demo", seed={1, 2}), "`seed` must be a text, a number"),
        (lambda: api.sweep("demo", search={"dry_run": True}), "`search.dry_run` must be false"),
        (lambda: api.promote("demo", rollback=True), "`rollback` must be false"),
        (lambda: api.evaluate("demo", nbhd="80x80x3"), "odd and positive on every axis"),
        (lambda: api.evaluate("demo", compare=["a", "b"]), "`compare` must be none"),
        (
            lambda: api.compare("a", "b"),
            "`first, second` must name two folders of finished evaluations, but a is not one",
        ),
        (lambda: api.compare("a", "b", nope=1), 'nope\' (api.keys("evaluate") lists all)'),
        (lambda: api.compare("a", "b", compare="c"), "`compare` must be left to `first` and `sec"),
        (lambda: api.keys("trian"), "`command` must be one of evaluate, inspect, "),
        (lambda: api.compare("a", None), "`second` must be of api.evaluate, or its folder"),
        (lambda: api.compare(["a", "b"], "c"), "`first` must be of api.evaluate, or its folder"),
        (lambda: api.simulate("dmeo"), "dmeo"),
        (lambda: api.simulate(layout="zip"), "`layout` must be manifest or archive"),
        (lambda: api.inspect("nowhere"), "nowhere is not there"),
        (lambda: api.segment("nowhere"), "nowhere is not there"),
        (lambda: api.segment(np.zeros((2, 4, 5))), "float32"),
        (
            lambda: api.segment(np.ma.masked_less(np.eye(3, dtype="u1")[None], 1)),
            "no masked voxels",
        ),
        (lambda: api.segment([np.ma.masked_less(np.eye(3, dtype="u1"), 1)]), "no masked voxels"),
        (lambda: api.segment("nowhere", weights="other"), "`weights` must be left to `model`"),
        (lambda: api.segment("nowhere", estimate=True), "`estimate` must be left to `api.estim"),
        (lambda: api.segment("nowhere", export="onnx"), "`export` must be left to `api.export`"),
        (lambda: api.estimate("nowhere"), "nowhere is not there"),
        (lambda: api.estimate(np.zeros((2, 4, 5))), "float32"),
        (lambda: api.export(slab=2), "`slab` must be left out where `export` is given"),
        (lambda: api.export(weights="a"), "`weights` must be left to `model`, the first"),
        (lambda: api.lineage("nowhere"), "`result` must be a folder that api.segment or api.pro"),
        (lambda: api.load(), "(no store at sqlite:///mlruns/mlflow.db); api.promote registers on"),
        (lambda: api.load("no/2"), "`weights` must be a folder with bundle.json"),
        (lambda: api.segment(np.eye(3, dtype="u1")[None], "no"), "`model` must be a folder with "),
        (lambda: api.estimate(np.eye(3, dtype="u1")[None]), 'model="outputs/train/NAME"'),
        (
            lambda: api.quantify(3),
            "`segmentation` must be of api.segment, or its folder, but got i",
        ),
        (
            lambda: api.quantify("no"),
            "must be a folder of api.segment, with its summary.json, but ",
        ),
        (lambda: api.lineage(3), "`result` must be a result of api.segment or api.promote"),
        (lambda: api.report("demo", lineage="a"), "`lineage` must be left to `api.lineage`"),
        (lambda: api.lineage("a", lineage="b"), "`lineage` must be left to `result`, the first"),
        (lambda: api.repoint("a", repoint="b"), "`repoint` must be left to `old`, the first"),
        (lambda: api.repoint(None), "`old` must be a folder, but got NoneType"),
        (lambda: api.estimate(np.eye(3, dtype="u1")[None], symmetry=3), "`symmetry` must be"),
        (lambda: api.repoint("before"), "must be an MLflow store that is there"),
        (lambda: api.report("demo", folders=["nowhere"]), "is not there; api.evaluate, sweep, p"),
        (lambda: api.open_volume(np.eye(3)[None]), "`path` must be that of a folder of TIFF slic"),
        (lambda: api.open_volume(None), "but got NoneType; an array is used as it is"),
        (lambda: api.open_volume("no", value_range=3), "`value_range` must be two finite numb"),
        (lambda: api.open_volume("nowhere"), "nowhere is not there"),
    ],
)
def test_a_mistake_is_one_line(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(api.UserError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_the_system_refuses_is_one_line_too(tmp_path):
    with pytest.raises(api.UserError, match=r"must be usable, but: No such file or directory"):
        one_line_errors(lambda: (tmp_path / "x" / "y").write_text(""))()
    with pytest.raises(ZeroDivisionError):
        one_line_errors(lambda: 1 / 0)()


def test_it_is_there_at_once():
    """Whoever imports it waits for no network library."""
    heavy = "{'tensorflow', 'keras', 'mlflow', 'optuna', 'matplotlib'} & set(sys.modules)"
    line = f"import sys; from fibsem import api; api.train, api.OpenDataset; print({heavy})"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


#: Commands by the functions that complete their keys.
FUNCTIONS = {
    name: name for name in ("evaluate", "inspect", "promote", "quantify", "report", "segment",
                            "simulate", "sweep", "train")
} | {
    "estimate": "segment", "export": "segment", "load": "segment", "open_dataset": "inspect",
    "lineage": "report", "repoint": "report",
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_given_no_key_that_its_command_has_not(name):
    *given, options = inspect.signature(getattr(api, name)).parameters.values()
    keys = {one.name for one in given if repr(one.default) == "<as in conf/>"}
    assert options.kind is options.VAR_KEYWORD
    assert keys
    assert keys <= {*compose(FUNCTIONS[name], []), "experiment"}


def test_a_notebook_completes_keys():
    shell = InteractiveShell()
    shell.user_ns["api"] = api
    shell.Completer.use_jedi = False
    for line, key in (("api.train(bud", "budget="), ("api.sweep('demo', sea", "search=")):
        with provisionalcompleter():
            completed = [one.text for one in shell.Completer.completions(line, len(line))]
        assert key in completed


@pytest.mark.parametrize("name", api.__all__)
def test_every_public_name_has_an_example_of_what_there_is(name):
    """Doctests are run; of longer ones the attributes of results are looked up."""
    public = getattr(api, name)
    doc = inspect.getdoc(public)
    assert ">>>" in doc or "Examples" in doc
    for code in re.findall(r"```python\n(.*?)```", doc, re.S):
        tree = ast.parse(code)
        if isinstance(public, type):
            (result,) = (n.targets[0].id for n in tree.body[:1] if isinstance(n, ast.Assign))
            if name == "ReportResult":
                continue  # its page is a path
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == result:
                    assert hasattr(public, node.attr) or node.attr in public.__annotations__


@pytest.mark.parametrize("sizes", [[50.0, 10.0, 10.0], [50.0]])
def test_a_row_of_numpy_is_a_list(sizes):
    """Also of one number, of which it was that number."""
    assert tree_of("segment", voxel_nm=np.array(sizes))["voxel_nm"] == sizes
    assert tree_of("segment", memory_gib=np.array(2.5))["memory_gib"] == 2.5


def test_an_array_where_a_path_is_meant_is_refused_in_one_line():
    with pytest.raises(UserError, match=r"`valid` must be a text, a number, .* but got ndarray"):
        tree_of("segment", valid=np.zeros((2, 3, 4), bool))


@pytest.mark.parametrize("command", sorted({*FUNCTIONS.values()}))
def test_every_key_is_listed_with_its_default_and_comment(command):
    """But the values of spaces and of simulated films, which need none."""
    table = api.keys(command)
    own = dict(flat(compose(command, with_architecture(command, []))))
    plain = {key for key in table.index if key in own}
    assert {key: table.loc[key, "default"] for key in plain} == {key: own[key] for key in plain}
    assert {*table.index} - plain <= {
        "data", "model", "space", "search.grid.points", "search.hyperband.epochs",
        "search.nsga2.population", "search.patient.patience",
    }  # fmt: skip
    silent = table.index[table["comment"] == ""]
    assert [key for key in silent if not key.startswith(("space.", "phantom.samples."))] == []
