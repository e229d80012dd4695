"""What importing the package does to a process."""

import os
import subprocess
import sys

import pytest

ASK = "import fibsem, os; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"


@pytest.mark.parametrize(("given", "found"), [(None, "1"), ("0", "0")])
def test_onednn_is_on_unless_the_user_says_otherwise(given, found):
    name = "TF_ENABLE_ONEDNN_OPTS"
    env = {key: value for key, value in os.environ.items() if key != name}
    env |= {name: given} if given else {}
    said = subprocess.run([sys.executable, "-c", ASK], env=env, capture_output=True, text=True)
    assert said.stdout.strip() == found
