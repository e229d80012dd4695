"""A picture of the MLflow UI comparing the trials of a sweep.

    .venv/bin/python experiments/demo/mlflow_ui.py --store sqlite:///mlruns/mlflow.db --png FILE

Starts an MLflow server on loopback and opens it in a headless Chromium (Debian's package
`chromium`, or the one that CHROMIUM names). Prints the text of the page, for tests.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import mlflow
from playwright.sync_api import sync_playwright

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--store", default="sqlite:///mlruns/mlflow.db", help="an MLflow store")
parser.add_argument("--study", help="which sweep; default: the one with the most trials")
parser.add_argument("--png", type=Path, required=True)
parser.add_argument("--most", type=int, default=40, help="trials that are compared")
args = parser.parse_args()

AXES = ("model.blocks", "model.filters", "train.learning_rate")
METRICS = ("val/loss", "val/miou")

client = mlflow.MlflowClient(args.store)
experiments = [e.experiment_id for e in client.search_experiments()]
wanted = f" and tags.`fibsem.study` = '{args.study}'" if args.study else ""
sweeps = client.search_runs(experiments, f"tags.`fibsem.command` = 'sweep'{wanted}")
families = {
    parent.info.run_id: client.search_runs(
        [parent.info.experiment_id],
        f"tags.`mlflow.parentRunId` = '{parent.info.run_id}' and attributes.status = 'FINISHED'",
        max_results=args.most,
    )
    for parent in sweeps
}
if not families:
    sys.exit(f"error: a sweep must be in the store, but there is none in {args.store}")
parent = max(sweeps, key=lambda run: len(families[run.info.run_id]))
trials = families[parent.info.run_id]


def address(port: int) -> str:
    """Return the address of the page that compares the trials."""
    runs = quote(json.dumps([run.info.run_id for run in trials]))
    which = quote(json.dumps([parent.info.experiment_id]))
    return f"http://127.0.0.1:{port}/#/compare-runs?runs={runs}&experiments={which}"


with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
server = subprocess.Popen(
    [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
     "--backend-store-uri", args.store, "--workers", "1"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
)  # fmt: skip
try:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.2)
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        page.goto(address(port))
        page.get_by_text("Parallel Coordinates Plot").first.wait_for(timeout=60_000)
        for label in ("Close", "Close assistant"):  # the assistant's panel covers a quarter
            for button in page.get_by_role("button", name=label, exact=True).all():
                if button.is_visible():
                    button.click()
        boxes = page.get_by_role("combobox")
        for box, names in zip((boxes.nth(0), boxes.nth(1)), (AXES, METRICS), strict=True):
            for _ in range(3):  # remove the defaults of MLflow
                box.press("Backspace")
            for name in names:
                box.fill(name)
                box.press("Enter")
            box.press("Escape")
        page.get_by_text("Comparing").first.click()
        page.wait_for_timeout(3000)  # the plot is drawn in steps
        args.png.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=args.png)
        print(page.inner_text("body"))
        browser.close()
finally:
    server.terminate()
    server.wait(30)
