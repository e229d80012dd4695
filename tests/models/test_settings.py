"""Networks are built with the settings that the project was tested with."""

import json
import os
import subprocess
import sys

import keras
import pytest

from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models import build
from fibsem.models.settings import SETTINGS
from fibsem.models.spec import resolve

SPEC = resolve("2dcnn", Nbhd(3, 11, 11), "valid", {"blocks": 1, "filters": 4})


@pytest.mark.parametrize(
    ("name", "value"),
    [("dtype_policy", "mixed_float16"), ("floatx", "float64"), ("epsilon", 0.1),
     ("image_data_format", "channels_first")],
)  # fmt: skip
def test_settings_of_a_notebook_are_refused(name, value):
    before = getattr(keras.config, name)()
    getattr(keras.config, f"set_{name}")(value)
    try:
        with pytest.raises(UserError, match=f"Keras must have the {name} .*, but .* {value}"):
            build(SPEC)
    finally:
        getattr(keras.config, f"set_{name}")(before)
    assert build(SPEC).count_params()


@pytest.mark.slow
def test_settings_of_other_programs_are_not_inherited(tmp_path):
    (tmp_path / ".keras").mkdir()
    others = {"backend": "torch", "floatx": "float16", "epsilon": 0.1,
              "image_data_format": "channels_first"}  # fmt: skip
    (tmp_path / ".keras/keras.json").write_text(json.dumps(others))
    code = (
        "import fibsem, keras\nfrom fibsem.models.settings import SETTINGS\n"
        "found = {name: getattr(keras.config, name)() for name in SETTINGS}\n"
        "print({name: getattr(value, 'name', value) for name, value in found.items()})"
    )
    environment = os.environ | {"HOME": str(tmp_path), "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.stdout.strip() == str(SETTINGS), done.stderr
