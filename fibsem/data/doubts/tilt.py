"""Warn if the gradient of the grey values lies along another axis than the corrected one."""

from __future__ import annotations

from collections.abc import Iterator

from fibsem.data.dataset.samples import Sample
from fibsem.data.preprocessing import Gradient, mean_profile, read_material

#: Change of grey value along the other axis, relative to the mean, from which to warn, and its
#: minimum ratio to the change along the corrected axis. Simulated volumes change by 0.15 to 0.31
#: along x and by at most 0.04 along y, real ones without a tilt by at most 0.08.
STEEP, TIMES = 0.1, 3.0
#: Number of evenly spaced slices that are read.
SLICES = 8


def left_in(sample: Sample, gradient: Gradient) -> Iterator[str]:
    """Yield a message if the gradient along the axis that is not corrected is much steeper.

    Takes the time to read eight slices twice. The published volumes, whose archive counts x by
    rows, and the simulated ones differ in that axis.
    """
    if gradient == "none":
        return
    other: Gradient = "y" if gradient == "x" else "x"
    change, fitted = _change(sample, other), _change(sample, gradient)
    if abs(change) >= max(STEEP, TIMES * abs(fitted)):
        yield (
            f"{sample.name}: grey values change by {100 * abs(change):.0f} % along {other}, but "
            f"preprocess.gradient={gradient} corrects {gradient} ({100 * abs(fitted):.0f} %); "
            f"preprocess.gradient={other} is the other choice"
        )


def _change(sample: Sample, axis: Gradient) -> float:
    """Change of the grey value from one end of an axis to the other, relative to the mean."""
    assert axis != "none"
    grey = mean_profile(read_material(sample.volume, sample.extent, SLICES), axis)
    mean = float(grey.profile.mean())
    return grey.slope * grey.profile.size / mean if mean else 0.0
