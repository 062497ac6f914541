# Radiolucent's verbs. Needs make, a POSIX shell and Python >= 3.11; everything else goes into .venv.
# `make run` installs what the server needs, `make test` what the tests need as well, both from lock files with hashes.

.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# The first Python that runs and is new enough; `make PYTHON=/path/to/python ...` chooses another.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$python; break; }; done)

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" --quiet
PAGES := $(BIN)/radiolucent settings

.PHONY: help run setup test check e2e format openapi docs lock services clean

help: ## This list
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)$$/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: setup ## Serve on http://127.0.0.1:8080/dicom-web with data in ./data
	$(BIN)/radiolucent serve $(ARGS)

setup: $(VENV)/.installed ## Create .venv with the server and its command, .venv/bin/radiolucent

test: $(VENV)/.developed services ## Run all tests (installs PostgreSQL's binaries where it may); ARGS="tests/unit -k json" runs some
	$(BIN)/pytest $(ARGS)

check: $(VENV)/.developed ## Format, lint, types, layers and house rules, in under a minute
	$(BIN)/ruff format --check app tests
	$(BIN)/ruff check app tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/house

format: $(VENV)/.developed ## Format the code and put the imports in order
	$(BIN)/ruff check --select I --fix app tests
	$(BIN)/ruff format app tests

e2e: $(VENV)/.developed services ## Run the tests against a real server, database and object store only
	$(BIN)/pytest tests/e2e $(ARGS)

openapi: $(VENV)/.installed ## Write the HTTP interface's description: OpenAPI, Postman collection, docs/reference/http.md
	$(BIN)/radiolucent openapi

docs: $(VENV)/.developed ## Draw the pages that are drawn: .env.example, the configuration reference, the corpus
	$(PAGES) --format env > .env.example
	$(PAGES) --format markdown > docs/reference/configuration.md
	REDRAW_CORPUS=1 $(BIN)/pytest tests/e2e/test_corpus.py
	REDRAW_EXAMPLES=1 $(BIN)/pytest tests/conformance/test_examples.py
	REDRAW_CONFORMANCE=1 $(BIN)/pytest tests/conformance/test_statement.py

lock: $(VENV)/.developed ## Bring the lock files up to date (all: make lock ARGS=--upgrade)
	$(LOCK) --group build --output-file requirements.lock $(ARGS)
	$(LOCK) --group build --group dev --constraint requirements.lock --output-file requirements-dev.lock $(ARGS)

services: ## Make sure that PostgreSQL's server and curl are there for the tests
	@.ci/services

clean: ## Remove .venv and caches; ./data stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Radiolucent needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); echo "Creating .venv failed: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }

# pip's own build isolation would fetch a setuptools that no hash vouches for: the lock file brings it instead.
$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.developed: requirements-dev.lock $(VENV)/.installed | $(VENV)/bin/python
	$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@
