"""What is stored under a name is found by it: each has one place."""

from pathlib import Path

import fibsem
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
