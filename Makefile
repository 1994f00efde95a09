# What people do with this project. `make help` lists it.
#
# It needs a Python of 3.11 or newer, make and pip; PYTHON=… names another interpreter. Everything is installed into
# .venv/, from requirement files that pin each package by its hash.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# One step after the other: what is slow runs in parallel by itself.
.NOTPARALLEL:

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,$(if $(shell $(name) -c "$(RECENT)" 2>/dev/null && echo yes),$(name))) python3)
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
WORKERS ?= 3
ROWS ?= 1000000
RUNS ?= 20000

VENV := .venv
RUN := $(VENV)/bin/python -m
FOR_RUNNING := $(VENV)/.installed-run
FOR_WORKING := $(VENV)/.installed-dev
FOR_MEASURING := $(VENV)/.installed-bench
PIP := $(RUN) pip --disable-pip-version-check --quiet
PINNED = $(PIP) install --require-hashes --requirement
COMPILE := $(RUN) uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --upgrade pyproject.toml

# An environment that lost its interpreter, or that was moved here from elsewhere, is made anew.
ifneq ($(shell grep -qsF "$(CURDIR)/$(VENV)/" $(VENV)/bin/pip && $(VENV)/bin/python -c "" 2>/dev/null && echo whole),whole)
$(shell rm -f $(FOR_RUNNING) $(FOR_WORKING) $(FOR_MEASURING))
.PHONY: $(VENV)/bin/python
endif

.PHONY: help
help: ## list this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

.PHONY: up
up: $(FOR_RUNNING) ## serve both stacks on http://127.0.0.1:8000 (PORT=… for another port); Ctrl-C stops them
	@$(RUN) crossfade up

.PHONY: install
install: $(FOR_WORKING) ## make .venv/, with everything that is needed for working on the project

.PHONY: test
test: $(FOR_WORKING) ## pass all test suites
	@$(RUN) pytest -n $(WORKERS) $(TESTS)

.PHONY: coverage
coverage: $(FOR_WORKING) ## pass all test suites, and measure what they cover: takes three times as long
	@$(RUN) coverage erase
	@$(RUN) coverage run -m pytest -n $(WORKERS) $(TESTS)
	@$(RUN) coverage combine --quiet
	@$(RUN) coverage report

.PHONY: check
check: $(FOR_WORKING) ## look at style, floors and types
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(VENV)/bin/lint-imports --no-logo
	$(RUN) mypy

.PHONY: docs
docs: $(FOR_WORKING) ## write the pages of docs/ that are generated from the code
	@$(VENV)/bin/python scripts/write_reference.py

.PHONY: bench
bench: $(FOR_WORKING) ## measure
	@set -e; for name in front_door stacks; do echo "== $$name"; $(VENV)/bin/python "benchmarks/$$name.py"; done

.PHONY: bench-copy
bench-copy: $(FOR_MEASURING) ## measure copies of ROWS=1000000 rows in all directions, beside other tools: minutes
	@$(VENV)/bin/python benchmarks/copying.py --rows $(ROWS)

.PHONY: bench-copy-memory
bench-copy-memory: $(FOR_MEASURING) ## measure the memory that copies of 10000000 rows hold, in all directions: an hour, 30 GB of disk
	@$(VENV)/bin/python benchmarks/copying.py --rows 10000000 --ours

.PHONY: bench-scheduler
bench-scheduler: $(FOR_WORKING) ## measure a thousand jobs due at once, and claims, beside APScheduler and a pool of threads: minutes
	@$(VENV)/bin/python benchmarks/scheduling.py

.PHONY: drill
drill: $(FOR_WORKING) ## kill, freeze and cut off processes while RUNS=20000 runs are due, on SQLite and on PostgreSQL: minutes
	@$(RUN) crossfade init >/dev/null
	@set -e; for place in sqlite postgresql; do $(RUN) crossfade scheduler drill --on $$place --runs $(RUNS) --seconds 3600; done

.PHONY: bench-tests
bench-tests: $(FOR_MEASURING) ## measure what it costs to begin a test anew, beside other tools
	@$(VENV)/bin/python benchmarks/isolation.py

.PHONY: lock
lock: $(FOR_WORKING) ## choose the newest versions that pyproject.toml allows, and pin them
	$(COMPILE) --extra cronjobs --group build --output-file requirements/run.txt
	$(COMPILE) --all-extras --group dev --constraint requirements/run.txt --output-file requirements/dev.txt
	$(COMPILE) --group bench --constraint requirements/dev.txt --output-file requirements/bench.txt

$(FOR_RUNNING): requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing requirements/run.txt into $(VENV)/"
	@$(PINNED) requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(FOR_WORKING): requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing requirements/dev.txt into $(VENV)/"
	@$(PINNED) requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(FOR_RUNNING)

$(VENV)/bin/python:
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no $(PYTHON): install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c "$(RECENT)" || { echo "$(PYTHON) is $$("$(PYTHON)" -V 2>&1): Python 3.11 or newer is needed, name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@[ ! -L $(VENV) ] || { echo "$(VENV) is a link to $$(readlink $(VENV)), which may be somebody else's: remove the link, and an environment is made here" >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) can't make a virtual environment (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }

$(FOR_MEASURING): requirements/bench.txt $(FOR_WORKING)
	@echo "installing requirements/bench.txt into $(VENV)/"
	@$(PINNED) requirements/bench.txt
	@touch $@
