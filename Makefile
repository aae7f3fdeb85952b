# The commands of this project. `make run` and `make test` need nothing but Python 3.11 or later.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PACKAGES := $(sort $(dir $(wildcard packages/*/pyproject.toml)))
EDITABLE := $(foreach package,$(PACKAGES),-e $(package))
PORT   ?= 8000
# Processes that run tests; each brings servers of its own. One more than processors, for tests wait
# for servers and for one another.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 1) + 1)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install install-dev run test retest check chaos bench lighthouse lock wheels docs clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt $(wildcard packages/*/pyproject.toml) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation $(EDITABLE)
	@touch $@

$(VENV)/.dev: requirements/lock.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/lock.txt
	@touch $@

install: $(VENV)/.runtime  ## .venv with the workspace and what it runs on

install-dev: $(VENV)/.dev  ## the same, with tools for tests

run: install  ## set up and run everything in one process, with a sample account
	$(BIN)/musekit up --demo --port $(PORT)

check: install-dev  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: install-dev  ## set up and run the tests; brings its own servers where it can
	tools/test-servers
	PYTEST_DEBUG_TEMPROOT=$$(tools/scratch) \
	$(BIN)/python -m pytest -m "not chaos and not slow" --durations=15 \
	  -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

retest: install-dev  ## run once more, alone, what failed in the last run
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures=none -m "not chaos and not slow" $(ARGS)

chaos: install-dev  ## kills, restarts and floods: the long tests of "once, and only once"
	$(BIN)/python -m pytest -m "chaos" --timeout=1800 --durations=15 $(ARGS)

bench: install-dev  ## performance, each figure a ratio measured in one run
	$(BIN)/python -m benchmarks

lighthouse: install-dev  ## Lighthouse's scores of the main pages, each 95 or more; needs Chromium and npm
	$(BIN)/python -m benchmarks.lighthouse $(ARGS)

lock: install-dev  ## pin versions anew
	tools/lock

wheels: install-dev  ## build every package's wheel into dist/
	rm -rf dist && for package in $(PACKAGES); do \
	  $(BIN)/python -m build --wheel --no-isolation --outdir dist $$package || exit 1; done

docs: install-dev  ## write the generated reference pages anew
	$(BIN)/python tools/docs.py

clean:  ## remove what was built, and the environment
	rm -rf $(VENV) dist build .tox .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
