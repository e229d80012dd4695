"""One or several trained models, with everything that is needed to label a volume."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fibsem.analysis.calibration import Platt
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.inference.model.predict import BlockScorer, Mode
from fibsem.inference.options import Precision
from fibsem.models import Model
from fibsem.models.spec import ModelSpec
from fibsem.system.advice import WEIGHTS

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Member:
    """A trained model and its geometry; a member of an ensemble.

    Attributes
    ----------
    spec
        Architecture, neighbourhood and hyperparameters.
    model
        A model from :func:`fibsem.models.load`, or a network from :func:`fibsem.models.build`.

    Examples
    --------
    >>> from fibsem.geometry import Nbhd
    >>> from fibsem.models import resolve, untrained
    >>> spec = resolve("threshold", Nbhd.parse("1x1x1"), "valid")
    >>> Member(spec, untrained(spec)).spec.name
    'threshold'
    """

    spec: ModelSpec
    model: Model


@dataclass(frozen=True)
class Segmenter:
    """Trained models whose mean probability is used, with pre- and post-processing.

    Attributes
    ----------
    members
        A single model, or the members of an ensemble.
    recipe, postprocessing
        Correction of grey values before, and post-processing of mean probabilities after.
    identity
        Digest of weights and settings: segmenters with equal ones give equal outputs.
    classes
        Label values of pore and solid in the output.
    temperature, offset, smoothed_px
        Calibration, a line from logits of scores to those of the probabilities that are written
        (:class:`fibsem.analysis.calibration.Platt`). Labels do not depend on it: smoothing and
        threshold were chosen on scores.
    symmetry
        Number of views of a block whose scores each member averages.

    Examples
    --------
    Otsu's threshold, which learns nothing, as a model like any other:

    >>> from fibsem.geometry import Nbhd
    >>> from fibsem.models import resolve, untrained
    >>> spec = resolve("threshold", Nbhd.parse("1x1x1"), "valid")
    >>> otsu = Segmenter.of(spec, untrained(spec), Recipe(), PostProcessing(threshold=0.5))
    >>> otsu.halo, otsu.classes
    ((0, 4, 4), (0, 255))
    """

    members: tuple[Member, ...]
    recipe: Recipe
    postprocessing: PostProcessing
    identity: str
    classes: tuple[int, int] = (0, 255)
    temperature: float = 1.0
    offset: float = 0.0
    smoothed_px: float = 0.0
    symmetry: int = 1

    def __post_init__(self) -> None:
        stretched = math.isfinite(self.temperature) and self.temperature > 0
        for key, value, constraint, legal in (
            ("temperature", self.temperature, "finite and above 0", stretched),
            ("offset", self.offset, "finite", math.isfinite(self.offset)),
            ("smoothed_px", self.smoothed_px, "from 0", 0 <= self.smoothed_px < math.inf),
            ("classes", self.classes, "two of 0 to 255", len({*self.classes} & {*range(256)}) > 1),
        ):
            if not legal:
                raise UserError(
                    f"a model must have a `{key}` that is {constraint}, but it is {value}: its "
                    "bundle is damaged; promote again, or name another model."
                )

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        model: Model,
        recipe: Recipe,
        postprocessing: PostProcessing,
        identity: str = "",
        classes: tuple[int, int] = (0, 255),
        temperature: float = 1.0,
    ) -> Segmenter:
        """Create a segmenter of one model."""
        members = (Member(spec, model),)
        return cls(members, recipe, postprocessing, identity, classes, temperature)

    @classmethod
    def ensemble(cls, segmenters: Sequence[Segmenter]) -> Segmenter:
        """Combine segmenters to an ensemble, with post-processing and label values of the first.

        All members have the same weight, so that an ensemble among the segmenters counts by its
        size.

        The ensemble is not calibrated, even if its parts are: a calibration only holds for the
        scores that it was fitted to, and means are closer to 0.5 than their parts.

        Raises
        ------
        UserError
            If their grey values are corrected in different ways.
        """
        first = segmenters[0]
        if len(segmenters) == 1:
            return first
        if any(segmenter.recipe != first.recipe for segmenter in segmenters):
            raise UserError(
                f"`{WEIGHTS}` of an ensemble must expect the same correction of grey values, but "
                f"got {', '.join(sorted({str(segmenter.recipe) for segmenter in segmenters}))}."
            )
        members = tuple(member for segmenter in segmenters for member in segmenter.members)
        identity = "+".join(segmenter.identity for segmenter in segmenters)
        return cls(members, first.recipe, first.postprocessing, identity, first.classes)

    def with_views(self, symmetry: int) -> Segmenter:
        """Return the segmenter with some views; unchanged for one view or without networks.

        Like an ensemble, the mean of several views is not calibrated.
        """
        if symmetry == 1 or not any(member.spec.is_network for member in self.members):
            return self
        return replace(self, symmetry=symmetry, temperature=1.0, offset=0.0, smoothed_px=0.0)

    @property
    def platt(self) -> Platt:
        """Calibration from scores to probabilities."""
        return Platt(self.temperature, self.offset, self.smoothed_px)

    @property
    def halo(self) -> Triple:
        """Pixels that a block must be grown by for all members, (z, y, x)."""
        halos = [member.spec.halo for member in self.members]
        z, y, x = (max(side) for side in zip(*halos, strict=True))
        return z, y, x


def first_one_warnings(segmenters: Mapping[str, Segmenter]) -> Iterator[str]:
    """Warn of properties of an ensemble that depend on which of its models is named first.

    Parameters
    ----------
    segmenters
        Segmenters by name, in the order of ``weights``.
    """
    if len({segmenter.postprocessing for segmenter in segmenters.values()}) > 1:
        settings = "; ".join(
            f"{name}: sigma={steps.sigma:g}, threshold={steps.threshold:g}, rounds={steps.rounds}, "
            f"min_size={steps.min_size}"
            for name, steps in (
                (name, segmenter.postprocessing) for name, segmenter in segmenters.items()
            )
        )
        yield (
            f"the models of `{WEIGHTS}` have different post-processing ({settings}), and their "
            "mean gets that of the first: another order gives other labels"
        )
    if len({segmenter.classes for segmenter in segmenters.values()}) > 1:
        values = "; ".join(f"{name}: {segmenter.classes}" for name, segmenter in segmenters.items())
        yield (
            f"the models of `{WEIGHTS}` write pores and solid as different values ({values}), and "
            "their mean as those of the first"
        )


class Scorer:
    """Scorer of the members' mean probability of solid for every pixel of a block.

    Parameters
    ----------
    segmenter
        The segmenter whose members are evaluated.
    precision
        Precision of the dense form of its networks.

    Attributes
    ----------
    members
        Scorers of the members.
    mode
        ``patch`` if any member is evaluated patch by patch, else ``dense``, or ``features``
        without a network.
    alignment
        Blocks must start at multiples of it to get the same scores as in a larger block.

    Examples
    --------
    >>> from fibsem.geometry import Nbhd
    >>> from fibsem.models import resolve, untrained
    >>> spec = resolve("threshold", Nbhd.parse("1x1x1"), "valid")
    >>> otsu = Segmenter.of(spec, untrained(spec), Recipe(), PostProcessing(threshold=0.5))
    >>> scorer = Scorer(otsu)
    >>> scorer.look(np.eye(24, dtype=np.float32))
    >>> scorer(np.eye(24, dtype=np.float32)[..., None]).shape  # without the halo
    (16, 16)
    """

    def __init__(self, segmenter: Segmenter, precision: Precision = "float32") -> None:
        self.precision = precision
        self.halo = segmenter.halo
        self.members = [
            BlockScorer(m.spec, m.model, precision, segmenter.symmetry) for m in segmenter.members
        ]
        modes = {member.mode for member in self.members}
        order: tuple[Mode, ...] = ("patch", "dense", "features")
        self.mode = next(mode for mode in order if mode in modes)
        self.alignment = math.lcm(*(member.alignment for member in self.members))

    @property
    def needs_slice(self) -> bool:
        """Whether :meth:`look` must be called for a slice before its blocks are scored."""
        return any(member.needs_slice for member in self.members)

    def look(self, grey: FloatArray) -> None:
        """Look at the whole slice (y, x) that the next blocks lie in."""
        for member in self.members:
            member.look(grey)

    def each(self, block: FloatArray) -> list[FloatArray]:
        """Return the probability of solid by every member, each (y, x) float32.

        Parameters
        ----------
        block : (y + 2 halo_y, x + 2 halo_x, 2 halo_z + 1) float32
            Corrected grey values, slices last.
        """
        return [member(block[self._crop(member.halo)]) for member in self.members]

    def __call__(self, block: FloatArray) -> FloatArray:
        """Return the mean probability of solid, (y, x) float32."""
        scores = self.each(block)
        if len(scores) == 1:
            return scores[0]
        mean: FloatArray = np.mean(scores, axis=0, dtype=np.float32)
        return mean

    def with_spread(self, block: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the mean and standard deviation of the members' scores, each (y, x) float32.

        The standard deviation divides by the number of members; it is at most 0.5.
        """
        scores = np.stack(self.each(block))
        return scores.mean(axis=0, dtype=np.float32), scores.std(axis=0, dtype=np.float32)

    def _crop(self, halo: Triple) -> tuple[slice, slice, slice]:
        """Crop a block for a member with a smaller halo."""
        z, y, x = (outer - inner for outer, inner in zip(self.halo, halo, strict=True))
        return tuple(slice(cut, -cut or None) for cut in (y, x, z))  # type: ignore[return-value]
