# Everything starts from a fresh clone with nothing but make and Python 3.11 or newer.
# `make help` lists the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=
ESBUILD ?= $(THROUGHLINE_TEST_NODE_MODULES)/.bin/esbuild

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The resolver lives in an environment of its own, so that new locks can be made whatever state
# the old ones are in.
UV_VERSION := 0.13.9
UV := $(VENV)/uv/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	$(if $(UPGRADE),--upgrade)
LOCKS := requirements.lock requirements-build.lock requirements-dev.lock

.PHONY: help install install-dev run test lint format lock openapi snippet bench bench-peers clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- environment -------------------------------------------------------------------------------
# Each stamp is newer than the files it was made from, so a second run does nothing.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock requirements-build.lock pyproject.toml | $(BIN)/python
	@echo "Installing what the service needs (about a minute the first time) ..."
	$(PIP) install --require-hashes -r requirements-build.lock -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "Installing what the tests need ..."
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/.runtime ## make .venv with what the service needs
install-dev: $(VENV)/.dev ## make .venv with what the tests need as well

# --- use ---------------------------------------------------------------------------------------

run: $(VENV)/.runtime ## migrate, fill an empty ledger with the demo world, serve, print a sign-in link
	@exec $(BIN)/throughline serve --demo-if-empty $(ARGS)

# --- development -------------------------------------------------------------------------------

test: $(VENV)/.dev ## all tests (WORKERS=2, ARGS='tests/house -x')
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS) || { status=$$?; \
		if [ $$status -eq 5 ]; then echo 'No test was found: an empty run is a failure.' >&2; fi; \
		exit $$status; }

lint: $(VENV)/.dev ## ruff, its format check, and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev ## let ruff fix and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## the measurements: the tests marked bench, one at a time
	$(BIN)/python -m pytest -m bench -p no:randomly -s $(ARGS)

# A package under the GPL that the models are measured beside; in an environment of its own, since
# nothing here may depend on it. It needs a compiler.
bench-peers: $(BIN)/python ## what `make bench` measures beside: ChannelAttribution, in .venv/peers
	$(BIN)/python -m venv $(VENV)/peers
	$(VENV)/peers/bin/python -m pip --disable-pip-version-check --quiet install ChannelAttribution==2.2.5 matplotlib

openapi: $(VENV)/.runtime ## write openapi/openapi.json anew
	@mkdir -p openapi
	$(BIN)/throughline openapi > openapi/openapi.json.new
	@mv openapi/openapi.json.new openapi/openapi.json

snippet: ## write the browsers' t.min.js anew from t.js; needs esbuild (ESBUILD=its path)
	$(ESBUILD) --minify --target=es2017 --log-level=warning \
		< service/collect/snippet/t.js > service/collect/snippet/t.min.js.new
	@mv service/collect/snippet/t.min.js.new service/collect/snippet/t.min.js

lock: $(UV) ## write the lock files anew, keeping versions that still fit (UPGRADE=1 takes the newest)
	$(COMPILE) pyproject.toml --extra postgres --output-file requirements.lock
	$(COMPILE) --group build --constraint requirements.lock --output-file requirements-build.lock
	$(COMPILE) pyproject.toml --extra postgres --group build --group dev \
		--constraint requirements.lock --constraint requirements-build.lock \
		--output-file requirements-dev.lock

$(UV):
	$(PYTHON) -m venv $(VENV)/uv
	$(VENV)/uv/bin/python -m pip --disable-pip-version-check --quiet install uv==$(UV_VERSION)

clean: ## remove the environment and caches; the data in var/ stays
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find service migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +
