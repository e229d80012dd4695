"""Warn about dense labels in the gaps between splits, or mostly outside the training split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fibsem.data.dataset.samples import Sample
from fibsem.data.dataset.split import SPLITS, Split

#: Share of the labelled slices in gaps from which to warn.
LOST = 0.25


def drawn_for_nothing(sample: Sample) -> Iterator[str]:
    """Yield messages if many labelled slices lie in gaps, or training has the fewest of them.

    The splits get 60, 20 and 20 % of all slices, whether labelled or not.
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
