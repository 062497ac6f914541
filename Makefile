# Radiolucent's verbs. Needs make, a POSIX shell and Python >= 3.11; everything else goes into .venv.
# `make run` installs what the server needs, `make test` what the tests need as well, both from lock files with hashes.

.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
VIEWER := viewer/radiolucent_ohif/dist/index.html
ARGS ?=
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 600
CYCLES ?= 110

# The first Python that runs and is new enough; `make PYTHON=/path/to/python ...` chooses another.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$python; break; }; done)

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" --quiet
GROUP := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" --quiet --group
PAGES := $(BIN)/radiolucent settings

.PHONY: help run setup test browser viewer viewer-wheel check e2e crash bench audit sbom fuzz soak format openapi docs gallery screenshots lock services pages site clean

help: ## This list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)$$/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: setup ## Serve on http://127.0.0.1:8080/dicom-web with data in ./data
	$(BIN)/radiolucent serve $(ARGS)

setup: $(VENV)/.installed ## Create .venv with the server and its command, .venv/bin/radiolucent

test: $(VENV)/.developed services $(VIEWER) ## Run all tests (installs PostgreSQL's binaries where it may); ARGS="tests/unit -k json" runs some
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

check: $(VENV)/.developed ## Format, lint, types, layers and house rules, in under a minute
	$(BIN)/ruff format --check app tests viewer
	$(BIN)/ruff check app tests viewer
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/house
	.ci/audit

audit: $(VENV)/.developed ## Known weaknesses of what the lock files pin, now (api.osv.dev has to be in reach)
	rm -f $(VENV)/.audited
	.ci/audit

sbom: $(VENV)/tools/.installed ## Write the bill of materials, build/radiolucent.cdx.json (CycloneDX)
	@mkdir -p build
	$(VENV)/tools/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --mc-type application \
		--output-reproducible --output-format JSON --output-file build/radiolucent.cdx.json

fuzz: $(VENV)/.fuzzing ## Fuzz the parsers, led by coverage, FUZZ_SECONDS=60 each; ARGS="part10 json" some of them
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(ARGS)

soak: $(VENV)/.developed ## Mixed traffic with faults against a real server for SOAK_SECONDS=600; memory has to be flat
	$(BIN)/python -m tests.soak --seconds $(SOAK_SECONDS)

bench: $(VENV)/.developed ## Measure, beside the least that it could take, and write build/bench.json; ARGS=pixels measures that alone
	$(BIN)/python -m tests.bench --json build/bench.json $(ARGS)

crash: $(VENV)/.developed services ## kill -9 under traffic, 110 cycles on each backend (CYCLES=...): half an hour and more
	CRASH_CYCLES=$(CYCLES) $(BIN)/pytest tests/e2e/test_kill.py $(ARGS)

browser: $(VENV)/.developed services $(VIEWER) ## All tests in a real browser, the long ones as well
	$(BIN)/pytest tests/browser -m "whole or not whole" $(ARGS)

viewer: ## Fetch the viewer OHIF (npm package @ohif/app, about 50 MB) for `radiolucent serve` to serve at /ohif
	@test -n "$(PYTHON)" || { echo "Radiolucent needs Python 3.11 or newer" >&2; exit 1; }
	"$(PYTHON)" viewer/build.py $(ARGS)

viewer-wheel: $(VIEWER) $(VENV)/.developed ## Build build/radiolucent_ohif-*.whl, for installations without a checkout
	@mkdir -p build
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir build ./viewer

format: $(VENV)/.developed ## Format the code and put the imports in order
	$(BIN)/ruff check --select I --fix app tests viewer
	$(BIN)/ruff format app tests viewer

e2e: $(VENV)/.developed services ## Run the tests against a real server, database and object store only
	$(BIN)/pytest tests/e2e $(ARGS)

openapi: $(VENV)/.installed ## Write the HTTP interface's description: OpenAPI, Postman collection, docs/reference/http.md
	$(BIN)/radiolucent openapi

docs: pages site ## Draw the pages that are drawn, and build the site of the documents, build/site

site: $(VENV)/docs/.installed ## Build the site of the documents (MkDocs, strictly) into build/site
	NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --strict --quiet
	@echo "build/site/index.html"

pages: $(VENV)/.developed ## Draw the pages that are drawn: .env.example, the configuration reference, the transfer syntaxes, the corpus
	$(PAGES) --format env > .env.example
	$(PAGES) --format markdown > docs/reference/configuration.md
	REDRAW_SYNTAXES=1 $(BIN)/pytest tests/house/test_transfer_syntaxes.py
	REDRAW_CORPUS=1 $(BIN)/pytest tests/e2e/test_corpus.py
	REDRAW_EXAMPLES=1 $(BIN)/pytest tests/conformance/test_examples.py
	REDRAW_CONFORMANCE=1 $(BIN)/pytest tests/conformance/test_statement.py

gallery: $(VENV)/.developed ## Draw docs/gallery.md: contact sheets of what is rendered
	$(BIN)/python -m tests.gallery

screenshots: $(VENV)/.developed ## Take the documents' pictures of the console anew, in Chromium
	REDRAW_SCREENSHOTS=1 $(BIN)/pytest tests/browser/test_console_screenshots.py -m whole

lock: $(VENV)/.developed ## Bring the lock files up to date (all: make lock ARGS=--upgrade)
	$(LOCK) --group build --output-file requirements.lock $(ARGS)
	$(LOCK) --group build --group dev --constraint requirements.lock --output-file requirements-dev.lock $(ARGS)
	$(GROUP) tools --output-file requirements-tools.lock $(ARGS)
	$(GROUP) fuzz --output-file requirements-fuzz.lock $(ARGS)
	$(GROUP) docs --output-file requirements-docs.lock $(ARGS)

services: ## Make sure that PostgreSQL's server and curl are there for the tests
	@.ci/services

clean: ## Remove .venv and caches; ./data stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Not by way of `make viewer`: a sub-make would hand it the ARGS that were meant for pytest.
$(VIEWER): viewer/build.py | $(VENV)/bin/python services
	$(BIN)/python viewer/build.py

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

# What looks at the lock files stands in an environment of its own, so that it changes nothing of what it looks at.
$(VENV)/tools/.installed: requirements-tools.lock | $(VENV)/bin/python
	@"$(PYTHON)" -m venv $(VENV)/tools
	$(VENV)/tools/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary :all: -r requirements-tools.lock
	@touch $@

$(VENV)/docs/.installed: requirements-docs.lock | $(VENV)/bin/python
	@"$(PYTHON)" -m venv $(VENV)/docs
	$(VENV)/docs/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary :all: -r requirements-docs.lock
	@touch $@

$(VENV)/.fuzzing: requirements-fuzz.lock $(VENV)/.developed
	$(PIP) install --require-hashes --only-binary :all: -r requirements-fuzz.lock || \
		echo "There is no atheris for this Python or machine: the parsers are fuzzed without coverage" >&2
	@touch $@
