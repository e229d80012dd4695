"""In which precision steps are made: that of their maps; weights and their sums are float32.

bfloat16 has the range of float32 and 8 of its 24 bits (Kalamkar et al. 2019), so that a loss needs
no scaling. Networks are scored and kept in float32, whatever they learned in.
"""

from __future__ import annotations

import os
from typing import Literal

import tensorflow as tf

from fibsem.models.spec import ModelSpec
from fibsem.system.processor import multiplies_bfloat16

Precision = Literal["float32", "bfloat16"]


def precision_of(asked: Literal["auto", "float32", "bfloat16"], spec: ModelSpec) -> Precision:
    """The precision that ``train.precision`` asks for, of a network.

    ``auto`` is bfloat16 where this processor multiplies it and the architecture is quicker so. It
    is float32 on accelerators, for what they gain was not measured, and where oneDNN is switched
    off, which has the kernels. What is no network has no steps, and float32.
    """
    if not spec.is_network:
        return "float32"
    if asked != "auto":
        return asked
    if tf.config.list_physical_devices("GPU") or os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        return "float32"
    quick = spec.architecture.quick_in_bfloat16 and multiplies_bfloat16()
    return "bfloat16" if quick else "float32"
