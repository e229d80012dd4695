"""``python -m fibsem.promote``: the best trials become the champion, or it goes back to another."""

from __future__ import annotations

import hashlib

from fibsem.config import (
    DataConfig,
    GateConfig,
    PostProcessingConfig,
    PromoteConfig,
    RankConfig,
    RunConfig,
    TrackingConfig,
    Tree,
    output_folder,
    read,
    run_command,
)
from fibsem.data.split import SplitRecipe
from fibsem.errors import UserError
from fibsem.inference.options import Options
from fibsem.system.files import write_json
from fibsem.system.locks import at_work


def main(tree: Tree) -> None:
    """Promote the best of a dataset's trials; or go back, or show who was champion when."""
    data, split = read(DataConfig, tree["data"], "data"), read(SplitRecipe, tree["split"], "split")
    store = read(TrackingConfig, tree["tracking"], "tracking")
    how, rank = PromoteConfig.of(tree), read(RankConfig, tree["rank"], "rank")
    read(Options, tree["segmentation"], "segmentation").check_members(how.ensemble)
    for kind, key in ((GateConfig, "gate"), (PostProcessingConfig, "postprocessing")):
        read(kind, tree[key], key)
    if tree["rollback"] or tree["history"]:
        _registry(store.uri, back=tree["rollback"], why=tree["reason"])
        return

    from fibsem.training.datasets import obtain

    dataset = obtain(data, split)
    if not dataset.regions("test"):
        raise UserError(
            f"`data` must have labelled test squares for a promotion, but {dataset.name} has none; "
            "split.test says how many there are to be."
        )

    from fibsem.promotion.final import final_tree
    from fibsem.promotion.promotion import Promotion
    from fibsem.promotion.ranking import best_trials
    from fibsem.tracking.runs import Tracking

    tracking = Tracking.open(store, dataset.name)
    trials = best_trials(tracking, dataset, rank, how.study, how.max_seconds_per_gigapixel)
    for trial in trials:  # what is wrong with `final` is said before the ranking, not after it
        RunConfig.of(final_tree(trial, tree, tree["seed"]))
    which = hashlib.sha256("".join(trial.run_id for trial in trials).encode()).hexdigest()[:8]
    folder = output_folder("promote", tree, dataset.name, which)
    with at_work(folder):
        record = Promotion(tree, dataset, folder, tracking).run(trials)
        write_json(folder / "summary.json", record)
    crowned = "is the champion now" if record["champion"] else "is registered, not champion"
    print(f"version {record['version']} {crowned}; {folder}/summary.json")


def _registry(uri: str, *, back: bool, why: str | None) -> None:
    """Go back to the champion before, and show the history."""
    from fibsem.analysis import tables
    from fibsem.tracking import aliases as standing
    from fibsem.tracking import registry

    standing.require_store(uri)
    if back:
        now, dethroned = registry.rollback(uri, f"rollback=true; {why}" if why else "rollback=true")
        print(f"version {now} is the champion again, instead of version {dethroned}")
    table = registry.history_table(uri)
    if table.empty:
        print(f"no model is registered in {uri}; python -m fibsem.promote registers one")
    else:
        print(tables.markdown(table))


if __name__ == "__main__":
    run_command("promote", main)
