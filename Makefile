# Two commands do everything: `make demo` runs the main job, `make test` runs the tests.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
VIEW   := $(VENV)/.view-installed

export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help install install-view demo test test-slow lint bench lock clean
.DEFAULT_GOAL := help

help:            ## list the targets
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/ \t/' | expand -t 14

install: $(STAMP) ## create .venv with the pinned packages (does nothing when it is up to date)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "fibsem needs Python 3.11, but $(PYTHON) is another version; set PYTHON=/path/to/python3.11"; exit 2; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install-view: $(VIEW) ## add napari, to look at volumes and their labels

$(VIEW): $(STAMP) requirements-view.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-view.lock
	@touch $@

demo: install    ## the main job on a small phantom: sweep, promote, segment, measure
	$(PY) experiments/demo/run.py

test: install    ## the quick tests (under 12 minutes on 2 cores)
	$(PY) -m pytest -m "not slow"

test-slow: install ## the slow tests (under 45 minutes on 2 cores)
	$(PY) -m pytest -m slow

lint: install    ## formatting, lint, types, import layers, notebooks without output
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy fibsem
	$(VENV)/bin/lint-imports
	$(VENV)/bin/nbstripout --verify notebooks/*.ipynb

bench: install   ## the benchmarks, one after the other
	for script in experiments/benchmarks/*.py; do echo "== $$script"; $(PY) $$script || exit 1; done

LOCK := uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --upgrade \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock:            ## resolve requirements.lock and requirements-view.lock anew (needs uv)
	$(LOCK) --extra dev --output-file requirements.lock
	$(LOCK) --extra view --constraint requirements.lock --output-file requirements-view.lock

clean:           ## remove caches and outputs, keep .venv, data and mlruns
	rm -rf outputs .pytest_cache .mypy_cache .ruff_cache
