"""Pixels that a promotion scores, and the time of its search for a post-processing."""

from dataclasses import replace

import pytest

from fibsem.config import Configuration, PostProcessingConfig, compose
from fibsem.data.dataset.split import SPLITS
from fibsem.promotion.planning.cost import search_s, squares_px, volumes_px


@pytest.mark.parametrize(
    ("given", "members", "alone", "views", "volumes"),
    [((), 1, 0, 1 + 2, 1), (("ensemble=5",), 5, 1, 1 + 2, 5),
     (("ensemble=2", "segmentation.symmetry=8"), 2, 1, 1 + 2 + 4 + 8, 2 * 8)],
)  # fmt: skip
def test_squares_and_volumes_are_gone_over_by_every_member_in_every_view(
    material, small, given, members, alone, views, volumes
):
    """Beside an ensemble its first member alone is scored on what it is chosen and tested on."""
    promotion, dataset = Configuration(compose("promote", [*small[:2], *given])), material().dataset
    split, square = {one: len(dataset.regions(one)) for one in SPLITS}, 72 * 72
    assert sum(split.values()) == 5
    once = members * 5 * square + alone * (split["val"] + split["test"]) * square
    assert squares_px(promotion, dataset, views=False) == once
    again = members * views * split["val"] * square
    assert squares_px(promotion, dataset, views=True) == once + again
    assert volumes_px(promotion, dataset) == volumes * 6 * 160 * 176


@pytest.mark.parametrize("how", ["sample", "exhaustive"])
def test_the_search_is_timed_for_all_sigmas_and_squares(material, how):
    dataset = material().dataset
    config = PostProcessingConfig((1.0,), 0.4, 0.5, 2, (1,), (0,), search=how)
    few = search_s(dataset, config)
    many = search_s(dataset, replace(config, sigma=(1.0,) * 200))
    assert 0 < few < many
