"""Warnings about a dataset that should be checked before training."""

from fibsem.data.doubts.placing import Placing, misplaced

__all__ = ["Placing", "misplaced"]
