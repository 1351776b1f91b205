# `make help` lists what there is. Everything runs from .venv, which `make setup` makes from requirements.lock.

BIN := .venv/bin
PACKAGES := $(wildcard banks dags disbursement ledger platforms reconciliation schemas simulator treasury)
FAST := $(wildcard tests/spec tests/property tests/golden tests/hostile)
PROFILE ?= quick
WORKERS ?= 2
# One more than the cores of a small machine: what waits for Airflow, a server or a line leaves its core to another.
SUITE_WORKERS ?= 3
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help setup demo check lint types arrows dependencies audit fast fix test test-pythons simulate simulate-mutants bench screenshots lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv with the salur command in it; at once when nothing changed
	@if [ -z "$(PYTHON)" ] && [ -e .venv/.salur-setup ] && .venv/bin/python -c '' 2>/dev/null; then python=.venv/bin/python; \
	else python=$$(PYTHON="$(PYTHON)" sh scripts/find-python.sh) || exit 1; fi; "$$python" scripts/setup.py

demo: setup ## one monthly cycle in Airflow against simulated banks; KEEP=1 leaves it up, APPROVE=ui waits, DATABASE=postgresql
	@KEEP="$(KEEP)" APPROVE="$(APPROVE)" DATABASE="$(DATABASE)" $(BIN)/python -m treasury.demo

check: setup ## what a commit must pass, in under a minute: style, types, arrows, fast tests
	@$(MAKE) -j2 --output-sync=target types lint arrows dependencies
	@$(MAKE) fast

lint: setup
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted: run make fix"; $(BIN)/ruff format --check .; exit 1; }

types: setup
	@$(BIN)/mypy $(PACKAGES)

arrows: setup
	@$(BIN)/lint-imports --no-logo

dependencies: setup
	@$(BIN)/deptry .
	@$(BIN)/deptry . --exclude '\.venv' --ignore DEP002,DEP004

audit: setup ## known vulnerabilities of what the lock names, where a service of advisories can be reached; STRICT=1 insists
	@$(BIN)/python scripts/audit.py $(if $(STRICT),--strict)

fast: setup
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m "not needs and not slow" $(FAST)

test-pythons: setup ## the fast tests on each supported Python that is installed here, in an environment of its own
	@sh scripts/test-pythons.sh -n $(WORKERS) -m "not needs and not slow" $(FAST)

fix: setup ## let ruff repair and format what it can
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

test: setup ## the whole suite against real servers; PROFILE=nightly draws many more examples
	@sh scripts/test-servers.sh
	@$(BIN)/python -m pytest -n $(SUITE_WORKERS) --hypothesis-profile=$(PROFILE) $(ARGS)

simulate: setup ## N simulated programmes (N=200 FIRST=1 FAULTS=hostile PEOPLE=150): seeds a minute, faults by kind, what breaks
	@$(BIN)/python -m treasury.many_worlds $(or $(N),20) --first $(or $(FIRST),1) $(if $(FAULTS),--faults $(FAULTS)) $(if $(PEOPLE),--people $(PEOPLE)) $(if $(MONTHS),--months $(MONTHS))

simulate-mutants: setup ## in how many worlds each bug of tests/mutants is found; ONLY="return_ignored" for some, PEOPLE=60 MONTHS=4, KEEP=1 keeps what finds them
	@$(BIN)/python -m scripts.simulate_mutants $(ONLY) $(if $(PEOPLE),--people $(PEOPLE)) $(if $(MONTHS),--months $(MONTHS)) $(if $(KEEP),--keep)

bench: setup ## us beside our peers, and a cycle on SQLite and PostgreSQL: docs/performance.md; ONLY=pain001 SIZE=10000 for a look
	@$(BIN)/python scripts/setup.py --peers
	@$(BIN)/python -m benchmarks --date $(or $(DATE),$(shell date +%F)) $(if $(SIZE),--size $(SIZE)) $(if $(ONLY),--only $(ONLY))

screenshots: setup ## the pictures in README, taken from a demonstration that runs for them
	@$(BIN)/python scripts/screenshots.py

# The peers' lock has our versions of what both need, but for pandas, of which one peer takes none newer than 2.
lock: setup ## work out requirements.lock and the peers' lock anew from pyproject.toml; UPGRADE=1 takes the newest releases
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --extra dev \
		$(if $(UPGRADE),--upgrade) pyproject.toml --output-file requirements.lock
	@sed -n 's/^\([a-z0-9][^ ]*==[^\\]*\) \\$$/\1/p' requirements.lock | grep -v '^pandas==' | $(BIN)/uv pip compile --quiet --universal \
		--generate-hashes --no-header --python-version 3.11 --group bench --constraint - $(if $(UPGRADE),--upgrade) \
		--output-file requirements-bench.lock

clean: ## remove what was made, but neither .venv nor any home with a ledger in it
	@rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
