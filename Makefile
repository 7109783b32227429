# Orderscope. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install demo test chaos drill drills scenario load soak bench fuzz check format contracts dashboards up down stack-up stack-down stack-status dead-letters audit licences lock clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Orderscope needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	@echo "Installing Python packages into $(VENV) (about a minute, once)"
	@$(PYTHON) -m venv $(VENV) || { echo "cannot create $(VENV): on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

install: $(INSTALLED) ## Install the Python packages into .venv

demo: install ## Start everything, place orders, show what can be seen
	@$(BIN)/python -m cli demo

test: install ## Run all tests, on real servers of their own
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(ARGS)

chaos: install ## Break what can break under load, account for every order; CHAOS_ORDERS, CHAOS_SEED, CHAOS_FAULTS, CHAOS_RATE, CLUSTER=3
	@$(BIN)/python -m cli chaos

drill: install ## Inject one fault, wait for its alert and its end; NAME=payment-slow, DRILL_FAST=1 for seconds instead of minutes
	@$(BIN)/python -m cli drill $(or $(NAME),'')

drills: install ## All of them, one after the other; DRILL_FAST=1
	@$(BIN)/python -m cli drill all

scenario: install ## Switch faults on and off by hand; ARGS="on payment-slow", ARGS=--help
	@$(BIN)/python -m cli scenario $(ARGS)

load: install ## Let users place orders, judge by thresholds; LOAD_RATE, LOAD_USERS, LOAD_SECONDS, LOAD_SHAPE, LOAD_UI=1, LOAD_HOST
	@$(BIN)/python -m cli load

soak: install ## Find the highest rate that is held, keep up 70 % of it for ten minutes; SOAK_SECONDS, SOAK_RATE
	@$(BIN)/python -m cli soak

bench: install ## Measure api and worker beside bare programs, and what telemetry costs; BENCH_SECONDS, BENCH_ROUNDS, BENCH_AGAINST=FOLDER
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r loadtests/bench/stock.lock
	@$(BIN)/python -m cli bench

fuzz: install ## Fuzz the api by its OpenAPI document, at length, from a random seed; FUZZ_EXAMPLES=300
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-300} $(BIN)/python -m pytest --capture=no tests/e2e/test_fuzz.py $(ARGS)

check: install ## Lint, types, import rules, no private member of a dependency
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -W ignore -m tests.interfaces

format: install ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

contracts: install ## Write contracts/openapi.json and docs/telemetry.md anew
	@$(BIN)/python -m services.api.openapi > contracts/openapi.json
	@$(BIN)/python -m tests.telemetry.page > docs/telemetry.md

dashboards: install ## Write grafana/dashboards/ anew
	@$(BIN)/python -m grafana

stack-up: install ## Start the stack natively, in the background
	@$(BIN)/python -m stack up

stack-down: install ## Stop it
	@$(BIN)/python -m stack down

stack-status: install ## Say what runs
	@$(BIN)/python -m stack status

up: ## Start the stack with Docker Compose
	@docker compose version >/dev/null || { echo "make up needs Docker with Compose; make stack-up does without" >&2; exit 1; }
	@$(PYTHON) -m stack.dotenv
	@docker compose up --detach --build --wait
	@echo "API http://$$(docker compose port api 8000)/docs   Grafana http://127.0.0.1:3000   Jaeger http://127.0.0.1:16686"
	@echo "Prometheus http://127.0.0.1:9090   RabbitMQ http://127.0.0.1:15672   inbox http://127.0.0.1:8025"

down: ## Stop it; volumes stay
	@docker compose down

dead-letters: install ## Work through dead letters: ARGS="list worker", ARGS="replay worker ID", ARGS=--help
	@$(BIN)/python -m cli dead-letters $(ARGS)

audit: install ## Look the locked packages up in the database of known vulnerabilities
	@for lock in requirements.lock requirements-dev.lock requirements-load.lock; do \
	  $(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r $$lock || exit; done

licences: install ## Write docs/licences.md anew
	@{ printf '# Licences\n\nOf every installed package, by its own metadata; `make licences` writes this.\n\n'; \
	   $(BIN)/pip-licenses --python=$(BIN)/python --from=mixed --format=markdown; } > docs/licences.md

lock: ## Compile the lock files anew (needs uv)
	@uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header -o requirements.lock
	@uv pip compile --quiet pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header -c requirements.lock -o requirements-dev.lock
	@uv pip compile --quiet --group load --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header -c requirements-dev.lock -o requirements-load.lock

clean: ## Stop the native stack and delete all that was made
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m stack down
	@rm -rf $(VENV) .run .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
