"""Losses of a training on two logical devices, and of the same one on one; run by test_fit.

python -m tests.training.steps.mirrored OVERRIDES...
"""

import sys

import tensorflow as tf

from fibsem.config import Configuration, compose
from fibsem.training.material.datasets import obtain
from fibsem.training.material.material import Material
from fibsem.training.steps.fit import train
from fibsem.training.steps.learner import Learner


def main() -> None:
    tf.config.set_logical_device_configuration(  # refused where a device is in use
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # for seconds
    config = Configuration(compose("train", sys.argv[1:])).run
    material = Material(obtain(config.data, config.split), config)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    two, one = train(material, learner=Learner.of(config, strategy)), train(material)
    for a, b in zip(two.history, one.history, strict=True):
        print(a.val["loss"], b.val["loss"])


if __name__ == "__main__":
    main()
