"""Precision of the feature maps in training steps; weights and their updates are float32.

bfloat16 has the range of float32 and 8 of its 24 bits (Kalamkar et al. 2019), so that the loss
needs no scaling. Networks are always scored and stored in float32.
"""

from __future__ import annotations

import os
from typing import Literal

import tensorflow as tf

from fibsem.models.spec import ModelSpec
from fibsem.system.processor import multiplies_bfloat16

Precision = Literal["float32", "bfloat16"]


def precision_of(setting: Literal["auto", "float32", "bfloat16"], spec: ModelSpec) -> Precision:
    """Resolve ``train.precision`` for a model.

    ``auto`` is bfloat16 if the processor multiplies it natively and the architecture is faster with
    it. It is float32 on accelerators, whose gain was not measured, and without oneDNN, which
    provides the kernels. Models that are not networks have no steps and always get float32.
    """
    if not spec.is_network:
        return "float32"
    if setting != "auto":
        return setting
    if tf.config.list_physical_devices("GPU") or os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        return "float32"
    quick = spec.architecture.quick_in_bfloat16 and multiplies_bfloat16()
    return "bfloat16" if quick else "float32"
