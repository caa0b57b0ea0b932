# Everything is set up by the first target that needs it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Debian and Ubuntu ship Python without its venv module.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
VENV_PACKAGE = $(shell $(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
INSTALL_VENV = $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq $(VENV_PACKAGE)

# What the browser tests check accessibility with; they are skipped where there is no browser.
AXE := $(if $(and $(shell command -v npm),$(shell command -v chromium)),tests/axe/node_modules/.package-lock.json)

.DEFAULT_GOAL := help
.PHONY: help run test lint format bench chaos machines screenshots lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.run ## set up, then serve on http://127.0.0.1:5000 with the embedded dev chain
	$(BIN)/python faucet.py serve

test: $(VENV)/.dev $(AXE) ## set up, then run every test, two files at a time
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/.dev ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev ## let ruff format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

chaos: $(VENV)/.dev ## kill and disturb everything for long, then compare the records: make chaos MACHINES=3 CHAOS='--flavour bitshares'
	$(BIN)/python -m tests.chaos $(if $(MACHINES),--machines $(MACHINES)) $(CHAOS)

machines: $(VENV)/.dev ## start three machines and two databases here, and kill some while signups go on
	$(BIN)/python -m tests.machines

screenshots: $(VENV)/.dev ## photograph every page into docs/screenshots (needs chromium and its driver)
	$(BIN)/python -m tests.browser.screenshots

bench: $(VENV)/.dev ## measure, and print a table of figures and targets: make bench BENCH='accepting registering'
	$(BIN)/python -m bench $(BENCH)

lock: ## resolve the dependencies anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    pyproject.toml --extra postgresql -o deploy/docker/requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    pyproject.toml --extra postgresql --group dev -o tests/requirements.lock

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis tests/axe/node_modules

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11'; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); $(INSTALL_VENV) && $(PYTHON) -m venv $(VENV); }

# The locked set is complete, so pip need not resolve: it only checks the hashes.
$(VENV)/.run: requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: tests/requirements.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/requirements.lock
	@touch $@

tests/axe/node_modules/.package-lock.json: tests/axe/package-lock.json
	cd tests/axe && npm ci --silent --no-audit --no-fund
	@touch $@
