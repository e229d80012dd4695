"""What a command ended with: all that a kill must not change, without clocks and ids."""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

#: Keys whose values depend on the clock, the machine or chance, or count attempts.
NOT_COMPARED = re.compile(
    r".*(seconds|_s|run_id|per_second|per_gigapixel|rss_gib|_ids?|created|ended|when|command|code"
    r"|number|resumed|done|time|stages|token)$"
)
#: Prefix of files that a kill leaves while MLflow copies; nothing reads or removes them.
UPLOADING = ".artifact.uploading"
#: Folders with a file or folder for each attempt or start.
OF_EACH = ("trials/", "worked/")
CHANCE = re.compile(r"[0-9a-f]{32}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^\s\"<]*")


def without_clock(record: Any) -> Any:
    """Return a record without values that differ in every run."""
    if isinstance(record, dict):
        kept = {key: value for key, value in record.items() if not NOT_COMPARED.match(key)}
        return {key: without_clock(value) for key, value in sorted(kept.items())}
    if isinstance(record, list):
        return [without_clock(item) for item in record]
    return CHANCE.sub("ID", record) if isinstance(record, str) else record


def outcome(work: Path, output: str) -> dict[str, Any]:
    """Return the results of a command that are compared, by kind."""
    folder = work / output
    found: dict[str, Any] = {
        "summary": without_clock(json.loads((folder / "summary.json").read_text())),
        "files": files(folder),
        "voxels": checksums(folder),
    }
    table = folder / "trials.json"
    if table.is_file():
        rows = [row for row in json.loads(table.read_text()) if row["state"] == "complete"]
        found["trials"] = sorted((without_clock(row) for row in rows), key=lambda row: row["slot"])
        found["summary"].pop("trials")  # counts the attempts that were killed
    return {**found, **stored(work)}


def files(folder: Path) -> list[str]:
    """Return the names of all files, except those of attempts and starts, also of killed ones."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(CHANCE.sub("ID", name) for name in names if not name.startswith(OF_EACH))


def checksums(folder: Path) -> dict[str, int]:
    """Return the CRC-32 of every chunk of every volume."""
    names = sorted(str(path.relative_to(folder)) for path in folder.glob("**/c/**/*"))
    chunks = [name for name in names if (folder / name).is_file()]
    return {name: zlib.crc32((folder / name).read_bytes()) for name in chunks}


def stored(work: Path) -> dict[str, Any]:
    """Return the contents of the MLflow store: counts of states, finished runs, and models."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{work / 'ml.db'}")
    runs = [
        run
        for experiment in client.search_experiments()
        for run in client.search_runs([experiment.experiment_id], max_results=5000)
    ]
    finished = [told(client, run, work) for run in runs if run.info.status == "FINISHED"]
    return {
        "running": sum(run.info.status == "RUNNING" for run in runs),
        "failed": sum(run.info.status == "FAILED" for run in runs),
        "runs": sorted(finished, key=lambda run: json.dumps(run, sort_keys=True)),
        "models": models(client),
    }


def told(client: Any, run: Any, work: Path) -> dict[str, Any]:
    """Return metrics with their steps, tags, parameters and names of artifacts of a run."""
    keys = [key for key in sorted(run.data.metrics) if not key.startswith("time/")]
    history = {key: client.get_metric_history(run.info.run_id, key) for key in keys}
    artifacts = work.glob(f"artifacts/**/{run.info.run_id}/artifacts/**/*")
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
        "artifacts": sorted(
            {
                path.name
                for path in artifacts
                if path.is_file() and not path.name.startswith(UPLOADING)
            }
        ),
    }


def models(client: Any) -> list[Any]:
    """Return all registered models with their aliases and versions."""
    return [
        {
            "name": model.name,
            "aliases": dict(model.aliases),
            "versions": sorted(
                [str(version.version), version.status, without_clock(dict(version.tags))]
                for version in client.search_model_versions(f"name = '{model.name}'")
            ),
        }
        for model in client.search_registered_models()
    ]


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
