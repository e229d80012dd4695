"""Reliability diagram."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from fibsem.analysis.calibration import Calibration
from fibsem.analysis.figures.style import NEUTRAL, SOLID, STYLE


def reliability(calibration: Calibration) -> Figure:
    """Plot observed frequency against probability of solid, and the distribution of pixels.

    Curves are drawn before and after calibration; the dashed line is perfect calibration.

    Examples
    --------
    ```python
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.2, 0.6, 0.4, 0.9])
    before, after = (Reliability.of(labels, with_temperature(scores, t)) for t in (1.0, 2.0))
    reliability(Calibration(2.0, loss_before=0.54, loss_after=0.58, before=before, after=after))
    ```
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6, 4.4), layout="constrained")
        curves, share = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    curves.plot((0, 1), (0, 1), "--", color=NEUTRAL, lw=0.8)
    for curve, colour, name in (
        (calibration.before, NEUTRAL, "as they are"),
        (
            calibration.after,
            SOLID,
            f"temperature {calibration.temperature:.2f}, offset {calibration.offset:+.2f}",
        ),
    ):
        curves.plot(
            curve.predicted, curve.observed, color=colour, lw=1.2, marker="o", ms=3,
            label=f"{name}\ncalibration error {curve.error:.4f}",
        )  # fmt: skip
        edges = np.linspace(0, 1, len(curve.counts) + 1)
        share.stairs(np.divide(curve.counts, sum(curve.counts)), edges, color=colour, lw=1.2)
    curves.set(ylabel="observed frequency of solid", ylim=(-0.02, 1.02))
    # above the axes, as the curves may pass through any corner
    curves.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
    share.set(xlabel="probability of solid", ylabel="share of pixels", xlim=(-0.02, 1.02))
    return figure
