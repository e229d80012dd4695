"""What the models that a training begins with, or is taught by, have seen of its test squares."""

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

#: How an identity calls the grey values of a film.
FILM = "grey values of "
#: The models that a training knows something of, as warnings call them.
START, TEACHER = "its start (train.init)", "its teacher (train.teacher)"
EITHER = "its start or teacher (train.init, train.teacher)"


@dataclass(frozen=True)
class Origin:
    """The data that some weights were learned from.

    Attributes
    ----------
    name, data
        Of the dataset, and its hash; None where nobody told.
    films, tested
        How its films are known again: digests of their grey values, or squares of them.
    learned
        The squares of training and validation; None of weights that do not know.
    """

    name: str | None = None
    data: str | None = None
    films: frozenset[str] = frozenset()
    tested: tuple[FilmSquares, ...] = ()
    learned: Learned | None = field(default_factory=dict)

    @classmethod
    def of_training(cls, folder: Path, identity: Identity) -> Origin:
        """Origin of a training, by its folder; only those of ``train`` know their squares."""
        data = identity.data
        films = frozenset(str(value) for key, value in data.items() if key.startswith(FILM))
        return cls(data.get("name"), data.get("hash"), films, learned=learned_in(folder))

    @classmethod
    def of_bundle(cls, bundle: Bundle) -> Origin:
        """Origin of a bundle; an older one does not know its squares."""
        return cls(bundle.dataset, bundle.data, tested=bundle.tested, learned=bundle.learned)

    def test_squares(self, dataset: Dataset) -> int | None:
        """How many test squares of a dataset were learned from; None where nobody knows."""
        if self.learned is not None:
            return len(learned_before(dataset, self.learned))
        if same_data(self.data, dataset.hash) or not self._may_show(dataset):
            return 0
        return None

    def validation_squares(self, dataset: Dataset) -> int | None:
        """How many validation squares of a dataset were learned from; None where nobody knows.

        With the same data and parts they were its own: no step was made on them.
        """
        if same_data(self.data, dataset.hash):
            return 0
        if self.learned is not None:
            return len(learned_before(dataset, self.learned, "val"))
        return None if self._may_show(dataset) else 0

    def _may_show(self, dataset: Dataset) -> bool:
        """Whether a dataset is this one by its name, or by one of its films."""
        now = {value for key, value in dataset.digests.items() if key.startswith(FILM)}
        return (
            self.name == dataset.name
            or not self.films.isdisjoint(now)
            or any(film.is_of(one.volume) for film in self.tested for one in dataset.samples)
        )


def learned_by_any(origins: Iterable[Origin], dataset: Dataset) -> int | None:
    """Test squares that any of some models has learned from; None where nobody knows of one."""
    some = list(origins)
    if any(one.test_squares(dataset) is None for one in some):
        return None
    return len(learned_before(dataset, merged(one.learned or {} for one in some)))


def too_good(
    learned: int | None, squares: int, who: str = START, split: Split = "test"
) -> str | None:
    """What is said of figures of a split, where some of so many squares were learned from before.

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
