"""Kill a segmentation again and again, and compare what it ends with to an uninterrupted one.

    .venv/bin/python experiments/reliability/segment_kills.py --json FILE

About eight minutes on 2 cores. 45 slices of 1200 x 1200, slabs of one slice, a 2dcnn of 33x33x3.
The command is started and killed (SIGKILL) at random moments `--kills` times, then left to finish.
The same is done with a Dask cluster of two workers, of which one is killed. `identical` states
whether all levels of labels and probabilities are equal byte for byte to those of an undisturbed
run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, help="write the figures here")
parser.add_argument("--kills", type=int, default=20)
parser.add_argument("--slices", type=int, default=45)
parser.add_argument("--size", type=int, default=1200, help="pixels along a slice")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
random.seed(args.seed)
folder = Path(tempfile.mkdtemp(prefix="segment-kills-"))

import keras
import numpy as np
import zarr
from _made import made

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data import Recipe
from fibsem.data.volumes import create_volume
from fibsem.geometry import Nbhd
from fibsem.inference import Scorer, Segmenter
from fibsem.models import build, resolve
from fibsem.tracking import Bundle

STORES = ("labels", "probabilities")

rng = np.random.default_rng(args.seed)
shape = (args.slices, args.size, args.size)
with create_volume(folder / "stack", shape, np.uint16, format="tiff") as writer:
    for z in range(args.slices):
        writer.write(z, rng.integers(0, 65535, (1, *shape[1:])).astype(np.uint16))
keras.utils.set_random_seed(args.seed)
spec = resolve("2dcnn", Nbhd.parse("33x33x3"), "valid")
model = build(spec)
plain = Segmenter.of(spec, model, Recipe(), PostProcessing())
noise = rng.normal(size=(160, 160, 3)).astype(np.float32)
middle = float(np.median(Scorer(plain)(noise)))  # gives both pores and solid
how = PostProcessing(sigma=1.0, threshold=middle, min_size=20)
Bundle(Segmenter.of(spec, model, Recipe(), how), (50.0, 10.0, 10.0)).save(folder / "bundle")


def start(output: str, *overrides: str) -> subprocess.Popen:
    line = [
        sys.executable, "-m", "fibsem.segment", f"volume={folder / 'stack'}",
        f"weights={folder / 'bundle'}", f"output={folder / output}", "slab=1",
        "probabilities=true", *overrides,
    ]  # fmt: skip
    log = (folder / "log.txt").open("ab")
    return subprocess.Popen(line, stdout=log, stderr=log)


def arrays(output: str) -> list[np.ndarray]:
    """Return labels and probabilities at every level, beginning with the labels in full."""
    stores = [zarr.open_group(folder / output / f"{n}.ome.zarr", mode="r") for n in STORES]
    return [store[level][:] for store in stores for level in sorted(store.array_keys())]


def done(output: str) -> int:
    ledger = folder / output / "ledger.json"
    return len(json.loads(ledger.read_text())["slabs"]) if ledger.is_file() else 0


began = time.perf_counter()
process = start("whole")
while not done("whole") and process.poll() is None:
    time.sleep(0.05)
first_s = time.perf_counter() - began
assert process.wait() == 0, (folder / "log.txt").read_text()[-2000:]
each_s = (time.perf_counter() - began - first_s) / (args.slices - 1)

kills, moments = 0, []
while kills < args.kills:
    process = start("cut")
    time.sleep(random.uniform(1, first_s + 2 * each_s))  # at most one slab per start on average
    if process.poll() is not None:
        break  # finished before the kill
    process.kill()
    process.wait()
    kills += 1
    moments.append(done("cut"))
    print(f"{kills} kills, {moments[-1]} of {args.slices} slabs", flush=True)
assert start("cut").wait() == 0, (folder / "log.txt").read_text()[-2000:]
whole = arrays("whole")
same = [np.array_equal(a, b) for a, b in zip(whole, arrays("cut"), strict=True)]

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
module = [sys.executable, "-m"]
cluster = [
    subprocess.Popen([*module, "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
                      "--port", str(port), "--no-dashboard"], **quiet)
]  # fmt: skip
time.sleep(5)
for _ in range(2):
    cluster.append(
        subprocess.Popen([*module, "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}",
                          "--nthreads", "1", "--no-nanny", "--no-dashboard"], **quiet)
    )  # fmt: skip
process = start("dask", f"scheduler=tcp://127.0.0.1:{port}")
while done("dask") < 3 and process.poll() is None:
    time.sleep(0.2)
cluster[1].kill()
assert process.wait() == 0, (folder / "log.txt").read_text()[-2000:]
same_dask = [np.array_equal(a, b) for a, b in zip(whole, arrays("dask"), strict=True)]
for member in cluster:
    member.kill()
    member.wait()

figures = {
    **made(),
    "kills": kills,
    "identical": all(same),
    "slabs_done_at_kills": moments,
    "dask_worker_killed": cluster[1].returncode == -9,
    "identical_dask": all(same_dask),
    "pores": float((whole[0] == 0).mean()),
    "seconds": time.perf_counter() - began,
}
print(json.dumps(figures, indent=2))
if args.json:
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(figures, indent=2) + "\n")
