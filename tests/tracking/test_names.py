"""What is stored under a name is found by it: each has one place."""

import ast
from pathlib import Path

import fibsem
from fibsem.system import metric_names
from fibsem.tracking import names

PACKAGE = Path(fibsem.__file__).parent


def test_names_of_tags_are_spelt_in_one_file():
    values = [value for name, value in vars(names).items() if name.isupper()]
    tags = {value for value in values if str(value).startswith(("fibsem.", "mlflow."))}
    assert len(tags) > 20
    spelt = {
        (file.name, tag)
        for file in PACKAGE.rglob("*.py")
        if file != Path(names.__file__)
        for text in [file.read_text(encoding="utf-8")]
        for tag in tags
        if f'"{tag}"' in text
    }
    assert not spelt


def test_names_of_metrics_are_spelt_in_one_file():
    values = [value for name, value in vars(metric_names).items() if name.isupper()]
    metrics = {value for value in values if "/" in value}
    assert len(metrics) > 12
    spelt = {
        (file.name, node.value)
        for file in PACKAGE.rglob("*.py")
        if file != Path(metric_names.__file__)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value in metrics or node.value.startswith(("porosity/", "porosity_low/"))
    }
    assert not spelt
