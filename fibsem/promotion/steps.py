"""The finished steps of a promotion: what each found is kept for a later start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fibsem.data.dataset.dataset import Dataset
from fibsem.system.files import known_json, read_json, write_json
from fibsem.system.records import Stored
from fibsem.training.material.datasets import check_unchanged

#: What reads the data, in messages.
PROMOTION = "this promotion"


T = TypeVar("T", bound=Stored)


@dataclass(frozen=True)
class Steps:
    """Results of steps, each in a file of JSON in the folder of a promotion of a dataset."""

    folder: Path
    dataset: Dataset

    def done(self, name: str) -> bool:
        """Whether a former start has finished a step."""
        return (self.folder / f"{name}.json").is_file()

    def once(self, name: str, kind: type[T], make: Callable[[], T]) -> T:
        """What a step found: as a former start left it, or made now, and anew if it is damaged.

        Raises
        ------
        UserError
            If data were changed under it: it is not kept.
        """
        path = self.folder / f"{name}.json"
        before = known_json(path, kind.from_json)
        if before is not None:
            return before
        result = make()
        check_unchanged(self.dataset, PROMOTION)
        write_json(path, result.to_json())
        return read_json(path, kind.from_json)
