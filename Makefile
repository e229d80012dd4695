# Two commands do everything: `make demo` runs the main job, `make test` runs the tests.

VENV   := .venv
PY     := $(VENV)/bin/python
FITS   := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# that of .venv, else the newest one that is there, runs and can make a .venv
PYTHON ?= $(or $(shell for found in $(PY) python3.13 python3.12 python3.11; do \
  $$found -c '$(FITS)' 2>/dev/null && echo $$found && break; done),python3)
STAMP  := $(VENV)/.installed
VIEW   := $(VENV)/.view-installed
DOCS   := build/docs

export TF_CPP_MIN_LOG_LEVEL ?= 3
# where it is set, each of the many processes of the tests compiles all of the package anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help python install install-view docs demo test test-slow lint bench lock clean
.DEFAULT_GOAL := help

help:            ## list the targets
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/ \t/' | expand -t 14

install: $(STAMP) ## create .venv with the pinned packages (does nothing when it is up to date)

python:
	@$(PYTHON) -c '$(FITS)' 2>/dev/null \
	  || { echo "fibsem needs Python 3.11, 3.12 or 3.13 with venv, and $(PYTHON) is not one; set PYTHON=/path/to/python3.13"; exit 2; }
	@test ! -x $(PY) || test "$$($(PY) -V)" = "$$($(PYTHON) -V)" \
	  || { echo "$(VENV) has $$($(PY) -V), $(PYTHON) is $$($(PYTHON) -V): remove $(VENV), or set VENV=another/folder"; exit 2; }

$(STAMP): requirements.lock pyproject.toml | python
	test -x $(PY) || $(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install-view: $(VIEW) ## add napari, to look at volumes and their labels

$(VIEW): $(STAMP) requirements-view.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-view.lock
	@touch $@

docs: $(DOCS)/.installed ## the pages of docs/ in build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet

# their builder has an environment of its own: it needs nothing of the package, and pins other versions
$(DOCS)/.installed: requirements-docs.lock | python
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv --clear $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-docs.lock
	@touch $@

demo: install    ## the main job on a small phantom: sweep, promote, segment, measure
	$(PY) experiments/demo/run.py

# a worker for each core, a file at a time in the order of tests/conftest.py; slow tests wait a good
# deal, for servers, clocks and what they have killed, so that another worker has room
SPREAD := --maxprocesses 4 --dist loadfile --no-loadscope-reorder
CORES  := $(shell getconf _NPROCESSORS_ONLN)

test: install    ## the quick tests, on every core
	$(PY) -m pytest -m "not slow" -n $(CORES) $(SPREAD)

test-slow: install ## the slow tests: kills, servers, a wheel, the notebook
	$(PY) -m pytest tests -m slow -n $(shell expr $(CORES) + 1) $(SPREAD)

lint: install docs ## formatting, lint, types, import layers, notebooks without output, pages
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy fibsem
	$(VENV)/bin/lint-imports
	$(VENV)/bin/nbstripout --verify notebooks/*.ipynb

bench: install   ## the benchmarks, one after the other
	for script in experiments/benchmarks/*.py; do echo "== $$script"; $(PY) $$script || exit 1; done

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock:            ## resolve the three locks anew (needs uv)
	$(LOCK) pyproject.toml --extra dev --output-file requirements.lock
	$(LOCK) --group docs --output-file requirements-docs.lock
	$(LOCK) pyproject.toml --extra view --constraint requirements.lock --output-file requirements-view.lock

clean:           ## remove caches and outputs, keep .venv, data and mlruns
	rm -rf outputs .pytest_cache .mypy_cache .ruff_cache
