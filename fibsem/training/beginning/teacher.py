"""Distillation: train on labels and on the probabilities of another model, ``train.teacher``.

A label gives one class, the probability of a trained model also how certain it is, which teaches a
smaller network more [1]_. With a single output the softened target is a number between 0 and 1,
``(1 - share) * label + share * probability``, and the loss is the cross-entropy with it.

References
----------
.. [1] G. Hinton, O. Vinyals and J. Dean, Distilling the knowledge in a neural network,
   arXiv:1503.02531 (2015).
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import DIGEST
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.dataset import Dataset, check_depth
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import SplitRecipe
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes.lengths import in_words
from fibsem.data.windows import HalfArray, labelled_regions
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.volume.before.likeness import differs
from fibsem.training.beginning.origin import TEACHER, Origin, too_good
from fibsem.training.beginning.trained_before import (
    TrainedBefore,
    read_once,
    trained_at,
    with_digest,
)
from fibsem.training.boxes import box_scores, within

KEY = "train.teacher"
#: Difference of mean probabilities from which a teacher contradicts the labels.
AGAINST = 0.2


@dataclass(frozen=True)
class Taught:
    """Probabilities of solid that a teacher gives the training regions of a dataset.

    Attributes
    ----------
    maps
        Box of each region and its probabilities, (h, w) float16, by :attr:`Region.key`.
    """

    maps: Mapping[str, tuple[Box, HalfArray]]

    def __call__(self, region: Region) -> HalfArray:
        """Return the probabilities of a region or of a part of one, (h, w) float16."""
        box, probabilities = self.maps[region.key]
        return probabilities[within(region.box, box)]

    def against(self, regions: Iterable[Region]) -> Iterator[str]:
        """Warn if pixels that are labelled pore are likelier solid than those labelled solid."""
        totals, counts = np.zeros(2), np.zeros(2)
        for region in regions:
            labels, probabilities = region.read(), self(region)
            for value in (0, 1):
                of_class = probabilities[labels == value]
                totals[value] += of_class.sum(dtype=np.float64)
                counts[value] += of_class.size
        pore, solid = totals / np.maximum(counts, 1)
        if counts.all() and pore - solid > AGAINST:
            yield (
                f"the teacher ({KEY}) calls pixels that are labelled pore solid with a probability "
                f"of {pore:.2f}, and those labelled solid of {solid:.2f}: was it trained on films "
                f"of opposite contrast? {KEY}=null learns from labels alone"
            )


@dataclass(frozen=True)
class Teacher:
    """A model that other networks learn from.

    Attributes
    ----------
    model
        Networks, correction recipe and calibration of the model, and the origin of its data.
    address
        Address of the model, with aliases resolved and a digest appended.
    """

    model: TrainedBefore
    address: str

    @property
    def title(self) -> str:
        """Name of the teacher in messages."""
        members = self.model.segmenter.members
        of = " + ".join(f"{member.spec.name} {member.spec.nbhd}" for member in members)
        return f"{DIGEST.sub('', self.address)} ({of})"

    @property
    def recipe(self) -> Recipe:
        """Recipe by which grey values are corrected for the teacher."""
        return self.model.segmenter.recipe

    @property
    def origin(self) -> Origin:
        """Data that the teacher was trained on."""
        return self.model.origin

    def check(self, dataset: Dataset, split: SplitRecipe) -> None:
        """Check that the teacher can score the films of a dataset.

        Raises
        ------
        UserError
            If the voxel size differs from that of the teacher's training data, or if its
            neighbourhood reaches slices of another split.
        """
        if differs(dataset.voxel_nm, self.model.voxel_nm):
            raise UserError(
                f"`{KEY}` must have learned on voxels as large as those of {dataset.name}, "
                f"{in_words(dataset.voxel_nm)} nm (z, y, x), but {self.title} has on "
                f"{in_words(self.model.voxel_nm)} nm."
            )
        deepest = max(member.spec.nbhd.z for member in self.model.segmenter.members)
        check_depth(dataset, deepest, split, KEY)

    def teach(self, dataset: Dataset, volumes: Mapping[str, CorrectedVolume]) -> Taught:
        """Score every training region once, densely, as in a segmentation.

        Probabilities are smoothed and calibrated as the teacher's calibration says; labels are not
        used.

        Parameters
        ----------
        dataset
            Dataset of the training.
        volumes
            Volume of every sample by name, corrected by :attr:`recipe`.

        Notes
        -----
        Memory: 2 bytes per pixel of the training regions.
        """
        segmenter = self.model.segmenter
        scorer, platt = Scorer(segmenter), segmenter.platt
        margin = PostProcessing(sigma=platt.smoothed_px).margin
        maps = {}
        for region in labelled_regions(dataset, "train"):
            scores, inner = box_scores(region.box, scorer, volumes[region.sample], margin)
            maps[region.key] = region.box, platt(scores)[inner].astype(np.float16)
        return Taught(maps)

    def doubts(self, dataset: Dataset) -> Iterator[str]:
        """Yield warnings about validation and test squares that the teacher has learned from."""
        tested = self.origin.test_squares(dataset)
        validated = self.origin.validation_squares(dataset)
        for doubt in (
            too_good(validated, len(dataset.regions("val")), TEACHER, "val"),
            too_good(tested, len(dataset.regions("test")), TEACHER),
        ):
            if doubt is not None:
                yield doubt


@read_once
def teacher_of(address: str, tracking_uri: str) -> Teacher:
    """Return the teacher at an address, or None if there is no address.

    Raises
    ------
    UserError
        If there is no model at the address, it has a member without a dense form, or it does not
        match the digest of the address.
    """
    plain = DIGEST.sub("", address)
    model = trained_at(plain, tracking_uri, KEY)
    for member in model.segmenter.members:
        if not member.spec.convertible:
            raise UserError(
                f"`{KEY}` must score densely, but {plain} holds a {member.spec.name} with "
                f"padding={member.spec.padding}; the choices are networks with "
                "model.padding=valid, U-Nets, or train.teacher=null."
            )
    return Teacher(model, with_digest(model.address, _digest(model.segmenter), address, KEY))


def pinned_teacher(
    address: str, share: float, tracking_uri: str, dataset: Dataset | None, split: SplitRecipe
) -> str:
    """Return the resolved address of a teacher with its digest; print how it will be used.

    Parameters
    ----------
    address, share, tracking_uri
        Values of the configuration.
    dataset, split
        Dataset of the training, or None if it is not known yet, and how it was split.

    Raises
    ------
    UserError
        If the teacher does not exist, has no dense form, or cannot score this dataset.
    """
    teacher = teacher_of(address, tracking_uri)
    assert teacher is not None
    if dataset is not None:
        teacher.check(dataset, split)
        print(
            f"{share:.0%} of every target is what {teacher.title} says, which scores the "
            f"{len(dataset.regions('train'))} training squares once"
        )
        for doubt in teacher.doubts(dataset):
            print(
                f"warning: {doubt}; the choices are {KEY}=null, or one that has not",
                file=sys.stderr,
            )
    return teacher.address


def _digest(segmenter: Segmenter) -> str:
    """Return a digest of 16 hex digits over the weights, recipe, calibration and specifications."""
    specs = [member.spec.to_json() for member in segmenter.members]
    settings = [asdict(segmenter.recipe), asdict(segmenter.platt), specs]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for member in segmenter.members:
        for weights in member.model.get_weights():
            digest.update(weights.tobytes())
    return digest.hexdigest()[:16]
