"""Dense labels that were drawn for nothing, or for other parts than people mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fibsem.data.dataset.samples import Sample
from fibsem.data.dataset.split import SPLITS, Split

#: Share of the drawn slices that lie in the gaps, from which it is said.
LOST = 0.25


def drawn_for_nothing(sample: Sample) -> Iterator[str]:
    """Say which slices of dense labels are of no part, and whether training has the fewest.

    The parts are 60, 20 and 20 % of the slices, whichever of them were drawn.
    """
    if not sample.dense:
        return
    drawn: defaultdict[Split, set[int]] = defaultdict(set)
    for region in sample.labelled:
        drawn[region.split].add(region.box.start[0])
    lost, used = len(sample.in_gaps), sum(map(len, drawn.values()))
    if lost and lost >= LOST * (lost + used):
        yield (
            f"{sample.name}: {lost} of {lost + used} slices with labels lie in the gaps between "
            "the parts: nothing is learned from them, or tested; the choices are a smaller "
            "split.gap and a region table"
        )
    counts = [len(drawn[split]) for split in SPLITS]
    if used and counts[0] < max(counts[1:]):
        yield (
            f"{sample.name}: {counts[0]} slices with labels are for training, {counts[1]} for "
            f"validation and {counts[2]} for testing, as the parts are 60, 20 and 20 % of the "
            "slices, drawn or not; a region table names the parts"
        )
