"""The MLflow UI as people see it: a real sweep, a real server, a real browser."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import imagecodecs
import pytest

from fibsem import sweep
from fibsem.config import compose

SCRIPT = Path(__file__).parents[1] / "experiments" / "demo" / "mlflow_ui.py"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
ENVIRONMENT = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # ten processes

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (package chromium)"),
]


@pytest.fixture(scope="module")
def swept(small, tmp_path_factory):
    """Folder of a sweep of three trials, and its store."""
    folder = tmp_path_factory.mktemp("swept")
    store = f"sqlite:///{folder / 'ml.db'}"
    how = [
        *small, "space=smoke", "space.axes.model.blocks=[1]", "search.trials=3",
        f"output={folder / 'sweep'}", f"tracking.uri={store}",
        f"tracking.artifacts={folder / 'artifacts'}",
    ]  # fmt: skip
    sweep.main(compose("sweep", how))
    return folder / "sweep", store


@pytest.fixture
def server(swept):
    """Address of an MLflow server for the store."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
            "--backend-store-uri", swept[1], "--workers", "1"]  # fmt: skip
    process = subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    )
    deadline = time.monotonic() + 120
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def test_trials_are_compared_in_the_mlflow_ui(swept, tmp_path):
    png = tmp_path / "ui.png"
    line = [sys.executable, SCRIPT, "--store", swept[1], "--png", png]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Comparing 3 Runs from 1 Experiment" in done.stdout
    for name in ("model.filters", "train.learning_rate", "val/loss", "val/miou"):
        assert name in done.stdout
    picture = imagecodecs.imread(png)
    assert picture.shape[:2] == (900, 1500)
    assert picture.std() > 10


def test_the_first_link_on_the_page_of_a_sweep_leads_to_its_best_trial(swept, server):
    import mlflow
    from playwright.sync_api import sync_playwright

    summary = json.loads((swept[0] / "summary.json").read_text())
    parent = mlflow.MlflowClient(swept[1]).get_run(summary["parent_run_id"]).info
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        page.goto(f"{server}/#/experiments/{parent.experiment_id}/runs/{parent.run_id}")
        link = page.locator("table a[href*='/runs/']").first
        link.wait_for(timeout=60_000)
        more = page.get_by_text("Show more", exact=True).first
        if more.is_visible():  # a long description is shown in part
            more.click()
        best = summary["best"]["run_id"]
        assert best in link.get_attribute("href")
        with page.context.expect_page() as opened:  # in another tab
            link.click()
        child = opened.value
        child.wait_for_url(f"**/runs/{best}*", timeout=60_000)
        child.get_by_text(best).first.wait_for(timeout=60_000)
        browser.close()
