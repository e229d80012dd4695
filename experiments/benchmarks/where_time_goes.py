"""Where the time of the dense form goes, layer by layer, and what was tried to shorten it.

    .venv/bin/python experiments/benchmarks/where_time_goes.py --json FILE

About three minutes. 2dcnn, 81x81x3, four blocks, one tile of 768 x 768 in float32. Every layer is
timed alone on input of its own shape and compared with the rate of a matrix product. Then the whole
network is timed in variants: XLA; Eigen's kernels instead of oneDNN's (a process of its own); ReLU
in place of ELU; one and two threads. None of the variants is in use; they show the possible gains.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from _common import matmul_gflops, options, report, seconds

parser = options(__doc__.splitlines()[0])
parser.add_argument("--side", type=int, default=768)
parser.add_argument("--only-network", action="store_true", help="print seconds of the network")
parser.add_argument("--threads", type=int, help="of TensorFlow inside one operation")
args = parser.parse_args()

import keras
import numpy as np
import tensorflow as tf

if args.threads:
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)

from fibsem.geometry import Nbhd
from fibsem.inference import operations_per_pixel
from fibsem.models import build, resolve

spec = resolve("2dcnn", Nbhd.parse("81x81x3"), "valid", {"blocks": 4})
network = build(spec, dense=True)
grown = args.side + spec.window[0] - 1
rng = np.random.default_rng(0)
tile = tf.constant(rng.normal(size=(1, grown, grown, 3)).astype(np.float32))


def timed(call, *inputs) -> float:
    """Return the median seconds of a function as a graph, without fetching its output."""
    graph = tf.function(lambda *given: tf.reduce_max(call(*given)))
    return seconds(lambda: graph(*inputs).numpy())


def whole(model: keras.Model, **how) -> float:
    graph = tf.function(lambda given: model(given, training=False), **how)
    return seconds(lambda: graph(tile).numpy())


network_s = whole(network)
if args.only_network:
    print(json.dumps(network_s))
    sys.exit()


def elsewhere(*arguments: str, **environment: str) -> float:
    """Return the seconds of the network in another process."""
    line = [sys.executable, __file__, "--only-network", "--side", str(args.side), *arguments]
    done = subprocess.run(
        line, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout.splitlines()[-1])


gflops = matmul_gflops()
layers, x = [], tile
for layer in network.layers[1:]:
    took = timed(layer, x)
    after = layer(x)
    pixels = float(np.prod(after.shape[1:3]))
    operations = (
        2 * float(np.prod(layer.kernel.shape)) * pixels if hasattr(layer, "kernel") else 0.0
    )
    moved = 4 * (float(np.prod(x.shape)) + float(np.prod(after.shape)))
    layers.append(
        {
            "layer": layer.name,
            "seconds": took,
            "gflop": operations / 1e9,
            "share_of_matrix_rate": operations / took / 1e9 / gflops,
            "gigabytes_per_s": moved / took / 1e9,
        }
    )
    print(layers[-1], flush=True)
    x = after
alone = sum(layer["seconds"] for layer in layers)
for layer in layers:
    layer["share_of_time"] = layer["seconds"] / alone

plain = keras.models.clone_model(network)
for layer in plain.layers:
    if getattr(layer, "activation", None) is keras.activations.elu:
        layer.activation = keras.activations.relu
pixels = args.side**2
floor_s = operations_per_pixel(network) * pixels / (gflops * 1e9)
variants = {
    "relu": whole(plain),
    "xla": whole(network, jit_compile=True),
    "eigen": elsewhere(TF_ENABLE_ONEDNN_OPTS="0"),
    "one_thread": elsewhere("--threads", "1"),
    "two_threads": elsewhere("--threads", "2"),
}
report(
    {
        "side": args.side,
        "network_s": network_s,
        "pixels_per_s": pixels / network_s,
        "matmul_gflops": gflops,
        "floor_s": floor_s,
        "gemm_share": floor_s / network_s,
        "sum_of_layers_s": alone,
        "layers": layers,
        "variants_s": variants,
        "variants_ratio": {name: took / network_s for name, took in variants.items()},
    },
    args.json,
)
