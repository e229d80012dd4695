"""Parent run of a sweep: one per study in MLflow, shared by all of its processes."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from fibsem.config import Tree
from fibsem.data.dataset.dataset import Dataset
from fibsem.geometry import Nbhd
from fibsem.search.folder import wait_for
from fibsem.search.space.space import Space
from fibsem.search.studies.slots import Study
from fibsem.tracking import names
from fibsem.tracking.run_notes import take_up
from fibsem.tracking.runs import Tracking


def parent_run(
    study: Study, tree: Tree, space: Space, dataset: Dataset, tracking: Tracking, *, first: bool
) -> str:
    """Return the id of a study's parent run, which the ``first`` process creates."""
    run_id = study.get("parent_run_id")
    if run_id is None and not first:
        run_id = wait_for(study, "parent_run_id")
    if run_id is not None and tracking.find(run_id) is None:
        print(
            f"{tracking.uri} does not have the run of this sweep any more, nor those of its "
            f"finished trials: a new one is begun, and what they found stands in {study.name}",
            file=sys.stderr,
        )
    tags = {
        names.COMMAND: names.SWEEP,
        names.STUDY: study.name,
        names.MODEL: tree["model"]["name"],
        names.NBHD: Nbhd.parse(tree["nbhd"]),
        names.PADDING: tree["model"]["padding"],
        names.SPACE: space.name,
        names.BACKEND: tree["search"]["backend"],
        names.SAMPLER: tree["search"]["sampler"],
        names.DATA: dataset.hash,
    }
    params = {
        "trials": tree["search"]["trials"],
        "space": space.name,
        "space.size": space.size,
        "space.axes": json.dumps(tree["space"]["axes"])[:5000],
    }
    notes = StudyNotes(study)
    return take_up(tracking, notes, study.name, tree, dataset, tags=tags, params=params)


@dataclass(frozen=True)
class StudyNotes:
    """Notes on a parent run, stored as properties of its study."""

    study: Study

    def get(self, key: str) -> Any:
        return self.study.get(f"parent_{key}")

    def set(self, key: str, value: Any) -> None:
        self.study.set(f"parent_{key}", value)
