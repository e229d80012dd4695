"""Whether the gradient of grey values is taken out along the axis that it lies on."""

from __future__ import annotations

from collections.abc import Iterator

from fibsem.data.dataset.samples import Sample
from fibsem.data.preprocessing import Gradient, mean_profile

#: Change of the grey value over the other axis, as a share of its mean, from which it is said, and
#: how often that of the axis itself it has to be. Simulated films change by 0.15 to 0.31 along x
#: and by 0.04 along y at most, real ones without a tilt by 0.08 at most.
STEEP, TIMES = 0.1, 3.0
#: Slices that are looked at, evenly spread.
SLICES = 8


def left_in(sample: Sample, gradient: Gradient) -> Iterator[str]:
    """Say if a film has a gradient along the other axis than the one it is fitted on.

    Time: that of reading eight slices twice. The published films, whose archive counts x by rows,
    and simulated ones differ in that axis.
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
    """Change of the grey value from one end of an axis to the other, as a share of the mean."""
    assert axis != "none"
    grey = mean_profile(sample.volume, axis, SLICES, sample.extent)
    mean = float(grey.profile.mean())
    return grey.slope * grey.profile.size / mean if mean else 0.0
