"""Store results of finished stages of a promotion for later starts of the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fibsem.data.dataset.dataset import Dataset
from fibsem.system.files import known_json, read_json, write_json
from fibsem.system.records import Stored
from fibsem.training.material.datasets import check_unchanged

#: Name of the command in messages about changed data.
PROMOTION = "this promotion"


T = TypeVar("T", bound=Stored)


@dataclass(frozen=True)
class Finished:
    """Results of stages, each a JSON file in the folder of a promotion."""

    folder: Path
    dataset: Dataset

    def done(self, name: str) -> bool:
        """Whether an earlier start has finished a stage."""
        return (self.folder / f"{name}.json").is_file()

    def once(self, name: str, kind: type[T], make: Callable[[], T]) -> T:
        """Return the result of a stage, read from an earlier start, or made now and stored.

        Raises
        ------
        UserError
            If the data have changed meanwhile; the result is not stored.
        """
        path = self.folder / f"{name}.json"
        before = known_json(path, kind.from_json)
        if before is not None:
            return before
        result = make()
        check_unchanged(self.dataset, PROMOTION)
        write_json(path, result.to_json())
        return read_json(path, kind.from_json)
