"""Determine which squares of a dataset the initial model or the teacher has learned from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.learned import Learned, learned_before, merged
from fibsem.data.dataset.split import Split
from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.system.identity import Identity, same_data
from fibsem.tracking.bundle import Bundle, learned_in

#: Prefix of the digests of grey values in an identity.
FILM = "grey values of "
#: Names of the earlier models in warnings.
START, TEACHER = "its start (train.init)", "its teacher (train.teacher)"
EITHER = "its start or teacher (train.init, train.teacher)"


@dataclass(frozen=True)
class Origin:
    """Data that a model was trained on.

    Attributes
    ----------
    name, data
        Name and hash of the dataset, or None if unknown.
    films, tested
        Digests of the grey values of its films, or squares of them, by which a film is recognised.
    learned
        Training and validation squares, or None if unknown.
    """

    name: str | None = None
    data: str | None = None
    films: frozenset[str] = frozenset()
    tested: tuple[FilmSquares, ...] = ()
    learned: Learned | None = field(default_factory=dict)

    @classmethod
    def of_training(cls, folder: Path, identity: Identity) -> Origin:
        """Return the origin of a training; only folders of ``train`` record the squares."""
        data = identity.data
        films = frozenset(str(value) for key, value in data.items() if key.startswith(FILM))
        return cls(data.get("name"), data.get("hash"), films, learned=learned_in(folder))

    @classmethod
    def of_bundle(cls, bundle: Bundle) -> Origin:
        """Return the origin of a bundle; the squares are unknown for bundles of older versions."""
        return cls(bundle.dataset, bundle.data, tested=bundle.tested, learned=bundle.learned)

    def test_squares(self, dataset: Dataset) -> int | None:
        """Return the number of a dataset's test squares that were learned from, None if unknown."""
        if self.learned is not None:
            return len(learned_before(dataset, self.learned))
        if same_data(self.data, dataset.hash) or not self._may_show(dataset):
            return 0
        return None

    def validation_squares(self, dataset: Dataset) -> int | None:
        """Return the number of validation squares that were learned from, or None if unknown.

        It is 0 for the same data and split, since those squares were used for validation then, too.
        """
        if same_data(self.data, dataset.hash):
            return 0
        if self.learned is not None:
            return len(learned_before(dataset, self.learned, "val"))
        return None if self._may_show(dataset) else 0

    def _may_show(self, dataset: Dataset) -> bool:
        """Whether a dataset has the name of the origin, or shares a film with it."""
        now = {value for key, value in dataset.digests.items() if key.startswith(FILM)}
        return (
            self.name == dataset.name
            or not self.films.isdisjoint(now)
            or any(
                film.is_of(sample.volume.shape, dataset.slices[sample.name])
                for film in self.tested
                for sample in dataset.samples
            )
        )


def learned_by_any(origins: Iterable[Origin], dataset: Dataset) -> int | None:
    """Return the number of test squares that any origin learned from; None if one is unknown."""
    every = list(origins)
    if any(origin.test_squares(dataset) is None for origin in every):
        return None
    return len(learned_before(dataset, merged(origin.learned or {} for origin in every)))


def too_good(
    learned: int | None, squares: int, who: str = START, split: Split = "test"
) -> str | None:
    """Return a warning on metrics of a split whose squares were learned from; None if none were.

    >>> too_good(2, 6)
    'its start (train.init) has learned from 2 of 6 test squares: figures on them are too good'
    >>> too_good(1, 2, TEACHER, "val").partition(": ")[0]
    'its teacher (train.teacher) has learned from 1 of 2 validation squares'
    """
    name = "validation" if split == "val" else split
    if not squares or learned == 0:
        return None
    if learned is None:
        return (
            f"{who} was made with other labels or another split of this data: it may have learned "
            f"from {name} squares, and figures on them be too good"
        )
    return (
        f"{who} has learned from {learned} of {squares} {name} squares: figures on them are too "
        "good"
    )
