"""What a command ended with: all that a kill must not change, without clocks and ids."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from _contents import CHANCE, digest, without_clock

#: Prefix of files that a kill leaves while MLflow copies; nothing reads or removes them.
UPLOADING = ".artifact.uploading"
#: Folders with a file or folder for each attempt or start.
OF_EACH = ("trials/", "worked/")
#: Files that differ between attempts at a trial: which it is, and when it began.
OF_ATTEMPT = ("identity.json", "begun.json", "run.json")
#: Tables that are compared without the attempts in them.
BY_THEMSELVES = ("summary.json", "trials.json")


def outcome(work: Path, output: str) -> dict[str, Any]:
    """Return the results of a command that are compared, by kind."""
    folder = work / output
    found: dict[str, Any] = {
        "summary": without_clock(json.loads((folder / "summary.json").read_text())),
        "files": files(folder),
        "contents": contents(work, folder),
        "voxels": checksums(folder),
    }
    table = folder / "trials.json"
    if table.is_file():
        rows = [row for row in json.loads(table.read_text()) if row["state"] == "complete"]
        found["trials"] = sorted((without_clock(row) for row in rows), key=lambda row: row["slot"])
        found["summary"].pop("trials")  # counts the attempts that were killed
    return {**found, **stored(work, folder)}


def files(folder: Path) -> list[str]:
    """Return the names of all files, except those of attempts and starts, also of killed ones."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(CHANCE.sub("ID", name) for name in names if not name.startswith(OF_EACH))


def contents(work: Path, folder: Path) -> dict[str, list[str]]:
    """Return digests of what the files say that a command wrote or must not have changed.

    Databases, locks and logs have none, artifacts are compared run by run, files of attempts with
    their trials. Names that differ by an id alone stand together.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(path for path in work.rglob("*") if path.is_file()):
        name = str(path.relative_to(work))
        inside = str(path.relative_to(folder)) if path.is_relative_to(folder) else ""
        if name.startswith("artifacts/") or inside.startswith(OF_EACH) or inside in BY_THEMSELVES:
            continue
        if said := digest(path):
            found.setdefault(CHANCE.sub("ID", name), []).append(said)
    return {name: sorted(digests) for name, digests in found.items()}


def published(trials: Path, finished: set[str]) -> list[list[Any]]:
    """Return digests of the results and weights of trials whose runs finished, by slot."""
    return [
        [place.parent.name[:4], {
            path.name: digest(path)
            for path in sorted(place.parent.iterdir())
            if path.suffix in (".json", ".keras", ".png") and path.name not in OF_ATTEMPT
        }]
        for place in sorted(trials.glob("*/run.json"))
        if json.loads(place.read_text())["run_id"] in finished
    ]  # fmt: skip


def checksums(folder: Path) -> dict[str, int]:
    """Return the CRC-32 of every chunk of every volume."""
    names = sorted(str(path.relative_to(folder)) for path in folder.glob("**/c/**/*"))
    chunks = [name for name in names if (folder / name).is_file()]
    return {name: zlib.crc32((folder / name).read_bytes()) for name in chunks}


def stored(work: Path, folder: Path) -> dict[str, Any]:
    """Return the contents of the MLflow store: counts of states, finished runs, and models."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{work / 'ml.db'}")
    runs = [
        run
        for experiment in client.search_experiments()
        for run in client.search_runs([experiment.experiment_id], max_results=5000)
    ]
    whole = [run for run in runs if run.info.status == "FINISHED"]
    ids = {run.info.run_id for run in whole}
    return {
        "running": sum(run.info.status == "RUNNING" for run in runs),
        "failed": sum(run.info.status == "FAILED" for run in runs),
        "runs": sorted(
            (told(client, run, work) for run in whole),
            key=lambda run: json.dumps(run, sort_keys=True),
        ),
        "trained": published(folder / "trials", ids),
        "models": models(client),
        "logged_models": logged_models(client, ids),
    }


def logged_models(client: Any, finished: set[str]) -> list[Any]:
    """Return names, states, tags and metrics of the logged models of finished runs, all of them.

    A kill may leave one that was begun with a run that is no result, but none of a result twice.
    """
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return sorted(
        [
            model.name,
            str(model.status),
            without_clock({key: value for key, value in model.tags.items() if "fibsem" in key}),
            sorted({metric.key for metric in model.metrics or []}),
        ]
        for model in client.search_logged_models(experiments, max_results=5000)
        if model.source_run_id in finished
    )


def told(client: Any, run: Any, work: Path) -> dict[str, Any]:
    """Return metrics with their steps, tags, parameters and artifacts of a run."""
    keys = [key for key in sorted(run.data.metrics) if not key.startswith("time/")]
    history = {key: client.get_metric_history(run.info.run_id, key) for key in keys}
    kept = {
        key: value
        for key, value in run.data.tags.items()
        if key.startswith("fibsem.") and key not in ("fibsem.best_run", "fibsem.attempt")
    }
    return {
        "metrics": without_clock({key: run.data.metrics[key] for key in keys}),
        "steps": {key: sorted(Counter(m.step for m in history[key]).items()) for key in keys},
        "tags": without_clock(kept),
        "params": dict(sorted(run.data.params.items())),
        "artifacts": artifacts(work / "artifacts", run.info.run_id),
    }


def artifacts(place: Path, run_id: str) -> dict[str, str | None]:
    """Return digests of the artifacts of a run, by name; None if only the name is compared.

    A table of attempts is compared in the folder of its sweep.
    """
    return {
        CHANCE.sub("ID", str(path).rpartition(f"{run_id}/artifacts/")[2]): (
            None if path.name in BY_THEMSELVES else digest(path)
        )
        for path in sorted(place.glob(f"**/{run_id}/artifacts/**/*"))
        if path.is_file() and not path.name.startswith(UPLOADING)
    }


def models(client: Any) -> list[Any]:
    """Return all registered models with their aliases, versions, and the files of these."""
    return [
        {
            "name": model.name,
            "aliases": dict(model.aliases),
            "versions": sorted(
                [
                    str(version.version),
                    version.status,
                    without_clock(dict(version.tags)),
                    registered(client, version),
                ]
                for version in client.search_model_versions(f"name = '{model.name}'")
            ),
        }
        for model in client.search_registered_models()
    ]


def registered(client: Any, version: Any) -> dict[str, str | None]:
    """Return digests of the files of a version of a model, by name."""
    uri = client.get_model_version_download_uri(version.name, version.version)
    place = Path(uri.removeprefix("file://"))
    files = sorted(path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): digest(path) for path in files}


def difference(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    """Return the path of the first difference and both values, or an empty string if none."""
    return next(_differences(wanted, found, ""), "")


def _differences(wanted: Any, found: Any, path: str) -> Any:
    if wanted == found:
        return
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted({*wanted, *found}):
            yield from _differences(wanted.get(key), found.get(key), f"{path}/{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for k, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(one, other, f"{path}/{k}")
    else:
        yield f"{path}: {_short(wanted)}, but {_short(found)}"


def _short(value: Any) -> str:
    return f"{len(value)} entries" if isinstance(value, list | dict) else str(value)[:60]
