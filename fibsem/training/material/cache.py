"""Cache of the data that trainings on one dataset have read and share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.greys import FilmGreys
from fibsem.data.pieces import Parts, Pieces
from fibsem.data.windows import LabelledWindow
from fibsem.training.beginning.teacher import Taught


@dataclass
class Cache:
    """Data read and drawn by all :class:`Material` of one dataset and correction.

    Attributes
    ----------
    volumes
        Corrected volume of every sample.
    windows, pieces
        Windows and validation pieces; the keys hold everything that these depend on.
    parts
        Parts of the training regions.
    taught
        Probabilities that teachers give the training regions, by address of the teacher.
    greys
        Grey value statistics of every corrected sample; empty until first used.
    """

    volumes: Mapping[str, CorrectedVolume]
    windows: dict[object, tuple[LabelledWindow, ...]] = field(default_factory=dict)
    pieces: dict[object, Pieces] = field(default_factory=dict)
    parts: Parts | None = None
    taught: dict[str, Taught] = field(default_factory=dict)
    greys: dict[str, FilmGreys] = field(default_factory=dict)
