# One command for each habit. `make help` lists them. A new machine needs Python 3.11+, pip and make.
PYTHON ?= python3
BIN := .venv/bin
CASES ?= 100000
RACES ?= 100
# Two more than the cores that the tests are made for: many of them wait for a server or for a moment.
WORKERS ?= 4
STAMP := .venv/.installed
CODE := $(wildcard registry tests benchmarks)
export UV_LINK_MODE ?= copy
# Where bytecode is not kept, each of the many commands that tests start compiles everything anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo programs test check fix bench docs schema lock kill fuzz clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

install: $(STAMP) ## create .venv and install what the lock file says

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(STAMP)

demo: $(STAMP) ## run the main job from ingestion to certificate, narrated
	@$(BIN)/registry demo

programs: ## install Debian's Chromium and MariaDB, which tests drive, where they are missing
	@PATH="$$PATH:/usr/sbin"; MISSING=; \
		command -v chromium >/dev/null || MISSING="$$MISSING chromium"; \
		command -v mariadbd >/dev/null || MISSING="$$MISSING mariadb-server-core"; \
		test -z "$$MISSING" || { SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
		$$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends $$MISSING >/dev/null; }

test: $(STAMP) programs ## run the tests, in parallel
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(STAMP) ## formatting, lint, types, direction of imports, docstrings, policies
	@$(BIN)/ruff format --check --quiet $(CODE)
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/registry policies check

fix: $(STAMP) ## format, and mend what the linter can mend
	@$(BIN)/ruff check --fix --quiet $(CODE) || true
	@$(BIN)/ruff format --quiet $(CODE)

bench: $(STAMP) ## benchmarks, ours beside the raw limit; ROW=ingest for one
	@$(BIN)/python -m benchmarks $(ROW)

docs: $(STAMP) ## hold the documentation against the code
	@$(BIN)/python -m pytest -q tests/architecture

kill: $(STAMP) ## the long kill -9 run
	@REGISTRY_TEST_KILLS=200 $(BIN)/python -m pytest -q tests/reliability tests/flows/test_interrupted_erasure.py -k kill --timeout 3600

fuzz: $(STAMP) ## the long fuzzing run: 100,000 cases of each kind, or CASES=n; 100 races, or RACES=n
	@REGISTRY_TEST_FUZZ_RUNS=$(CASES) $(BIN)/python -m pytest -q tests/fuzz
	@REGISTRY_TEST_RACES=$(RACES) $(BIN)/python -m pytest -q tests/reliability/test_racing_consent.py
	@HYPOTHESIS_PROFILE=long REGISTRY_TEST_CASES=$(CASES) $(BIN)/python -m pytest -q --timeout 28800 \
		tests/api/test_fuzz.py tests/unit/plans/test_plan_differential.py tests/unit/plans/test_plan_properties.py tests/property

schema: $(STAMP) ## write the scripts that a first start makes its SQLite databases from
	@$(BIN)/python -m registry.store.snapshot

lock: ## write requirements.lock from pyproject.toml
	@test -x $(BIN)/uv || ($(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv)
	@$(BIN)/uv pip compile pyproject.toml --quiet --group dev --all-extras --universal --generate-hashes \
		--no-emit-index-url --no-header --python-version 3.11 --output-file requirements.lock

clean: ## remove what the other targets made
	@rm -rf .venv build dist benchmarks/out .mypy_cache .ruff_cache .pytest_cache .hypothesis
