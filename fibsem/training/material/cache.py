"""What trainings on one dataset have read of it, and share."""

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
    """What materials of one dataset and correction have read and drawn.

    Attributes
    ----------
    volumes
        The corrected volume of every sample.
    windows, pieces
        By all that they follow from.
    parts
        Of the training regions.
    taught
        What teachers say of these, by address.
    greys
        What the corrected grey values of every sample look like; empty until somebody asks.
    """

    volumes: Mapping[str, CorrectedVolume]
    windows: dict[object, tuple[LabelledWindow, ...]] = field(default_factory=dict)
    pieces: dict[object, Pieces] = field(default_factory=dict)
    parts: Parts | None = None
    taught: dict[str, Taught] = field(default_factory=dict)
    greys: dict[str, FilmGreys] = field(default_factory=dict)
