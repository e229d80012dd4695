"""Claim the folder of a promotion: continue it, begin anew, or refuse another promotion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fibsem.config import Tree, defaults_of, flat, settings_of
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.split import SPLITS
from fibsem.errors import UserError
from fibsem.inference.volume.ledger.ledger import remove_segmentation
from fibsem.system import identity
from fibsem.system.endings import FIGURE, TABLE, each
from fibsem.system.files import known_json
from fibsem.system.identity import LEDGER, Identity, check_others
from fibsem.system.records import typed
from fibsem.tracking import names
from fibsem.tracking.run_notes import RUN, TOKEN_FILE
from fibsem.tracking.runs import Tracking
from fibsem.training import folder as training

#: Tables that a promotion writes, and figures that it may draw.
TABLES = (
    "ranking", "labelled",
    *(f"confusion-{split}-{when}" for split in SPLITS for when in ("before", "after")),
)  # fmt: skip
FIGURES = ("learning_curve", "reliability", "steps", "surface")
#: All files that a promotion leaves in its folder, except for volumes.
OWN = (
    "decision.json", "crowned.json", "version.json", "summary.json", "lineage.json",
    "scores.json", "test.json",
    "starts.json", "chosen-*.json", "symmetry-*.json", "trials.json",
    *each(TABLES, TABLE, "tables/"), "tables/", *each(FIGURES, FIGURE, "figures/"), "figures/",
    "bundle/MODEL_CARD.md", "bundle/bundle.json",
    "bundle/**/model.*", "bundle/**/",
    *(f"{stage}/**/{name}" for stage in ("rank", "final")
      for name in (*training.OWN, identity.FILE, "again.json")),
    "final/*.json", "rank/**/", "final/**/", "parent.json", TOKEN_FILE,
)  # fmt: skip


@dataclass(frozen=True)
class _FormerTrials:
    """Trials and settings of a promotion, as earlier versions stored them."""

    run_ids: tuple[str, ...]
    settings: Tree


def settle(
    folder: Path, tree: Tree, trials: Sequence[str], dataset: Dataset, tracking: Tracking
) -> None:
    """Claim a folder for one promotion.

    Parameters
    ----------
    folder, tree
        The folder, and the configuration, whose ``overwrite`` removes earlier results.
    trials, dataset
        Run ids of the trials, and the data.
    tracking
        MLflow store, to look up the data of promotions of earlier versions.

    Raises
    ------
    UserError
        If the folder holds another promotion; the message names what differs.
    """
    data = {
        **dataset.digests,
        "voxel_nm": list(dataset.voxel_nm),
        "label values": [dataset.classes.pore, dataset.classes.solid],
    }
    settings = {**settings_of("promote", tree), "trials": list(trials)}
    now = Identity("promotion", settings, data)
    if tree["overwrite"]:
        check_others(folder, "promotion")
        identity.tell_removed(folder, now)
        begun = [known_json(folder / "parent.json", RUN)]
        begun += map(training.run_of, sorted((*folder.glob("rank/**/"), *folder.glob("final/**/"))))
        for run_id in begun:
            if run_id is not None:
                tracking.close(run_id, "KILLED")
        for ledger in folder.glob(f"volumes/*/{LEDGER}"):
            remove_segmentation(ledger.parent)
    identity.settle(
        folder, now, OWN, overwrite=tree["overwrite"],
        former=lambda: _former(folder, tracking),
        defaults=lambda: defaults_of("promote", settings),
    )  # fmt: skip


def _former(folder: Path, tracking: Tracking) -> Identity | None:
    """Read the identity of a promotion of an earlier version, from its settings and its run."""
    chosen = known_json(folder / "trials.json", partial(typed, _FormerTrials))
    parent = known_json(folder / "parent.json", RUN)
    if chosen is None or parent is None:  # before the first step
        return None
    run = tracking.find(parent)
    if run is None:
        raise UserError(
            f"`output` must be a new folder or hold the same promotion, but {folder} does not say "
            f"what data it was made with, and {tracking.uri} has no run {parent} that "
            "does; the choices are another output or overwrite=true."
        )
    settings = {
        key: value
        for key, value in flat(chosen.settings)
        if not key.startswith("data.")  # covered by the hash
    }
    return Identity(
        "promotion",
        {**settings, "trials": list(chosen.run_ids)},
        {"hash": run.data.tags.get(names.DATA)},
    )
