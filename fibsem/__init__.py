"""Pixel classifiers for FIB-SEM stacks: searched, tracked, promoted, applied to whole volumes."""

import os

__version__ = "0.1.0"

# TensorFlow takes oneDNN's kernels by itself only on processors with AVX-512 or newer. On others
# they are as right and faster, and the only ones with dilated 3D convolutions (the dense form of
# triplanar and 3dcnn). It is read when TensorFlow is imported; a setting of the user's stays.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
