"""Settings of other programs: what a fresh process makes of each.

    .venv/bin/python experiments/reliability/settings.py --json FILE

Two minutes. The outcome of a setting is right if a network is built as in the tests of the project
and a run is logged where the configuration says, and wrong otherwise. Run against another version
of the package (PYTHONPATH), the script reports how that version handles the settings.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from _made import made

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, help="write the figures here")

#: Code of a process that no setting should affect.
PROBE = """
from fibsem.geometry import Nbhd
from fibsem.models import build, resolve
model = build(resolve("2dcnn", Nbhd(3, 11, 11), "valid", {"blocks": 1, "filters": 4}))
from keras import config
found = config.backend(), config.floatx(), config.epsilon(), config.image_data_format()
assert found == ("tensorflow", "float32", 1e-7, "channels_last"), found
assert (config.dtype_policy().name, model.compute_dtype) == ("float32", "float32")
try:
    from fibsem.system.libraries import disinherit
    disinherit()  # what every command does first
except ImportError:
    pass
from fibsem.config import TrackingConfig
from fibsem.tracking import Tracking
tracking = Tracking.open(TrackingConfig("sqlite:///m.db", "artifacts"), "film")
store = tracking.client._registry_uri  # older versions name the file as it was given
assert store.startswith("sqlite:///") and store.endswith("m.db"), store
run = tracking.start("a run", tags={})
tracking.log_metrics(run, {"a": 1.0})
assert tracking.client.get_run(run).data.metrics == {"a": 1.0}
"""
KERAS = {
    "floatx": "float32", "epsilon": 1e-7, "backend": "tensorflow",
    "image_data_format": "channels_last",
}  # fmt: skip
#: Settings that users may have in ~/.keras/keras.json.
FILES = [
    {"image_data_format": "channels_first"}, {"backend": "torch"}, {"backend": "jax"},
    {"floatx": "float64"}, {"floatx": "float16"}, {"floatx": "bfloat16"}, {"epsilon": 0.1},
    {"dtype_policy": "mixed_float16"},
]  # fmt: skip
VARIABLES = [
    {"KERAS_BACKEND": "jax"}, {"KERAS_BACKEND": "torch"}, {"KERAS_MAX_EPOCHS": "x"},
    {"MLFLOW_REGISTRY_URI": "http://127.0.0.1:9"}, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"},
    {"MLFLOW_EXPERIMENT_NAME": "x"}, {"MLFLOW_ENABLE_ASYNC_LOGGING": "true"},
]  # fmt: skip


def unnoticed(home: Path, variables: dict[str, str]) -> bool:
    """Return whether a process with this home and these variables works as without them."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("KERAS", "MLFLOW"))}
    environment = plain | {"HOME": str(home)} | variables
    line = [sys.executable, "-c", PROBE]
    return not subprocess.run(line, env=environment, cwd=home, capture_output=True).returncode


def main() -> None:
    args, counts = parser.parse_args(), Counter({"right": 0, "wrong": 0})
    for setting in [*FILES, *VARIABLES]:
        with TemporaryDirectory() as folder:
            home = Path(folder)
            if setting in FILES:
                (home / ".keras").mkdir()
                (home / ".keras" / "keras.json").write_text(json.dumps(KERAS | setting))
            fine = unnoticed(home, {} if setting in FILES else setting)
        counts["right" if fine else "wrong"] += 1
        print("right" if fine else "wrong", setting, flush=True)
    if args.json:
        args.json.write_text(json.dumps({**counts, **made()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
