"""Pixel classifiers for FIB-SEM stacks: searched, tracked, promoted, applied to whole volumes."""

__version__ = "0.1.0"
