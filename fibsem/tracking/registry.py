"""Versions of the registered model: bundles of runs, with the facts of their promotion as tags.

The champion among them is chosen in :mod:`fibsem.tracking.champions`.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from fibsem.analysis import model_card
from fibsem.data.volumes.voxels import Voxels
from fibsem.system.interrupts import uninterrupted
from fibsem.tracking import names
from fibsem.tracking.bundle import load_bundle
from fibsem.tracking.history import LONGEST, clipped
from fibsem.tracking.packaging import log_bundle
from fibsem.tracking.store import client_of

REGISTERED = "fibsem"
#: Characters of a description that every MLflow store keeps.
LONGEST_DESCRIPTION = 5000


@uninterrupted()
def register(
    folder: Path, run_id: str, tracking_uri: str, tags: Mapping[str, object], *, example: Voxels
) -> str:
    """Log a bundle with a run and register it; return the version, which has no alias yet.

    A version and its tags appear together. A bundle that the run has already registered is not
    registered again.

    Parameters
    ----------
    folder
        Folder of the bundle; its ``MODEL_CARD.md`` becomes the description.
    tags
        Facts of the promotion by their :mod:`~fibsem.tracking.names`: ``DATASET``, ``DATA``,
        ``CODE``, ``TEST_MIOU``, ``GATE`` (``passed`` or ``refused``), ``REASON``, and further
        ones. Values that are None or empty are left out.
    example : (z, y, x)
        See :func:`fibsem.tracking.packaging.log_bundle`.
    """
    client, identity = client_of(tracking_uri), load_bundle(folder).segmenter.identity
    same = [
        str(version.version)
        for version in all_versions(client)
        if version.run_id == run_id and version.tags.get(names.IDENTITY) == identity
    ]
    if same:
        number = same[-1]
    else:
        facts = {key: str(value) for key, value in tags.items() if value not in (None, "")}
        texts = {key: clipped(value, LONGEST) for key, value in facts.items()}
        uri = log_bundle(folder, run_id, identity, example)
        with contextlib.redirect_stderr(io.StringIO()):  # MLflow repeats what promote prints
            made = mlflow.register_model(uri, REGISTERED, tags={**texts, names.IDENTITY: identity})
        number = str(made.version)
    _describe(client, number, folder)
    return number


@uninterrupted()
def note_verdict(version: str, tracking_uri: str, tags: Mapping[str, object], folder: Path) -> None:
    """Update the gate's verdict in the tags and the description of a version.

    Parameters
    ----------
    tags
        With ``GATE`` and ``REASON`` of :mod:`~fibsem.tracking.names`.
    folder
        Folder of the bundle, whose model card has the same verdict.
    """
    client = client_of(tracking_uri)
    tags_now = client.get_model_version(REGISTERED, version).tags
    for key in (names.GATE, names.REASON):
        value = clipped(str(tags[key]), LONGEST)
        if tags_now.get(key) != value:
            client.set_model_version_tag(REGISTERED, version, key, value)
    _describe(client, version, folder)


def _describe(client: MlflowClient, version: str, folder: Path) -> None:
    """Set the description of a version to the bundle's model card, if there is one."""
    card = folder / model_card.FILE
    if not card.is_file():
        return
    text = model_card.shortened(card.read_text(encoding="utf-8"), LONGEST_DESCRIPTION)
    if client.get_model_version(REGISTERED, version).description != text:
        client.update_model_version(REGISTERED, version, description=text)


def run_of(version: str, tracking_uri: str) -> str | None:
    """Return the run id of a version, or None if the store has no such version."""
    matching = [
        entry for entry in all_versions(client_of(tracking_uri)) if str(entry.version) == version
    ]
    return str(matching[0].run_id) if matching else None


def version_of(run_id: str, tracking_uri: str) -> str | None:
    """Return the latest version that :func:`register` made of a run, or None."""
    versions = all_versions(client_of(tracking_uri))
    numbers = [str(v.version) for v in versions if v.run_id == run_id and names.IDENTITY in v.tags]
    return numbers[-1] if numbers else None


def all_versions(client: MlflowClient) -> list[ModelVersion]:
    """Return every version with its tags, oldest first; empty if nothing was ever registered."""
    page = client.search_model_versions(f"name = '{REGISTERED}'")
    versions = list(page)
    while page.token:
        page = client.search_model_versions(f"name = '{REGISTERED}'", page_token=page.token)
        versions += page
    return sorted(versions, key=lambda version: int(version.version))
