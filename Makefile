# `make` alone lists the targets. Each sets up what it needs, from a fresh clone with only Python 3.11 or newer, pip/venv and make.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check fix bench proof attacks docker-check readme bundle constraints clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SDKS := .sdks/.ready
WORKERS ?= 3

# Servers and workers that start may keep what they compile, or every one of them would compile it all anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: $(READY) $(SDKS) ## everything the other targets need, in .venv and .sdks

$(READY): pyproject.toml constraints.txt
	@scripts/system-packages
	@test -x $(BIN)/python || { python=$$(scripts/find-python) && echo "Making $(VENV) with $$python" && "$$python" -m venv $(VENV); }
	@echo "Installing runloop-mcp and its development tools into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --constraint constraints.txt pip
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt --editable '.[scorers,metrics,otel,oauth,plots]' --group dev
	@touch $@

$(SDKS): $(READY) scripts/sdk-environments $(wildcard tests/*/environments/*)
	@scripts/sdk-environments $(BIN)/python
	@touch $@

demo: $(READY) ## an agent's whole way through a scenario, over MCP, in your terminal
	@$(BIN)/runloop-mcp demo

test: check $(SDKS) ## the checks and the whole suite
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

check: $(READY) ## format, lint, types, import rule
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted; run: make fix" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >/dev/null || { $(BIN)/lint-imports --no-logo; exit 1; }

fix: $(READY) ## formats, and mends what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) $(SDKS) ## figures, as ratios to a floor measured in the same run
	@$(BIN)/python benchmarks/run.py

proof: $(READY) $(SDKS) ## the long runs at full size, the installed size and the Docker image
	@scripts/system-packages proof
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --full-size
	@$(BIN)/python benchmarks/faults.py
	@$(BIN)/python scripts/attack-table

attacks: $(READY) ## carries out every known attack, and prints what came of each
	@$(BIN)/python scripts/attack-table

docker-check: $(READY) ## builds the image from an imported base and drives it (needs root and Debian's docker.io)
	@$(BIN)/python -m pytest --full-size tests/docker

readme: $(READY) ## writes the tables of README and docs, and server.json, from the code
	@$(BIN)/python scripts/readme_tables.py
	@$(BIN)/python scripts/build_bundle.py --server-json

bundle: $(READY) $(SDKS) ## the bundle for Claude Desktop, checked by its own tool
	@bundle=$$($(BIN)/python scripts/build_bundle.py) && scripts/check-bundle "$$bundle"

constraints: ## resolves all dependencies afresh into constraints.txt
	@scripts/renew-constraints

clean: ## removes what the other targets made
	rm -rf $(VENV) .sdks build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
