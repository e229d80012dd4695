"""What an epoch is fed: as many batches as it has steps, and none is waited for."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.config.epochs import steps_per_epoch
from fibsem.training.material.feeding import Feed, as_dataset, epoch_batches


@pytest.mark.parametrize("mode", ["grid", "patch"])
def test_an_epoch_has_the_steps_that_see_every_pixel_or_those_that_are_given(material, mode):
    setting = material(f"train.mode={mode}", "train.share=0.2", "train.steps=null")
    whole = steps_per_epoch(setting.training_size)
    assert whole > 3
    for given, steps in ((None, whole), (2, 2), (99, 99)):
        how = replace(setting.config.train, steps=given)
        changed = setting.for_config(replace(setting.config, train=how))
        batches, count = epoch_batches(changed, 0)
        assert count == steps
        assert sum(1 for _ in batches()) == steps


def test_an_epoch_does_not_wait_for_a_tuner_of_the_input():
    """With it an iterator is let go 2.56, 5.12, 10.24 s after its start, not when it is done."""
    batch = tuple(np.zeros((1, 2, 2, 1), "f4") for _ in range(3))
    assert as_dataset(lambda: iter([batch])).options().autotune.enabled is False


def test_epochs_of_one_shape_go_through_one_dataset_each_with_its_own_batches():
    feed = Feed()

    def fed(value, side):
        part = np.full((1, side, side, 1), value, "f4")
        dataset = feed.of(lambda: iter([(part, part, part)] * 2))
        return dataset, [float(images[0, 0, 0, 0]) for images, *_ in dataset]

    first, second, larger, third = fed(1, 2), fed(2, 2), fed(3, 4), fed(4, 2)
    assert [values for _, values in (first, second, larger, third)] == [
        [1, 1], [2, 2], [3, 3], [4, 4],
    ]  # fmt: skip
    assert first[0] is second[0] is third[0] is not larger[0]
