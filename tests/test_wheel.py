"""A built wheel works as well as the checkout, in a fresh environment."""

import os
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


def test_the_configuration_travels_inside(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"fibsem/models/weights/unet.npz", "fibsem/py.typed"} <= names
    for file in (ROOT / "conf").rglob("*.yaml"):
        assert f"fibsem/conf/{file.relative_to(ROOT / 'conf').as_posix()}" in names
    assert not any(name.startswith(("tests/", "experiments/", "mlruns/")) for name in names)


@pytest.mark.slow
def test_it_works_in_a_fresh_environment(wheel, tmp_path):
    """With the packages of this one, which `make install` made of the lock, but no checkout."""
    new = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")]
    subprocess.run(new, check=True)
    python = str(tmp_path / "env" / "bin" / "python")
    (own,) = (tmp_path / "env").glob("lib/python*/site-packages")
    # files of paths in there are not followed: that of the checkout is one
    (own / "packages.pth").write_text("\n".join(site.getsitepackages()))

    def run(*line):
        environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            [python, "-m", *line], capture_output=True, text=True, cwd=tmp_path, env=environment
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    run("pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", str(wheel))
    assert "fibsem" in run("pip", "show", "--files", "fibsem-sweep")
    assert "usage: python -m fibsem.inspect" in run("fibsem.inspect", "--help")
    run("fibsem.simulate", "phantom.shape=[4,128,160]", "phantom.square_px=48",
        "phantom.squares=5", "~phantom.samples.HPC30", "~phantom.samples.HPC45",
        "output=film")  # fmt: skip
    assert "| HPC22 |" in run("fibsem.inspect", "data.path=film")
