"""Options with which a promotion segments whole volumes."""

from __future__ import annotations

from fibsem.config import Configuration, read
from fibsem.inference.options import Options


def segmentation_of(configuration: Configuration) -> Options:
    """Read the options below ``segmentation`` in the configuration of a promotion."""
    return read(Options, configuration.tree["segmentation"], "segmentation")
