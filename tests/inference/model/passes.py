"""Memory of a pass of validation: as many input pixels at once as are stated; run by test_pieces.

python -m tests.inference.model.passes OVERRIDES...
"""

import re
import sys
from pathlib import Path

import numpy as np

from fibsem.config import Configuration, compose
from fibsem.data.pieces import SIDE
from fibsem.inference.model.pieces import AT_ONCE, input_of
from fibsem.inference.model.predict import compiled
from fibsem.models import build

STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def mib(key):
    """A line of this process's status, in MiB."""
    return int(re.search(rf"{key}:\s+(\d+)", STATUS.read_text())[1]) / 2**10


def main() -> None:
    spec = Configuration(compose("train", sys.argv[1:])).run.spec
    network = build(spec)
    forward, slices = compiled(network), network.input_shape[-1]
    height, width = input_of(spec, (SIDE // spec.stride, SIDE // spec.stride))
    forward(np.zeros((1, height, width, slices), np.float32))  # traces
    images = np.zeros((AT_ONCE // (height * width), height, width, slices), np.float32)
    PEAK.write_text("5")  # the peak counts from here
    before = mib("VmRSS")
    forward(images)
    print(mib("VmHWM") - before)


if __name__ == "__main__":
    main()
